"""The menu: every view in the order shown."""

from flask import Flask


def init_app(app: Flask) -> None: ...
