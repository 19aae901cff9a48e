"""Bytes to types and back. Knows no disk and no operation."""
