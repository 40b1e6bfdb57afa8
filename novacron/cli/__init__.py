"""The `novacron` command: parses, calls, prints."""
