"""`manage.py` without any record of statements: what the query log is measured beside.

No ``Server-Timing``, no foot, no metrics, no slow statements in the log, and Flask-SQLAlchemy
does not record either. All else is as in production.
"""

from __future__ import annotations

from backoffice import querylog
from backoffice.cli import main
from backoffice.config import Settings

querylog.init_app = lambda app: app.extensions.update(querylog=[])
_config = Settings.flask_config
Settings.flask_config = lambda self: _config(self) | {"SQLALCHEMY_RECORD_QUERIES": False}

if __name__ == "__main__":
    main()
