"""The application for a WSGI server: ``gunicorn backoffice.wsgi:app``."""

from backoffice import create_app

app = create_app()
