"""Does a bad partitioning of cameras converge to a good one, and what does it cost?"""
