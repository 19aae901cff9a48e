"""Telling somebody: the upload callback. Knows nothing of requests or disks."""
