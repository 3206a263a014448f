"""Our application without any record of its statements: what the query log is measured beside.

No ``Server-Timing``, no foot, no metrics, no slow statements in the log, and Flask-SQLAlchemy
does not record either.
"""

from __future__ import annotations

from backoffice import create_app, querylog
from backoffice.config import Settings

querylog.init_app = lambda app: app.extensions.update(querylog=[])
_config = Settings.flask_config
Settings.flask_config = lambda self: _config(self) | {"SQLALCHEMY_RECORD_QUERIES": False}
app = create_app()
