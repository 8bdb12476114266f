"""People detectors against confidence, suppression, noise, rotation, resolution and blur."""
