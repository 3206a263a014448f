"""Checks of a production, for ``manage.py doctor --deploy``; they come on top of ``health``'s."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlalchemy import Connection

from backoffice.monitoring.deploy.database import (
    check_clock,
    check_role,
    check_server,
    check_sums,
    check_version,
)
from backoffice.monitoring.deploy.files import check_disk, check_files
from backoffice.monitoring.deploy.pages import check_cookie, check_headers
from backoffice.monitoring.deploy.settings import (
    Deployed,
    check_bounds,
    check_debugging,
    check_hosts,
    check_processes,
    check_secret,
    check_sessions,
    check_sign_in,
)
from backoffice.monitoring.deploy.versions import check_libraries, check_python
from backoffice.monitoring.health import Finding

SETTINGS: dict[str, Callable[[Deployed], Iterator[Finding]]] = {
    "strength of the secret key": check_secret,
    "debugging is off": check_debugging,
    "hosts": check_hosts,
    "headers": check_headers,
    "cookies": check_cookie,
    "sessions": check_sessions,
    "signing in": check_sign_in,
    "bounds of requests and statements": check_bounds,
    "processes": check_processes,
    "files": check_files,
    "disk space": check_disk,
    "Python": check_python,
    "libraries": check_libraries,
}
"""What needs no database."""

DATABASE: dict[str, Callable[[Connection], Iterator[Finding]]] = {
    "version of the database": check_version,
    "settings of the server": check_server,
    "role": check_role,
    "clock": check_clock,
    "sums of the last days": check_sums,
}

__all__ = ["DATABASE", "SETTINGS", "Deployed"]
