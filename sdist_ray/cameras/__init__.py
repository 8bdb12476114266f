"""A camera: its id, where its video is, what it ignores, and how its image maps to the ground."""
