"""Who may do what: roles, ``may()``, and the mixin that guards every admin view. No pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from functools import wraps
from typing import Any, ClassVar, cast

from flask import Flask, abort, redirect, request, url_for
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import current_user
from flask_security import LoginForm, Security, SQLAlchemyUserDatastore, uia_email_mapper
from flask_wtf import CSRFProtect
from sqlalchemy import bindparam, select

from backoffice import cache
from backoffice.database import db
from backoffice.models import ROLES, User
from backoffice.models.user import Role


class Action(StrEnum):
    """What a page or button does."""

    VIEW = "view"
    EDIT = "edit"
    DELETE = "delete"
    BULK = "bulk"
    IMPORT = "import"
    ADMINISTER = "administer"


LEAST = {
    Action.VIEW: "viewer",
    Action.EDIT: "editor",
    Action.DELETE: "manager",
    # A whole filter in one go; selected rows are edits.
    Action.BULK: "manager",
    Action.IMPORT: "manager",
    Action.ADMINISTER: "admin",
}
"""The least role that may do it."""

OUR_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")
"""A path on this host to any browser: printable ASCII without a backslash, one slash in front."""

WAIT = "Wait a few minutes, then try again."

OF_SESSION = select(User).where(User.fs_uniquifier == bindparam("session"))

csrf = CSRFProtect()


def may(user: Any, action: Action) -> bool:
    """Whether ``user``, signed in or not, may do ``action``."""
    if not user.is_authenticated:
        return False
    return ROLES.index(user.role) >= ROLES.index(LEAST[action])


class Guarded:
    """Keeps an admin view from those who may not use it; list it before Flask-Admin's class.

    ``needs`` names the actions of the view methods that a class adds, and of no others: those of
    its bases hold as well. A method that none lists needs VIEW.
    """

    needs: ClassVar[dict[str, Action]] = {}

    @classmethod
    def needed(cls, view: str) -> Action:
        """What somebody must be allowed to do for this view method."""
        for part in cls.__mro__:
            if view in vars(part).get("needs", {}):
                action: Action = vars(part)["needs"][view]
                return action
        return Action.VIEW

    def is_accessible(self) -> bool:
        return may(current_user, Action.VIEW)

    def inaccessible_callback(self, name: str, **_: Any) -> Any:
        if current_user.is_authenticated:
            abort(403)
        return redirect(url_for("security.login", next=request.full_path))

    def _handle_view(self, name: str, **kwargs: Any) -> Any:
        refused = super()._handle_view(name, **kwargs)  # type: ignore[misc]
        if refused is None and not may(current_user, self.needed(name)):
            abort(403)
        return refused

    def _run_view(self, view: Any, *args: Any, **kwargs: Any) -> Any:
        """Call the view once: Flask-Admin would call it again on any TypeError inside it."""
        return view(self, *args, **kwargs)


class Users(SQLAlchemyUserDatastore):
    """The users as Flask-Security finds them."""

    def find_user(self, case_insensitive: bool = False, **by: Any) -> User | None:
        """The user with this value; whom each page's session knows by a statement made once."""
        if "fs_uniquifier" in by:
            return db.session.scalar(OF_SESSION, {"session": by["fs_uniquifier"]})
        return cast("User | None", super().find_user(case_insensitive, **by))


class SignInForm(LoginForm):
    """Email and password; a session ends with the browser, so nobody is remembered for a year."""

    remember = None


def init_app(app: Flask, redis_url: str | None) -> None:
    """Sign-in by Flask-Security, CSRF on every write, limits on signing in.

    A form and a session are the only way in: what Flask-Security offers besides (JSON, tokens in
    the address, a page that asks for the password again) is turned off.
    """
    app.config.from_mapping(
        SECURITY_PASSWORD_HASH="argon2",  # noqa: S106
        # argon2 salts by itself. A second hash keyed with the secret key would make every
        # password wrong on the day that key is changed.
        SECURITY_PASSWORD_SINGLE_HASH={"argon2"},
        SECURITY_PASSWORD_LENGTH_MIN=10,
        SECURITY_JOIN_USER_ROLES=False,
        SECURITY_RETURN_GENERIC_RESPONSES=True,
        SECURITY_MSG_GENERIC_AUTHN_FAILED=("Email or password is wrong.", "error"),
        SECURITY_CSRF_IGNORE_UNAUTH_ENDPOINTS=False,
        SECURITY_POST_LOGIN_VIEW="/admin/",
        SECURITY_POST_LOGOUT_VIEW="/login",
        SECURITY_LOGIN_USER_TEMPLATE="accounts/login.html",
        SECURITY_SEND_REGISTER_EMAIL=False,
        SECURITY_FRESHNESS=timedelta(seconds=-1),
        SECURITY_STATIC_FOLDER=None,
        # Flask-Limiter has a name of its own for what redis-py calls unix://.
        RATELIMIT_STORAGE_URI=re.sub(r"^unix:", "redis+unix:", redis_url or "memory://"),
        # A Redis that is gone or stuck must not keep staff out: each process counts by itself.
        RATELIMIT_STORAGE_OPTIONS=cache.redis_options() if redis_url else {},
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=True,
        # Of several who wait when Redis falls silent, the library lets the first go on by the
        # process's own count; the others it would fail. They go on as well, that try uncounted.
        RATELIMIT_SWALLOW_ERRORS=True,
        RATELIMIT_HEADERS_ENABLED=True,
    )
    csrf.init_app(app)
    security = Security(app, Users(db, User, Role), login_form=SignInForm)
    security.principal.skip_static = True  # its need of the user is a statement for each file
    security.want_json(lambda _request: False)
    app.login_manager.request_loader(lambda _request: None)  # type: ignore[attr-defined]
    app.before_request(refuse_odd_sign_in)
    limit_sign_in(app)


def refuse_odd_sign_in() -> None:
    """Refuse what a page of ours never sends to sign somebody in or out.

    Of a JSON body the limits would not see the account. A ``next`` that is no path of ours is an
    attempt to lead somebody astray, and Flask-Security stumbles over some of them.
    """
    if request.blueprint != "security":
        return
    if request.is_json:
        abort(415)
    if not all(OUR_PATH.fullmatch(path) for path in request.values.getlist("next") if path):
        abort(400)


def limit_sign_in(app: Flask) -> None:
    """Bound guessing per address, and per account from one address.

    An account alone is bounded far more loosely: a tight limit would let anybody lock it.
    """
    # One of its own for each application: a shared one would count each try once for each.
    limiter = Limiter(get_remote_address, app=app)
    view: Any = _reading(app.view_functions["security.login"])
    for limit, key in (
        ("20/minute;200/hour", get_remote_address),
        ("5/minute;30/hour", lambda: f"{get_remote_address()}:{_account()}"),
        ("300/hour", _account),
    ):
        view = limiter.limit(limit, key_func=key, methods=["POST"], error_message=WAIT)(view)
    app.view_functions["security.login"] = view


def _reading(view: Callable[..., Any]) -> Callable[..., Any]:
    """Sign in by a transaction that reads: SQLite's writers would wait while argon2 computes.

    Who is signed in already has a transaction, that of the page's user, and is only sent on.
    """

    @wraps(view)
    def sign_in(*args: Any, **kwargs: Any) -> Any:
        if not db.session().in_transaction():
            db.session.connection(execution_options={"begins_reading": True})
        return view(*args, **kwargs)

    return sign_in


def _account() -> str:
    """The account meant, however it is spelled: as the sign-in form will look it up."""
    typed = request.form.get("email", "")[:255]
    return (uia_email_mapper(typed) or typed or "none").casefold()
