"""Handover: where a target that leaves a window is seen next."""
