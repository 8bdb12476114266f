"""Which estimator finds the most links, and the fewest false ones?"""
