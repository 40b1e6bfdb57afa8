"""Development tools: set-up, lint, generated files."""
