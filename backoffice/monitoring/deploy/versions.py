"""The versions of Python and of the libraries that the tests ran with."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

from backoffice.config import ROOT
from backoffice.monitoring.deploy.settings import Deployed
from backoffice.monitoring.health import Finding

LEAST_PYTHON = (3, 11)
NAME = re.compile(r"[A-Za-z0-9._-]+")
PINS = "constraints.txt"


def check_python(_deployed: Deployed) -> Iterator[Finding]:
    """Python is one that the code is written for."""
    if sys.version_info[:2] < LEAST_PYTHON:
        least = ".".join(map(str, LEAST_PYTHON))
        yield Finding(f"this is Python {sys.version.split()[0]}", f"use Python {least} or newer")


def check_libraries(_deployed: Deployed) -> Iterator[Finding]:
    """Each library that runs is of the version that the tests ran with, where that is known."""
    pins = ROOT / PINS
    if not pins.exists():  # installed from a wheel
        return
    wrong = {name: pin for name, pin in _pinned(pins).items() if _installed(name) != pin}
    for name in sorted(_needed("backoffice") & wrong.keys()):
        yield Finding(
            f"{name} is {_installed(name) or 'not there'}, the tests ran with {wrong[name]}",
            f"run `pip install -c {PINS} -e .`",
        )


def _pinned(file: Path) -> dict[str, str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    pins = (line.partition("==") for line in lines if not line.startswith("#"))
    return {_plain(name): pin.split(";")[0].strip() for name, _, pin in pins if pin}


def _needed(package: str) -> set[str]:
    """The libraries that ``package`` needs, and those that these need in turn."""
    found: set[str] = set()
    waiting = [package]
    while waiting:
        try:
            needs = distribution(waiting.pop()).requires or []
        except PackageNotFoundError:
            continue
        for need in needs:
            # What only an extra or another system wants says so behind a semicolon.
            name = NAME.match(need)
            if name and ";" not in need and _plain(name[0]) not in found:
                found.add(_plain(name[0]))
                waiting.append(name[0])
    return found


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
