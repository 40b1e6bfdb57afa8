"""Deployment: plan, journal, apply, manifest, verification."""
