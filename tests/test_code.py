"""The code itself: lint, types, layers, size."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    "command",
    [
        "ruff check --quiet .",
        "ruff format --check --quiet .",
        "mypy --no-error-summary",
        "lint-imports --no-cache",
    ],
)
def test_passes(command):
    program, *arguments = command.split()
    beside_python = Path(sys.executable).parent / program

    run = subprocess.run(
        [beside_python, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stdout + run.stderr


def test_no_module_is_longer_than_400_lines():
    lengths = {
        str(file.relative_to(ROOT)): len(file.read_text().splitlines())
        for file in (ROOT / "backoffice").rglob("*.py")
    }

    assert {name: length for name, length in lengths.items() if length > 400} == {}
