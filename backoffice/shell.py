"""What surrounds every page: security headers, error pages, how values are shown."""

from __future__ import annotations

from flask import Flask


def init_app(app: Flask) -> None:
    """Add them to ``app``."""
