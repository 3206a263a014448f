"""Texts that have broken other people's software, from the lists that lie beside the project."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from tests.conftest import SHARED

OWN = (
    "\0",
    "a\0b",
    "%ED%A0%80",
    "\U0010ffff",
    "\ufeff",
    "a" * 5_000,
    "%" * 300,
    "_",
    "\\",
    "-1",
    "0",
    "1e5000",
    "NaN",
    "Infinity",
    "9" * 30,
    "9223372036854775808",
    "-9223372036854775809",
    "1,2",
    "1.5",
    "\u0661",
    "[]",
    "{}",
    "null",
    "true",
    "end",
    "{{7*7}}",
    "${7*7}",
    "../../etc/passwd",
)

ELSEWHERE = (
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "\\\\\\evil.example",
    "/\\/evil.example",
    "/ /evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    "\r\n//evil.example",
    " //evil.example",
    " \\\\evil.example",
    "\x19////evil.example",
    "\u200a///evil.example",
    "\u3002evil.example",
    "http://evil.example",
    "https://evil.example",
    "HTTPS://evil.example",
    "http:evil.example",
    "http:/evil.example",
    "http:///evil.example",
    "https:\\\\evil.example",
    "ht\ttp://evil.example",
    "http://localhost@evil.example",
    "http://localhost:80@evil.example",
    "http://localhost\\@evil.example",
    "http://localhost%5C@evil.example",
    "http://localhost#@evil.example/",
    "http://localhost.evil.example",
    "http://localhost\u3002evil.example",
    "http://evil.example?http://localhost/",
    "http://evil.example\\.localhost/",
    "//localhost@evil.example",
    "//evil.example%2f@localhost/..",
    "/admin/\r\nLocation: http://evil.example",
    "/admin/\\..\\..//evil.example",
    "/%09/evil.example",
    "/%5Cevil.example",
    "/.//evil.example",
    "/..//evil.example",
    ".//evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt://localhost/%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "ftp://evil.example",
    "//[::1]@evil.example",
    "http://[evil.example",
    "http://evil.example:99999999",
    "security.logout",
    "static",
)
"""What an attacker gives for the page to go on to after signing in."""

LISTS = (
    "sqli/Generic_SQLI.txt",
    "xss/IntrudersXSS.txt",
    "xss/xss_payloads_quick.txt",
    "csv_injection/csv-payload.txt",
)


@cache
def payloads() -> tuple[str, ...]:
    """All of them, each once; only our own where the lists are not there."""
    texts = list(OWN)
    for name in LISTS:
        if (file := Path(SHARED, name)).exists():
            texts += file.read_text(encoding="utf-8").splitlines()
    if (file := Path(SHARED, "blns/blns.json")).exists():
        texts += json.loads(file.read_text(encoding="utf-8"))
    return tuple(dict.fromkeys(texts))


def dealt(hand: int, hands: int, part: int = 0, parts: int = 1) -> tuple[str, ...]:
    """Our own and one share of the others: ``hands`` tests together try all of them.

    :param part: Which of the ``parts`` of the share; the first has our own.
    """
    own = OWN if part == 0 else ()
    return (*own, *payloads()[len(OWN) + hand :: hands][part::parts])
