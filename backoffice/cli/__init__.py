"""The command line: one file a command group, each loaded only when it is called."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from functools import update_wrapper
from importlib import import_module
from typing import Any, Concatenate, ParamSpec, TypeVar

import click

from backoffice.config import SettingsError

P = ParamSpec("P")
R = TypeVar("R")

# name: (module, what `--help` says). The modules import Flask and SQLAlchemy, which takes longer
# than showing this list, so the first line of each command's help stands here too; a test keeps
# the two equal.
COMMANDS = {
    "cache": ("backoffice.cli.cache", "Forget cached figures, and have them ready."),
    "db": ("backoffice.cli.db", "Bring the tables up to date."),
    "demo": ("backoffice.cli.demo", "Fill a database with synthetic data, and serve it."),
    "doctor": ("backoffice.cli.doctor", "Check the settings and the database."),
    "export": ("backoffice.cli.export", "Write all rows of a table as CSV."),
    "generate": ("backoffice.cli.generate", "Add synthetic data, for trials at size."),
    "import": ("backoffice.cli.imports", "Load CSV and XLSX files."),
    "imports": ("backoffice.cli.runs", "List, resume and undo imports."),
    "indexes": ("backoffice.cli.indexes", "Compare and build the declared indexes."),
    "rollups": (
        "backoffice.cli.rollups",
        "Compare the dashboard's sums with the tables, and remake them.",
    ),
    "serve": ("backoffice.cli.serve", "Run the production server."),
    "slow": (
        "backoffice.cli.slow",
        "Find slow statements, their plans and where they come from.",
    ),
    "users": ("backoffice.cli.users", "Say who may sign in."),
    "worker": ("backoffice.cli.worker", "Run background jobs."),
}


class LazyGroup(click.Group):
    """The commands of ``COMMANDS``; each module holds its own as ``command``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, _ = COMMANDS[name]
        command: click.Command = import_module(module).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, says) for name, (_, says) in sorted(COMMANDS.items())])


@click.group(cls=LazyGroup)
def commands() -> None:
    """Run the back office: data to stdout, complaints to stderr.

    Exits 0 when done, 1 when the data or the state was refused, 2 on wrong usage.
    """


def with_app(command: Callable[Concatenate[P], R]) -> Callable[P, R]:
    """Run ``command`` in the application's context."""

    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        from backoffice import create_app  # noqa: PLC0415 - see COMMANDS

        with create_app().app_context():
            return command(*args, **kwargs)

    return update_wrapper(wrapper, command)


def main() -> None:
    """Run the command that ``sys.argv`` names; expected failures end in one line, not a trace."""
    try:
        try:
            commands(prog_name="manage.py")
        finally:
            sys.stdout.flush()  # here and not at the interpreter's end, where it would be a trace
    except SettingsError as error:
        fail(str(error))
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EPIPE, errno.EIO} or error.filename:
            raise
        # What is left of the result must not fail once more at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        fail(f"cannot write the result: {error.strerror}")
    except Exception as error:
        # The driver's own classes are not imported here for the reason given at COMMANDS.
        if type(error).__module__.partition(".")[0] != "sqlalchemy":
            raise
        fail(_database_complaint(error))


def fail(message: str) -> Any:
    """Say ``message`` on stderr and exit 1."""
    click.echo(f"Error: {message}", err=True)
    sys.exit(1)


def _database_complaint(error: Exception) -> str:
    from backoffice.database import complaint  # noqa: PLC0415 - see COMMANDS

    cause = complaint(error)
    if "no such table" in cause or "does not exist" in cause:
        return f"{cause}; run `manage.py db upgrade` first"
    return f"the database refused: {cause}"
