"""Proposals as code: written in Python, simulated on a fork, submitted exactly as simulated."""
