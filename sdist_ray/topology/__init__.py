"""Counts to links, edges and a graph."""
