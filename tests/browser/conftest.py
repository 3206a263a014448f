"""A real server and a real Chromium for the tests beside this file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

BODY = "tests.body"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
]

# Tells Python of every violation of the policy; runs before the scripts of a page.
LISTEN = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""


class QuietRequests(WSGIRequestHandler):
    """Serves without a line on the terminal for each request, and leaves no file open.

    werkzeug forgets to close a body whose browser resets the connection, as one does that opens
    the next page while this one's scripts arrive.
    """

    def log(self, *_: Any, **__: Any) -> None:
        pass

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:
        body = (environ or {}).get(BODY)
        if hasattr(body, "close"):
            body.close()


def remembering_body(app: Flask) -> WSGIApplication:
    """``app``, which leaves each answer's body where ``QuietRequests`` finds it."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[BODY] = app(environ, start_response)
        return environ[BODY]  # type: ignore[no-any-return]

    return answer


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not os.access(CHROMIUM, os.X_OK):
        if os.environ.get("CI"):
            pytest.fail(f"{CHROMIUM} is not there, and CI must not skip these tests")
        pytest.skip(f"{CHROMIUM} is not there")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def address_of() -> Iterator[Callable[[Flask], str]]:
    """Serves an application, once, and tells where."""
    servers: dict[Flask, tuple[BaseWSGIServer, Thread]] = {}

    def address_of(app: Flask) -> str:
        if app not in servers:
            server = make_server(
                "127.0.0.1",
                0,
                remembering_body(app),
                threaded=True,
                request_handler=QuietRequests,
            )
            thread = Thread(target=server.serve_forever, daemon=True)
            thread.start()
            servers[app] = server, thread
        return f"http://127.0.0.1:{servers[app][0].server_port}"

    yield address_of
    for server, thread in servers.values():
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def browse(
    app: Flask,
    chromium: Browser,
    address_of: Callable[[Flask], str],
    sign_in: Callable[[str], Any],
) -> Iterator[Callable[..., Page]]:
    """Opens a window of somebody's own browser; signed in as ``role`` unless that is empty.

    Other options go to the browser's context: ``viewport``, ``color_scheme`` and the like.
    """
    contexts: list[BrowserContext] = []

    def browse(role: str = "admin", **options: Any) -> Page:
        context = chromium.new_context(base_url=address_of(app), **options)
        contexts.append(context)
        context.set_default_timeout(5_000)
        context.add_init_script(LISTEN)
        if role:
            cookie = sign_in(role).get_cookie("session")
            context.add_cookies(
                [{"name": "session", "value": cookie.value, "url": address_of(app)}]
            )
        return context.new_page()

    yield browse
    for context in contexts:
        context.close()
