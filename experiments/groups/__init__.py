"""Who walks together, on the ETH and Hotel sequences."""
