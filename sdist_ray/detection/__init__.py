"""Frames to foreground, blobs and people."""
