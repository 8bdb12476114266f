"""Transits: who leaves one camera's view and enters another's, how often, and how long it takes."""
