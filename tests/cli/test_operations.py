"""Indexes, synthetic data, users, cache and doctor from the command line."""

import json

import pytest


class TestIndexes:
    def test_list_build_and_list_again(self, manage):
        before = json.loads(manage("indexes", "list", "--json").stdout)["indexes"]
        planned = manage("indexes", "build", "--dry-run")
        built = manage("indexes", "build")
        after = manage("indexes", "list")
        again = manage("indexes", "build")

        missing = [index["name"] for index in before if index["state"] == "missing"]
        assert "ix_products_name_id" in missing
        assert [line.split()[0] for line in planned.stdout.splitlines()] == missing
        assert [line.split(" built in ")[0] for line in built.stdout.splitlines()] == missing
        assert built.stderr == ""
        assert after.returncode == 0
        assert "missing" not in after.stdout
        assert again.stdout == "nothing to build\n"


class TestGenerate:
    def test_prints_its_result_and_nothing_else(self, manage):
        run = manage("generate", "--suppliers", "3", "--products", "10")

        lines = run.stdout.splitlines()
        assert run.returncode == 0
        assert lines[0].startswith("3 suppliers added in ")
        assert lines[1].startswith("10 products added in ")
        assert run.stderr == ""

    def test_refuses_products_without_suppliers(self, manage):
        run = manage("generate", "--products", "10")

        assert run.returncode == 1
        assert run.stderr == (
            "Error: products need suppliers, and there are none: add --suppliers N\n"
        )


class TestUsers:
    def test_creates_one_who_can_sign_in(self, manage, database, tmp_path):
        run = manage(
            "users",
            "create",
            "Eva@Example.com",
            "--role",
            "editor",
            "--password-stdin",
            input="correct horse\n",
        )

        assert run.stdout == "eva@example.com may sign in as editor\n"
        assert run.stderr == ""

    @pytest.mark.parametrize(
        ("email", "password", "complaint"),
        [
            ("eva@example.com", "too short", "too short: use at least 10"),
            ("not an address", "correct horse", "is not an email address"),
        ],
    )
    def test_refuses_what_makes_no_sense(self, manage, email, password, complaint):
        run = manage(
            "users", "create", email, "--role", "editor", "--password-stdin", input=password
        )

        assert run.returncode == 1
        assert complaint in run.stderr

    def test_refuses_one_who_is_there_in_any_capitals(self, manage):
        for email in ("eva@example.com", "EVA@example.com"):
            run = manage(
                "users",
                "create",
                email,
                "--role",
                "viewer",
                "--password-stdin",
                input="correct horse",
            )

        assert run.returncode == 1
        assert run.stderr == "Error: there is a user eva@example.com already\n"

    def test_without_a_terminal_says_to_use_stdin(self, manage):
        run = manage("users", "create", "eva@example.com", "--role", "viewer")

        assert run.returncode == 1
        assert "--password-stdin" in run.stderr


class TestCache:
    def test_without_redis_there_is_nothing_to_clear(self, manage):
        assert manage("cache", "clear").stdout.startswith("nothing to clear")

    def test_complains_about_a_redis_that_is_down(self, manage):
        run = manage("cache", "clear", REDIS_URL="redis://127.0.0.1:1/0")

        assert run.returncode == 1
        assert "Redis does not answer" in run.stderr
        assert "Traceback" not in run.stderr


class TestDoctor:
    def test_is_content_with_a_database_that_is_complete(self, manage):
        manage("indexes", "build")

        run = manage("doctor")

        assert run.returncode == 0, run.stdout
        assert "bad" not in run.stdout

    def test_names_each_finding_and_what_to_do(self, manage):
        run = manage("doctor", SECRET_KEY="a" * 40, REDIS_URL="redis://127.0.0.1:1/0")

        assert run.returncode == 1
        assert "bad  secret key" in run.stdout
        assert "bad  cache" in run.stdout
        assert "ix_products_name_id is missing\n     -> run `manage.py indexes build`" in run.stdout

    def test_stops_at_a_database_that_is_not_migrated(self, command, database):
        run = command("doctor", url=database)

        assert run.returncode == 1
        assert "run `manage.py db upgrade`" in run.stdout
        assert "indexes" not in run.stdout
