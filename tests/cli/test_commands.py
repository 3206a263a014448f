"""What all commands have in common: help, exit codes, where things are printed."""

import resource
import subprocess
import sys
from importlib import import_module

import click
import pytest

from backoffice.cli import COMMANDS
from backoffice.cli.db import told
from backoffice.config import ROOT
from backoffice.monitoring.health import head_revision, known_revisions
from tests.cli.conftest import CLEAN


def walk(command, name="manage.py"):
    yield name, command
    for sub in getattr(command, "commands", {}).values():
        yield from walk(sub, f"{name} {sub.name}")


LOADED = {name: import_module(module).command for name, (module, _) in COMMANDS.items()}
ALL = [pair for name, command in LOADED.items() for pair in walk(command, name)]


class TestOutsideItsEnvironment:
    @pytest.mark.parametrize("words", [["--help"], ["db", "upgrade"]])
    def test_says_how_to_enter_it(self, words):
        run = subprocess.run(
            [sys.executable, "-S", ROOT / "manage.py", *words],
            env=CLEAN,
            capture_output=True,
            text=True,
            check=False,
        )

        assert run.returncode == 1
        assert run.stdout == ""
        assert "does not have click. Run `source .venv/bin/activate` first" in run.stderr
        assert "Traceback" not in run.stderr


class TestHelp:
    def test_costs_little_and_needs_no_database(self):
        environ = {**CLEAN, "DATABASE_URL": "nonsense://"}

        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run = subprocess.run(
            [sys.executable, ROOT / "manage.py", "--help"],
            env=environ,
            capture_output=True,
            check=False,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)

        assert run.returncode == 0
        assert (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime) < 0.6

    @pytest.mark.parametrize("name", COMMANDS)
    def test_says_the_same_in_the_list_and_in_the_command(self, name):
        assert LOADED[name].help.splitlines()[0] == COMMANDS[name][1]

    @pytest.mark.parametrize(("name", "command"), ALL)
    def test_every_command_and_option_is_explained(self, name, command):
        assert command.help, name
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help or parameter.show_default, f"{name} {parameter.name}"


class TestFailures:
    def test_a_wrong_setting_is_one_line_and_exit_1(self, command):
        run = command("doctor", url="mysql://x")

        assert run.returncode == 1
        assert run.stderr.startswith("Error: DATABASE_URL 'mysql'")
        assert run.stdout == ""

    def test_a_database_without_tables_says_what_to_do(self, command, database):
        run = command("indexes", "build", url=database)

        assert run.returncode == 1
        assert "db upgrade" in run.stderr
        assert "Traceback" not in run.stderr

    def test_wrong_usage_is_exit_2(self, command):
        assert command("generate").returncode == 2
        assert command("users", "create", "a@example.com").returncode == 2

    @pytest.mark.parametrize(
        ("url", "settings", "complaint"),
        [
            ("postgresql://u:p@h:bad/x", {}, "Error: DATABASE_URL names a port"),
            ("", {"REDIS_URL": "nonsense"}, "Error: REDIS_URL is not understood"),
            ("", {"BACKOFFICE_PROXIES": "many"}, "Error: BACKOFFICE_PROXIES is 'many'"),
        ],
    )
    def test_of_settings_are_one_line(self, command, url, settings, complaint):
        run = command("doctor", url=url, **settings)

        assert run.returncode == 1
        assert run.stderr.startswith(complaint)
        assert run.stderr.count("\n") == 1

    @pytest.mark.parametrize("arguments", [("doctor",), ("db", "current")])
    def test_to_write_the_result_are_one_line(self, command, new_database, arguments):
        with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
            run = command(*arguments, url=new_database("sqlite"), stdout=full)

        assert run.returncode == 1
        assert run.stderr == "Error: cannot write the result: No space left on device\n"


class TestDowngrade:
    def test_needs_to_be_told_how_far(self, manage):
        assert manage("db", "downgrade").returncode == 2

    def test_of_empty_tables_asks_nothing(self, manage):
        run = manage("db", "downgrade", "-1")

        assert (run.returncode, run.stderr) == (0, "")
        assert manage("db", "current").stdout == f"{known_revisions()[1]}\n"

    def test_names_the_largest_of_many_tables(self):
        held = {"suppliers": 3, "order_lines": 9_000, "history": 1, "orders": 70, "products": 50}

        said = told(held | {"imports": 2})

        assert (
            said
            == "9,000 order lines, 70 orders, 50 products, 3 suppliers, 3 rows of 2 other tables"
        )

    def test_of_tables_that_hold_rows_names_them_and_needs_a_yes(self, manage):
        manage("generate", "--suppliers", "3", "--products", "4")

        refused = manage("db", "downgrade", "base")
        still = manage("db", "current").stdout
        done = manage("db", "downgrade", "base", "--yes")

        assert refused.returncode == 1
        assert "the tables hold 12 categories, 4 products, 3 suppliers" in refused.stderr
        assert "--yes" in refused.stderr
        assert still == f"{head_revision()} (head)\n"
        assert done.returncode == 0
        assert done.stdout.endswith(" taken back\n")


class TestCheck:
    def test_of_a_database_without_tables_says_what_to_do(self, command, database):
        run = command("db", "check", url=database)

        assert run.returncode == 1
        assert "run `manage.py db upgrade`" in run.stderr


class TestUpgrade:
    def test_prints_what_it_did_and_that_there_is_nothing_to_do(self, command, database):
        first = command("db", "upgrade", url=database)
        second = command("db", "upgrade", url=database)

        assert first.stdout.startswith("0001 tables\n")
        assert second.stdout.startswith("already at ")
        assert first.stderr == second.stderr == ""
