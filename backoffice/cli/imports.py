"""./manage.py import: load CSV and XLSX files."""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import click
from rich.console import Console
from rich.progress import Progress

from backoffice.cli import fail, with_app
from backoffice.cli.reading import READING, reading
from backoffice.cli.saved import apply_saved
from backoffice.imports.kinds import KINDS, Kind
from backoffice.imports.ledger import COUNTS, RunCancelledError, RunRefusedError
from backoffice.imports.mapping import FieldMap, MappingError, load_mapping
from backoffice.imports.read import FileRefused, Reading, as_text, open_source
from backoffice.imports.run import Choices, Report, run_import
from backoffice.imports.undone import Undone

SHOWN = ("kind", "file", "run", *COUNTS, "seconds", "encoding", "delimiter", "columns")
"""What --json prints, in this order."""

HELP = """Insert the new rows of FILE, update those that differ, leave the rest alone.

    FILE is a CSV file or an XLSX workbook, or - for standard input; its first line names the
    columns. Encoding and delimiter are told by the file, and stated in the report. A row is known
    by {key}; columns of the same name as ours need no --map. A column that is not there, like a
    blank cell unless --blank clear, leaves what is stored. Blanks at the edges of a cell are
    dropped.

    \b
    Columns: {columns}
    A new {noun} needs: {needed}
    {note}
    All or nothing: one refused row refuses the file, unless --on-error skip. Every refused cell is
    named by line and column. Exits 0 when every row was taken, 1 when any was refused (also with
    --on-error skip), 2 on wrong usage.

    Inserted, updated, unchanged and rejected rows add up. Of a refused file nothing is written: its
    rows without a fault count as unchanged in what --json prints.
    """

SHORT_KEY = """
    Without line_no, a line is known by {} and {}, each pair once a file, and a new line takes the
    next free number of its order, in the order of the file.
"""


class Kinds(click.Group):
    """The kinds of files; one that is not known is told which are."""

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        found = super().get_command(ctx, name)
        if found is None:
            raise click.UsageError(f"{name!r} is no kind of file: use {', '.join(KINDS)}", ctx)
        return found


@click.group("import", cls=Kinds)
def command() -> None:
    """Load CSV and XLSX files."""


OPTIONS: tuple[Callable[[Callable[..., Any]], Callable[..., Any]], ...] = (
    click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True)),
    click.option("--dry-run", is_flag=True, help="Check and count; write nothing."),
    click.option("--map", "pairs", multiple=True, metavar='"THEIRS=OURS"', help="Map one column."),
    click.option(
        "--mapping",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="A TOML file with [columns], [values.FIELD] and [constants].",
    ),
    click.option(
        "--saved-mapping",
        metavar="NAME",
        help="A mapping saved in the browser: columns, values, how to read the file and what "
        "becomes of its rows. Other options overrule it.",
    ),
    click.option(
        "--blank",
        type=click.Choice(["keep", "clear"]),
        default="keep",
        help="What a blank cell does to what is stored. Default: keep.",
    ),
    click.option("--create-missing", is_flag=True, help="Make unknown references by their key."),
    *READING,
    click.option(
        "--on-error",
        type=click.Choice(["stop", "skip"]),
        default="stop",
        help="With skip, import the good rows. Default: stop, import nothing.",
    ),
    click.option(
        "--rejects",
        type=click.Path(dir_okay=False, writable=True, path_type=Path),
        help="Write the refused rows there, with line and reason.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object."),
)


def _add_command(kind: Kind) -> None:
    @with_app
    def run(file: str, *, as_json: bool, rejects: Path | None, **options: Any) -> None:
        _check_rejects(file, rejects)
        saved = apply_saved(kind, options)
        mapping = _mapping(kind, options["mapping"], options["pairs"], saved)
        with _on_disk(file) as path, _watching(path) as watch, cancellable() as cancelled:
            choices = Choices(
                dry_run=options["dry_run"],
                create_missing=options["create_missing"],
                skip_refused=options["on_error"] == "skip",
                clears=options["blank"] == "clear",
                rejects_file=rejects,
                watch=watch,
                cancelled=cancelled,
                hurry=cancelled,
                waiting=say_waiting,
            )
            name = "standard input" if file == "-" else as_text(path.name)
            report = _run(kind, path, name, reading(options), mapping, choices)
        refused = report is None or report.rejected > 0
        _print(report or Report(kind=kind.name, file=name), choices, as_json, refused)
        sys.exit(1 if refused else 0)

    fields = kind.fields.values()
    run.__doc__ = HELP.format(
        key=" and ".join(kind.key),
        columns=", ".join(kind.fields),
        noun=kind.noun,
        needed=", ".join(f.name for f in fields if f.needed),
        note=SHORT_KEY.format(*kind.short_key) if kind.short_key else "",
    )
    decorated: Callable[..., Any] = run
    for option in reversed(OPTIONS):
        decorated = option(decorated)
    command.command(kind.name, short_help=f"Load {kind.name}.")(decorated)


def _run(  # noqa: PLR0917 - what an import is made of
    kind: Kind, path: Path, name: str, read: Reading, mapping: FieldMap, choices: Choices
) -> Report | None:
    """Import; None when the file as a whole is refused, which is said on stderr."""
    # What the application consists of is no garbage. To look through it again at every few hundred
    # rows took a quarter of the time of reading.
    gc.freeze()
    try:
        source = open_source(path, name=name, reading=read)
        report = run_import(kind, source, mapping, choices)
    except FileRefused as refusal:
        click.echo(f"Error: {name} {refusal}", err=True)
        return None
    except RunRefusedError as refusal:
        fail(str(refusal))
    except RunCancelledError as cancelled:
        say_cancelled(name, cancelled)
    except OSError as error:
        fail(f"{error.filename or name}: {error.strerror}")
    return report


