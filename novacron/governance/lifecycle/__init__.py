"""Submitting, voting, queueing, executing, and holding each step to the report."""
