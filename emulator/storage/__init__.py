"""Keeping it: the only code that knows a path."""
