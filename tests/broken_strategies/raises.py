"""Raises when it is imported."""

raise RuntimeError("of the user's own")
