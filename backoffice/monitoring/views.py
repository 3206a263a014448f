"""What a load balancer asks; answered without an account, in plain text."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, abort
from werkzeug.datastructures import WWWAuthenticate

from backoffice.monitoring import health, keep, metrics

blueprint = Blueprint("monitoring", __name__)


def init_app(app: Flask) -> None:
    """Answer under ``/healthz`` and ``/readyz``, and keep what requests ask."""
    metrics.init_app(app)
    keep.init_app(app)
    app.register_blueprint(blueprint)


@blueprint.get("/healthz")
def alive() -> Response:
    """The process answers. A database that is down is no reason to restart the process."""
    return _plain("ok", 200)


@blueprint.get("/readyz")
def ready() -> Response:
    """The process can serve pages: send it requests."""
    complaint = health.why_not_ready()
    return _plain(complaint or "ready", 503 if complaint else 200)


@blueprint.get("/metrics")
def measured() -> Response:
    """What Prometheus asks for."""
    if not metrics.may_read():
        abort(401, www_authenticate=WWWAuthenticate("bearer"))
    keep.keeper().count()
    answer = Response(metrics.text(), content_type=metrics.CONTENT_TYPE)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _plain(line: str, status: int) -> Response:
    answer = Response(f"{line}\n", status, mimetype="text/plain")
    answer.headers["Cache-Control"] = "no-store"
    return answer
