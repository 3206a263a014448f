"""A signed-in browser, as plain as can be: a new connection for each request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from http.client import HTTPConnection, HTTPMessage
from time import perf_counter
from urllib.parse import urlencode

HIDDEN = re.compile(r'<input\b[^>]*type="hidden"[^>]*>')
ATTRIBUTE = re.compile(r'\b(name|value)="([^"]*)"')


class UnexpectedAnswerError(Exception):
    """A page did not say what it should."""


@dataclass(frozen=True)
class Answer:
    """A response, the seconds from opening the connection to its last byte, and bytes sent."""

    status: int
    headers: HTTPMessage
    body: bytes
    seconds: float
    sent: int

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def status_code(self) -> int:
        """As Flask's client calls it, so that tests.pages reads either's answers."""
        return self.status

    @property
    def hidden(self) -> dict[str, str]:
        """The hidden fields of the page's forms: among them what protects against forgery."""
        pairs = [dict(ATTRIBUTE.findall(field)) for field in HIDDEN.findall(self.text)]
        return {pair["name"]: unescape(pair.get("value", "")) for pair in pairs if "name" in pair}

    @property
    def statements(self) -> int | None:
        """As the server's header says, ours or a peer's."""
        said = self.headers.get("X-Statements") or re.search(
            r'desc="(\d+) statement', self.headers.get("Server-Timing", "")
        )
        if not said:
            return None
        return int(said if isinstance(said, str) else said[1])


class Client:
    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}

    @property
    def headers(self) -> dict[str, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {"Cookie": cookies} if cookies else {}

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def post(self, path: str, form: Mapping[str, str]) -> Answer:
        return self.ask("POST", path, urlencode(form))

    def ask(self, method: str, path: str, body: str | None = None) -> Answer:
        headers = self.headers
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        started = perf_counter()
        connection = HTTPConnection("127.0.0.1", self.port, timeout=600)
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        content = response.read()
        seconds = perf_counter() - started
        connection.close()
        for cookie in response.headers.get_all("Set-Cookie") or ():
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        # About: the client adds three short headers of its own.
        sent = len(path) + sum(map(len, (*headers, *headers.values()))) + len(body or "")
        return Answer(response.status, response.headers, content, seconds, sent)

    def page(self, path: str, rows: int = 0) -> Answer:
        """A page that has to be there, with at least ``rows`` rows of a table.

        :raises UnexpectedAnswerError: it is not: what it takes would be no measure of it.
        """
        answer = self.get(path)
        found = answer.body.count(b"<tr")
        if answer.status != 200 or found < rows:
            raise UnexpectedAnswerError(f"{path}: status {answer.status}, {found} rows of {rows}")
        return answer

    def sign_in(self, path: str, form: Mapping[str, str]) -> None:
        """:raises UnexpectedAnswerError: nobody is let in."""
        answer = self.post(path, self.get(path).hidden | form)
        if answer.status not in {302, 303}:
            raise UnexpectedAnswerError(f"{path}: not signed in, status {answer.status}")
