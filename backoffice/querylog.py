"""Statements per request, from Flask-SQLAlchemy's record of them."""

from __future__ import annotations

from flask import Flask


def init_app(app: Flask) -> None:
    """Say on each response what it cost, and log its slow statements."""
