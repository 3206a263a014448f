"""The back office: ``create_app()`` lists what it is made of, top to bottom."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from backoffice.config import Settings


def create_app(settings: Settings | None = None) -> Flask:
    """The whole application; reads the environment when ``settings`` are not given.

    Its parts are imported here and not above: `manage.py --help` imports this package and must
    not pay for Flask and SQLAlchemy.

    :raises SettingsError: a setting is missing or makes no sense.
    """
    from flask import Flask
    from flask_migrate import Migrate
    from werkzeug.middleware.proxy_fix import ProxyFix

    from backoffice import access, admin, cache, database, history, monitoring, querylog, shell
    from backoffice.config import ROOT, Settings

    settings = settings or Settings.from_environ()
    settings.make_database_file()
    app = Flask(
        __name__,
        instance_path=str(settings.instance_path),
        template_folder=str(ROOT / "templates"),
    )
    app.config.from_mapping(settings.flask_config())

    if settings.proxies:  # else every visitor would have the proxy's address
        # Not X-Forwarded-Host: many proxies pass on what the visitor wrote there.
        counts = dict.fromkeys(("x_for", "x_proto"), settings.proxies)
        app.wsgi_app = ProxyFix(app.wsgi_app, **counts)  # type: ignore[method-assign]

    database.init_app(app)
    Migrate(app, database.db, directory=str(ROOT / "migrations"))
    querylog.init_app(app)
    cache.init_app(app, settings.redis_url)
    history.init_app(app)
    access.init_app(app, settings.redis_url)
    shell.init_app(app)
    monitoring.init_app(app)
    admin.init_app(app)
    return app
