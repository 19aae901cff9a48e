"""Who, and may they: pure functions of a request."""
