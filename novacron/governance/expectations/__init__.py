"""What a proposal's author says will change, and whether that is all that changes."""
