"""People followed through a whole network: across views that overlap, and across gaps between them."""
