"""A site that never was: people who walk, cameras that watch them, and the truth to measure against."""
