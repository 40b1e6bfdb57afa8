"""Buying, selling and staking machine time: exact arithmetic, quotes with limits, clients of the four contracts."""
