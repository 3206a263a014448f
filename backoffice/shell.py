"""What surrounds every page: security headers, error pages, how values are shown."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache as once
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import (
    Flask,
    Response,
    abort,
    current_app,
    flash,
    g,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from markupsafe import Markup, escape
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, SecurityError
from werkzeug.wrappers import Response as BaseResponse

from backoffice import cache
from backoffice.database import complaint, db, is_busy
from backoffice.models.columns import exact_to_text
from backoffice.querylog import asked_by_request, cost_of_request
from backoffice.querylog.tallies import listed

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

DASH = Markup('<span class="muted">–</span>')

SAYS = {
    400: ("This address is broken", "A part of it was not understood. Go back and try again."),
    403: ("Not for your account", "Your role does not allow this. Ask an admin if you need it."),
    404: ("Nothing here", "There is no such page or record; it may have been deleted."),
    405: ("This address is broken", "It cannot be used in this way. Go back and try again."),
    413: ("That is too much at once", "The form or file is larger than this page accepts."),
    429: ("Too many tries", "Wait a minute, then try again."),
    500: ("Something went wrong", "It is our fault, it was logged, and nothing was saved."),
    503: (
        "The database is busy",
        "This took too long and was stopped; nothing was saved. Narrow the search or try again.",
    ),
}


def init_app(app: Flask) -> None:
    """Add them to ``app``."""
    app.before_request(refuse_nul)
    app.after_request(secure)
    app.register_error_handler(HTTPException, show_error)
    app.register_error_handler(CSRFError, show_stale)
    app.register_error_handler(OperationalError, show_busy)
    app.register_error_handler(PoolTimeout, show_busy)
    app.add_url_rule("/", "start", lambda: redirect(url_for("admin.index")))
    app.add_template_filter(show_money, "money")
    app.add_template_filter(show_number, "number")
    app.add_template_filter(show_moment, "moment")
    app.add_template_filter(lambda rate: f"{(rate * 100).normalize():f} %", "percent")
    app.add_template_filter(show_value, "value")
    app.jinja_env.globals.update(
        asset=asset,
        menu=menu,
        cost_of_request=cost_of_request,
        statements_address=statements_address,
        cache_state=cache.state,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


def refuse_nul() -> None:
    """No text of ours holds NUL, and PostgreSQL cannot store it: refuse it at the door."""
    if "\0" in request.path or any(
        "\0" in value for values in (request.args, request.form) for _, value in values.items(True)
    ):
        abort(400)


def secure(response: Response) -> Response:
    """Headers that keep a page from running or being framed by anything that is not ours."""
    headers = response.headers
    headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    if current_app.config["SESSION_COOKIE_SECURE"]:
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    if response.status_code == 304:
        response.close()  # nothing of the file is sent, and Werkzeug would leave it open
    if request.endpoint == "static" and "v" in request.args:
        headers["Cache-Control"] = "public, max-age=31536000, immutable"  # see `asset`
    elif request.endpoint != "static":
        headers["Cache-Control"] = "no-store"  # nobody reads it after signing out
    return response


def show_error(error: HTTPException) -> tuple[str, int, list[tuple[str, str]]] | BaseResponse:
    """The error as a page of ours; what the raiser said stands in place of the usual words."""
    if error.code is None or error.code < 400:
        return error.get_response()
    if isinstance(error, SecurityError):  # of a host that is not ours, a page has no links
        return error.get_response()
    title, says = SAYS.get(error.code, SAYS[400 if error.code < 500 else 500])
    if error.description and error.description != type(error).description:
        says = error.description
    own = getattr(error, "title", "")  # of a 503 that is not about the database
    # Allow of a 405, Retry-After of a 429: they tell a program what the page tells a reader.
    headers = [(name, value) for name, value in error.get_headers() if name != "Content-Type"]
    lone = error.code >= 500 and not own
    page = render_template("error.html", title=own or title, says=says, lone=lone)
    return page, error.code, headers


def show_stale(error: CSRFError) -> Any:
    """A form from before its sender was signed out; nothing is saved, and nothing typed is lost.

    Only our own pages get this far: for any other sender it stays an error.
    """
    view = (request.endpoint or "").rpartition(".")[2]
    if not _sent_by_our_page() or view not in {"create_view", "edit_view", "login"}:
        return show_error(error)
    if view == "login":
        flash("The page had expired. Sign in now.", "warning")
        return redirect(request.full_path)
    if current_user.is_authenticated:
        g.is_stale_form = True
        return current_app.view_functions[str(request.endpoint)](**(request.view_args or {}))
    kept = [(name, text) for name, text in request.form.items(multi=True) if name != "csrf_token"]
    return render_template("signed_out.html", kept=kept), 403


def _sent_by_our_page() -> bool:
    headers = request.headers
    ours = request.host_url.rstrip("/")
    return headers.get("Sec-Fetch-Site") == "same-origin" or headers.get("Origin") == ours


def show_busy(error: Exception) -> tuple[str, int]:
    """A statement that was stopped, or no connection to be had; anything else is our fault."""
    status, level = (503, logging.WARNING) if is_busy(error) else (500, logging.ERROR)
    # Not the error itself, which quotes people's data.
    current_app.logger.log(level, "database at %s: %s", request.endpoint, complaint(error))
    db.session.rollback()
    title, says = SAYS[status]
    return render_template("error.html", title=title, says=says, lone=True), status


@once
def asset_version(folder: str, name: str) -> str:
    return sha256(Path(folder, name).read_bytes()).hexdigest()[:10]


def asset(name: str) -> str:
    """The address of a static file, which changes when the file does."""
    app = current_app
    assert app.static_folder is not None  # noqa: S101 - the package has one
    version = asset_version(app.static_folder, name)
    # As url_for has it, which took a tenth of the time of a list's template.
    return f"{request.script_root}{app.static_url_path}/{name}?v={version}"


STATEMENTS = "performance.statements_view"


def statements_address() -> str | None:
    """The list of the statements that this page has asked until now, those of most time.

    All of it is in the address, so any process shows it, and none need keep what pages asked.
    """
    if STATEMENTS not in current_app.view_functions:
        return None
    (rule,) = current_app.url_map.iter_rules(STATEMENTS)
    shapes = [("s", tally) for tally in listed(asked_by_request())]
    # As url_for has it, which took longer than all else that counts statements.
    query = urlencode([("page", str(request.url_rule)), *shapes])
    return f"{request.script_root}{rule.rule}?{query}"


def menu() -> list[dict[str, Any]]:
    """The sections that the current user may see, in the order of work."""
    admin = current_app.extensions["admin"][0]
    return [
        {
            "name": item.name,
            "url": item.get_url(),
            "icon": item.name.lower(),
            "current": request.blueprint == item._view.endpoint,  # noqa: SLF001 - no other way
        }
        for item in admin.menu()
        if item.is_visible() and item.is_accessible()
    ]


def show_money(value: Decimal) -> str:
    """``1,265,793.04``: rounded half up to two places, and only here."""
    return f"{value.quantize(Decimal('0.01'), ROUND_HALF_UP):,}"


def show_number(value: int) -> str:
    """``12,345``."""
    return f"{value:,}"


def show_moment(value: datetime | None) -> Markup:
    """A short date with the full moment on hover."""
    if value is None:
        return DASH
    # A list shows hundreds: no formatting that escapes, of what needs none, and no strftime.
    said = value.astimezone(UTC).isoformat(" ", "seconds")
    return Markup(f'<time title="{said[:19]} UTC">{said[:10]}</time>')


def show_full_moment(value: datetime) -> Markup:
    """A moment to the minute, for a page that has the room."""
    value = value.astimezone(UTC)
    return Markup('<time datetime="{}">{} UTC</time>').format(
        value.isoformat(), value.strftime("%Y-%m-%d %H:%M")
    )


def show_value(value: Any) -> Markup:
    """Any value of a record as a reader wants it: money, moments, yes and no, a dash for empty."""
    if value is None or value == "":
        return DASH
    if isinstance(value, bool):
        return Markup("Yes" if value else "No")
    if isinstance(value, Decimal):
        return Markup(show_price(value))
    if isinstance(value, int):
        return Markup(show_number(value))
    if isinstance(value, datetime):
        return show_moment(value)
    return escape(value)


def show_price(value: Decimal) -> str:
    """``1,403.99``, with the decimals that it has."""
    return exact_to_text(value, thousands=",")
