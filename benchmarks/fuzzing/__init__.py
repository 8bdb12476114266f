"""What benchmarks.fuzz feeds to the readers: files in good order, and how they are damaged."""