def _check_rejects(file: str, rejects: Path | None) -> None:
    if rejects is None:
        return
    if not rejects.parent.is_dir():
        raise click.UsageError(f"--rejects {rejects}: there is no folder {rejects.parent}")
    if file != "-" and rejects.exists() and rejects.samefile(file):
        raise click.UsageError("--rejects names FILE itself, which would be overwritten")


def _mapping(
    kind: Kind, file: Path | None, pairs: tuple[str, ...], saved: FieldMap | None
) -> FieldMap:
    try:
        return load_mapping(kind, file, pairs, saved)
    except MappingError as error:
        raise click.UsageError(str(error)) from error


@contextmanager
def _on_disk(file: str) -> Iterator[Path]:
    """The file itself; standard input is copied first, because rejects are read a second time."""
    if file != "-":
        yield Path(file)
        return
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "input.csv"
        with copy.open("wb") as target:
            shutil.copyfileobj(sys.stdin.buffer, target)
        yield copy


@contextmanager
def _watching(path: Path) -> Iterator[Callable[[BinaryIO], BinaryIO] | None]:
    """A progress bar on a terminal; nothing in a pipe."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    size = path.stat().st_size
    with Progress(console=console, transient=True) as bar:
        yield lambda file: bar.wrap_file(file, total=size, description="Reading")


@contextmanager
def cancellable() -> Iterator[Callable[[], bool]]:
    """Whether somebody pressed Ctrl-C; the second one ends the process at once."""
    asked: list[int] = []
    usual = signal.getsignal(signal.SIGINT)

    def ask(*_: Any) -> None:
        asked.append(1)
        signal.signal(signal.SIGINT, usual)
        os.write(2, b"cancelling: taking back what is written; Ctrl-C again leaves it half done\n")

    signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: bool(asked)
    except KeyboardInterrupt:
        fail("stopped half way: `imports list` shows the run, to be resumed or undone")
    finally:
        signal.signal(signal.SIGINT, usual)


def say_waiting() -> None:
    """Say why nothing happens."""
    click.echo("waiting for another import to end", err=True)


def say_cancelled(name: str, cancelled: RunCancelledError) -> None:
    """Say what is left, mostly nothing, and exit as who was interrupted does."""
    stays = name_kept(cancelled.undone) if cancelled.undone else 0
    left = f"{stays:,} row{'s' if stays != 1 else ''}" if stays else "nothing"
    are = "are" if stays > 1 else "is"
    click.echo(f"{name}: cancelled, {left} of it {are} left in the database", err=True)
    sys.exit(130)


def name_kept(undone: Undone) -> int:
    """Name the rows that an undo left as they are; returns how many these are."""
    for kept in undone.named:
        click.echo(f"{kept.table} {kept.key}: {kept.reason}", err=True)
    stays = undone.kept + undone.impossible
    if len(undone.named) < stays:
        click.echo(f"and more: {stays:,} rows in all", err=True)
    return stays


def report_resumed(report: Report) -> None:
    """Say what an import did that was interrupted before."""
    _print(report, Choices(skip_refused=True), as_json=False, refused=report.rejected > 0)
    sys.exit(1 if report.rejected else 0)


def _print(report: Report, choices: Choices, as_json: bool, refused: bool) -> None:
    if report.ignored:
        names = ", ".join(map(repr, report.ignored))
        click.echo(f"{report.file}: columns not used: {names}", err=True)
    for reject in report.rejects:
        click.echo(f"{report.file} {reject}", err=True)
    if len({reject.line for reject in report.rejects}) < report.rejected:
        click.echo(f"and more: {report.rejected:,} rows in all, see --rejects", err=True)
    if report.meanwhile:
        click.echo(
            f"{report.file}: rows that others changed during it: {report.meanwhile:,}", err=True
        )
    for table, count in report.created.items():
        deed = "to create" if choices.dry_run else "created"
        click.echo(f"{report.file}: {table} {deed}, named like their key: {count:,}", err=True)
    if as_json:
        click.echo(json.dumps({name: getattr(report, name) for name in SHOWN}))
    elif report.rows or not refused:
        click.echo(
            f"{report.file}: {_summary(report, choices, refused)}, {report.seconds:.1f} s, "
            f"read as {report.read_as}"
        )
        if choices.dry_run:
            _print_changes(report)


def _print_changes(report: Report) -> None:
    for name, count in report.columns.items():
        click.echo(f"  {name} changes in {count:,} row{'s' if count != 1 else ''}")
    for sample in report.samples:
        told = [f"{n} {b!r} -> {a!r}" for n, (b, a) in sample.values.items() if b is not None]
        if told:
            click.echo(f"  line {sample.line}, {sample.key}: {', '.join(told)}")


def _summary(report: Report, choices: Choices, refused: bool) -> str:
    rows = f"{report.rows:,} row{'s' if report.rows != 1 else ''}"
    if refused and not choices.skip_refused:
        return f"nothing imported: {report.rejected:,} of {rows} refused"
    counts = ", ".join(f"{getattr(report, name):,} {name}" for name in COUNTS[1:])
    return f"{'dry run' if choices.dry_run else 'done'}, {rows}: {counts}"


for _kind in KINDS.values():
    _add_command(_kind)
