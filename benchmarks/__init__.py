"""The project's figures, measured. Each is run as ``python -m benchmarks.NAME``."""
