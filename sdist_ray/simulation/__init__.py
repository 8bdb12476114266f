"""A site that never was: its people, its cameras, and the truth to measure against."""
