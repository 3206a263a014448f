"""What all commands have in common: help, exit codes, where things are printed."""

import resource
from importlib import import_module

import click
import pytest

from backoffice.cli import COMMANDS


def walk(command, name="manage.py"):
    yield name, command
    for sub in getattr(command, "commands", {}).values():
        yield from walk(sub, f"{name} {sub.name}")


LOADED = {name: import_module(module).command for name, (module, _) in COMMANDS.items()}
ALL = [pair for name, command in LOADED.items() for pair in walk(command, name)]


class TestHelp:
    def test_costs_little_and_needs_no_database(self, command):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run = command("--help", url="nonsense://")
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


class TestUpgrade:
    def test_prints_what_it_did_and_that_there_is_nothing_to_do(self, command, database):
        first = command("db", "upgrade", url=database)
        second = command("db", "upgrade", url=database)

        assert first.stdout.startswith("0001 tables\n")
        assert second.stdout.startswith("already at ")
        assert first.stderr == second.stderr == ""
