"""The README is true: its commands run, print what it says, and name every command there is."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from backoffice.cli import COMMANDS, commands
from backoffice.config import ROOT
from tests.commands import Commands

README = (ROOT / "README.md").read_text(encoding="utf-8")
# What differs from run to run: durations, moments, generated passwords.
VOLATILE = (
    (re.compile(r"\d+(\.\d+)? s\b"), "# s"),
    (re.compile(r"[\d,]+ (products|rows) a second"), r"# \1 a second"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?"), "MOMENT"),
    (re.compile(r"(MOMENT  )\S+"), r"\1SOMEBODY"),
    (re.compile(r"(about )?[\d.]+ (bytes|kB|MB)\b|size unknown"), "SIZE"),  # without dbstat
    (re.compile(r"(password:? +)\S+"), r"\1SECRET"),
    (re.compile(r'"seconds": ?[\d.]+'), '"seconds": #'),
    (re.compile(r"[+-]?[\d,.]+ (kB|MB|GB)\b"), "# bytes"),
)

PLAIN = re.compile(r"\./manage\.py [^|&;<>$`\n]*")
"""What needs no shell, nor a start of its own."""


def steps(title: str) -> list[tuple[str, list[str]]]:
    """The commands of the ``console`` blocks under a heading, each with the output shown."""
    section = re.split(r"^## ", README, flags=re.M)
    (text,) = [part for part in section if part.startswith(title + "\n")]
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"^```console\n(.*?)^```", text, flags=re.M | re.S):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif found[-1][1] or not line.startswith("> "):
                found[-1][1].append(line)
            else:
                found[-1] = (f"{found[-1][0]}\n{line[2:]}", [])
    return found


def stable(lines: list[str]) -> list[str]:
    kept = []
    for line in lines:
        for pattern, word in VOLATILE:
            line = pattern.sub(word, line)  # noqa: PLW2901
        kept.append(line.rstrip())
    return kept


class TestTour:
    @pytest.mark.parametrize("title", ["A tour", "Migrations"])
    def test_each_command_prints_what_the_readme_shows(
        self, tmp_path: Path, title: str, commands: Commands
    ):
        (tmp_path / "manage.py").symlink_to(ROOT / "manage.py")
        environ = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "BACKOFFICE_INSTANCE_PATH": str(tmp_path / "instance"),
        }
        for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY"):
            environ.pop(name, None)

        for number, (command, shown) in enumerate(steps(title)):
            if number and PLAIN.fullmatch(command):
                arguments = shlex.split(command)[1:]
                done = commands.run(*arguments, environ=environ, cwd=tmp_path, together=True)
            else:
                done = subprocess.run(
                    ["bash", "-c", command + " 2>&1"],
                    cwd=tmp_path,
                    env=environ,
                    capture_output=True,
                    text=True,
                    timeout=120,
                    check=False,
                )

            assert stable(done.stdout.splitlines()) == stable(shown), f"$ {command}"


class TestCommands:
    @pytest.mark.parametrize("name", sorted(COMMANDS))
    def test_each_is_in_the_readme(self, name: str):
        assert f"manage.py {name}" in README

    @pytest.mark.parametrize("name", sorted(COMMANDS))
    def test_the_list_says_what_the_command_says(self, name: str):
        command = commands.get_command(click.Context(commands), name)

        assert command is not None
        assert command.get_short_help_str(200) == COMMANDS[name][1]

    def test_options_in_the_readme_exist(self):
        known = {"--help"} | {
            option
            for command in every_command()
            for parameter in command.params
            for option in (*parameter.opts, *parameter.secondary_opts)
        }
        used = {
            option
            for line in README.splitlines()
            if "manage.py" in line
            for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", line)
        }

        assert used <= known


def every_command() -> list[click.Command]:
    """All commands and subcommands."""
    context = click.Context(commands)
    found: list[click.Command] = []
    for name in COMMANDS:
        command = commands.get_command(context, name)
        assert command is not None
        found.append(command)
        if isinstance(command, click.Group):
            found.extend(command.commands.values())
    return found


class TestSettings:
    def test_each_setting_is_in_the_readme(self):
        source = (ROOT / "backoffice" / "config.py").read_text(encoding="utf-8")
        names = set(re.findall(r'"((?:BACKOFFICE_|DATABASE_|REDIS_|SECRET_)[A-Z_]+)"', source))

        assert names == {name for name in names if f"`{name}`" in README}


class TestSetUp:
    def test_ci_runs_exactly_the_test_command_of_the_readme(self):
        line = next(line for line in README.splitlines() if line.endswith("-m pytest"))

        assert line.strip() in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
