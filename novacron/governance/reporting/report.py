"""The report of a simulation: a canonical JSON document, its hash, and the Markdown and HTML made of it."""

from __future__ import annotations

from novacron.governance.reporting.data import (
    FORMAT,
    document_hash,
    effects_document,
    effects_hash,
    plain,
    report_bytes,
    report_document,
)
from novacron.governance.reporting.html import render_html
from novacron.governance.reporting.markdown import render_markdown

__all__ = [
    "FORMAT",
    "document_hash",
    "effects_document",
    "effects_hash",
    "plain",
    "render_html",
    "render_markdown",
    "report_bytes",
    "report_document",
]
