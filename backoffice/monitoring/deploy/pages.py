"""What a browser is told: asked of the application itself, whatever sets it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from werkzeug.datastructures import Headers
from werkzeug.test import TestResponse

from backoffice.monitoring.deploy.settings import Deployed
from backoffice.monitoring.health import Finding

YEAR = 31_536_000
STRICT_REFERRERS = {
    "no-referrer",
    "same-origin",
    "strict-origin",
    "strict-origin-when-cross-origin",
}
IN_SHELL = "set it in backoffice/shell.py, which puts headers on every response"


def check_headers(deployed: Deployed) -> Iterator[Finding]:
    """Each response tells browsers to keep to our own scripts, pages and https."""
    headers = _page(deployed).headers
    yield from wrong_headers(headers, secure=deployed.settings.secure_cookies)


def wrong_headers(headers: Headers | dict[str, str], *, secure: bool) -> Iterator[Finding]:
    """What ``headers`` of a page lack."""
    policy = _directives(headers.get("Content-Security-Policy", ""))
    if not policy:
        yield Finding("Content-Security-Policy is missing: any script may run", IN_SHELL)
    scripts = policy.get("script-src", policy.get("default-src", "*"))
    if policy and re.search(r"unsafe-|\*|\bhttps?:(\s|$)", scripts):
        yield Finding(f"Content-Security-Policy lets scripts in: {scripts}", IN_SHELL)
    if policy.get("frame-ancestors") != "'none'":
        yield Finding("a page may be framed by others: frame-ancestors is not 'none'", IN_SHELL)
    if headers.get("X-Content-Type-Options") != "nosniff":
        yield Finding("browsers guess what a file is: X-Content-Type-Options is off", IN_SHELL)
    if headers.get("Referrer-Policy") not in STRICT_REFERRERS:
        yield Finding("addresses of pages are told to other sites: Referrer-Policy", IN_SHELL)
    if headers.get("Cross-Origin-Opener-Policy") != "same-origin":
        yield Finding("other sites keep hold of our windows: Cross-Origin-Opener-Policy", IN_SHELL)
    if not secure:
        return
    told = headers.get("Strict-Transport-Security", "")
    age = re.search(r"max-age=(\d+)", told)
    if age is None or int(age[1]) < YEAR:
        yield Finding(
            "browsers may come by http first: Strict-Transport-Security is below a year", IN_SHELL
        )
    if "includeSubDomains" not in told:
        yield Finding("Strict-Transport-Security leaves subdomains out", IN_SHELL)


def check_cookie(deployed: Deployed) -> Iterator[Finding]:
    """The session's cookie goes over https only, to us only, and to no script."""
    if not deployed.settings.secure_cookies:
        yield Finding(
            "cookies go over http as well, where others can read them",
            "serve behind https, and set BACKOFFICE_SECURE_COOKIES=1",
        )
        return
    cookie = _page(deployed).headers.get("Set-Cookie", "")
    yield from wrong_cookie(cookie)


def wrong_cookie(cookie: str) -> Iterator[Finding]:
    """What the ``Set-Cookie`` of a session lacks."""
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    for flag, says in (
        ("secure", "goes over http as well: SESSION_COOKIE_SECURE"),
        ("httponly", "can be read by scripts: SESSION_COOKIE_HTTPONLY"),
    ):
        if flag not in parts:
            yield Finding(f"the session's cookie {says}", "leave it as backoffice/config.py has it")
    if not parts & {"samesite=lax", "samesite=strict"}:
        yield Finding(
            "the session's cookie goes along from other sites: SESSION_COOKIE_SAMESITE",
            "set it to Lax",
        )
    if not cookie.startswith("__Host-"):
        yield Finding(
            "the session's cookie can be set by other hosts of the domain",
            "let SESSION_COOKIE_NAME begin with __Host-",
        )


def _page(deployed: Deployed) -> TestResponse:
    """The page to sign in, which begins a session; asked from the host that is answered."""
    hosts = deployed.config.get("TRUSTED_HOSTS") or ["localhost"]
    scheme = "https" if deployed.settings.secure_cookies else "http"
    deployed.app.config["QUERY_LOG"] = False  # nobody visited
    client = deployed.app.test_client()
    return client.get("/login", base_url=f"{scheme}://{hosts[0].lstrip('.')}")


def _directives(policy: str) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in policy.split(";"))
    return {name: value.strip() for name, _, value in parts if name}
