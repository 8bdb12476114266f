"""Boxes to window bits in time: grid, blocks, padding, ranges, recordings."""
