"""A proposal's way on a fork, and everything that is checked there."""
