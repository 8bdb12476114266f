"""A live network: what carries its decisions out, and its workers."""
