"""Boxes to ground, tracks, pairs, groups and violations."""
