"""Window bits to counts of agreement and opportunity."""
