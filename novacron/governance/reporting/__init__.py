"""The report of a simulation: one document, rendered as Markdown and as a page."""
