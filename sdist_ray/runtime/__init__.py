"""Carries the coordinator's decisions out, in this process or on Ray."""
