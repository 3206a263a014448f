"""Indexes, synthetic data, users, cache and doctor from the command line."""

import json

import pytest
from sqlalchemy import create_engine, text

# A process takes a second to start; what differs by database here, other tests see within one.
ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


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

    @ON_SQLITE
    def test_check_fails_until_all_are_built_one_by_one_or_together(self, manage):
        unknown = manage("indexes", "build", "ix_products_nam_id")
        one = manage("indexes", "build", "ix_products_name_id")
        incomplete = manage("indexes", "check")
        manage("indexes", "build")
        complete = manage("indexes", "check", "--strict")

        assert unknown.returncode == 2
        assert "did you mean ix_products_name_id" in unknown.stderr
        assert one.stdout.count("\n") == 1
        assert incomplete.returncode == 1
        assert (
            "ix_products_price_id: missing -> run `manage.py indexes build ix_products_price_id`\n"
        ) in incomplete.stdout
        assert "ix_products_name_id" not in incomplete.stdout
        assert (complete.returncode, complete.stdout) == (0, "no difference\n")

    @ON_SQLITE
    def test_list_tells_sizes_in_bytes_to_programs_and_in_units_to_people(self, manage):
        told = json.loads(manage("indexes", "list", "--all", "--json").stdout)["indexes"]
        shown = manage("indexes", "list").stdout

        index = next(i for i in told if i["name"] == "ix_suppliers_name_id")
        assert index["bytes"] == 4096
        assert {i["behind"] for i in told} == {None, "primary key", "unique constraint"}
        assert "suppliers: name, id; 4.0 kB" in shown
        assert shown.endswith("uses are unknown: SQLite counts none, and no plan is recorded\n")

    @pytest.mark.parametrize("arguments", [("list",), ("build", "--dry-run")])
    def test_that_only_look_wait_for_no_writer(self, manage, database, arguments):
        engine = create_engine(database, isolation_level="AUTOCOMMIT")
        with engine.connect() as writer:
            if database.startswith("sqlite"):
                writer.execute(text("BEGIN IMMEDIATE"))

            run = manage("indexes", *arguments)

            if database.startswith("sqlite"):
                writer.execute(text("ROLLBACK"))
        engine.dispose()
        assert run.returncode == 0, run.stderr

    def test_list_help_explains_each_state_on_its_line(self, manage):
        shown = manage("indexes", "list", "--help").stdout

        assert "\\b" not in shown
        assert "\n  missing     declared and not there" in shown


class TestGenerate:
    def test_prints_its_result_and_nothing_else(self, manage):
        run = manage("generate", "--suppliers", "3", "--products", "10")

        lines = run.stdout.splitlines()
        assert run.returncode == 0
        assert lines[0].startswith("3 suppliers added in ")
        assert lines[1].startswith("10 products added in ")
        assert run.stderr == ""

    @pytest.mark.parametrize("count", ["99999999999999999999", "-1"])
    def test_refuses_a_number_that_makes_no_sense(self, manage, count):
        run = manage("generate", "--suppliers", count)

        assert run.returncode == 2
        assert "Traceback" not in run.stderr

    def test_refuses_years_that_no_page_shows(self, manage):
        run = manage("generate", "--suppliers", "1", "--until", "2500-01-01")

        assert run.returncode == 1
        assert run.stderr.startswith("Error: 2500-01-01 is too far away")

    def test_refuses_products_without_suppliers(self, manage):
        run = manage("generate", "--products", "10")

        assert run.returncode == 1
        assert run.stderr == (
            "Error: products need suppliers, and there are none: add --suppliers N\n"
        )


@ON_SQLITE
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


@ON_SQLITE
class TestUsersLater:
    @pytest.fixture
    def eva(self, manage):
        options = ("--role", "editor", "--password-stdin")
        manage("users", "create", "eva@example.com", *options, input="correct horse")

    def test_are_listed(self, manage, eva):
        manage("users", "disable", "EVA@example.com")

        assert manage("users", "list").stdout == "eva@example.com  editor   disabled\n"

    def test_each_change_is_in_the_history_without_the_password(self, manage, database, eva):
        for arguments, said in (
            (("password", "--password-stdin"), "eva@example.com has a new password\n"),
            (("role", "--role", "manager"), "eva@example.com may sign in as manager\n"),
            (("disable",), "eva@example.com may not sign in\n"),
            (("enable",), "eva@example.com may sign in\n"),
        ):
            run = manage("users", *arguments, "eva@example.com", input="another horse\n")
            assert (run.stdout, run.stderr) == (said, "")

        engine = create_engine(database)
        with engine.connect() as connection:
            statement = "SELECT action, label, table_name, changes FROM history ORDER BY id"
            entries = connection.execute(text(statement)).all()
        engine.dispose()
        told = [str(entry.changes) for entry in entries]
        assert [entry.action for entry in entries] == ["create"] + ["update"] * 4
        assert {(entry.label, entry.table_name) for entry in entries} == {
            ("eva@example.com", "users")
        }
        for word, change in zip(
            ("editor", "new", "manager", "active", "active"), told, strict=True
        ):
            assert word in change
        assert "horse" not in "".join(told)
        assert "argon2" not in "".join(told)

    @pytest.mark.parametrize("name", ["password", "role", "disable", "enable"])
    def test_of_nobody_are_refused(self, manage, name):
        options = {"password": ["--password-stdin"], "role": ["--role", "admin"]}.get(name, [])

        run = manage("users", name, "nobody@example.com", *options, input="correct horse")

        assert run.returncode == 1
        assert run.stderr.startswith("Error: there is no user nobody@example.com")


@ON_SQLITE
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

        run = manage("doctor", BACKOFFICE_PROXIES="1")

        assert run.returncode == 0, run.stdout
        assert "bad" not in run.stdout

    def test_names_each_finding_and_what_to_do(self, manage):
        run = manage("doctor", SECRET_KEY="a" * 40, REDIS_URL="redis://127.0.0.1:1/0")

        assert run.returncode == 1
        assert "bad  secret key" in run.stdout
        assert "bad  cache" in run.stdout
        assert "ix_products_name_id is missing\n     -> run `manage.py indexes build`" in run.stdout

    def test_finds_that_all_visitors_would_be_one(self, manage):
        run = manage("doctor", BACKOFFICE_SECURE_COOKIES="1")

        assert "bad  visitors' addresses" in run.stdout
        assert "-> set BACKOFFICE_PROXIES" in run.stdout

    def test_of_a_deployment_is_content_with_one_that_is_complete(self, command, new_database):
        url = new_database("sqlite")
        settings = {
            "SECRET_KEY": "0123456789abcdef" * 4,
            "BACKOFFICE_SECURE_COOKIES": "1",
            "BACKOFFICE_PROXIES": "1",
            "BACKOFFICE_HOSTS": "office.example.com, .office.example.com",
        }
        for arguments in (("db", "upgrade"), ("indexes", "build")):
            command(*arguments, url=url, **settings)

        run = command("doctor", "--deploy", url=url, **settings)
        wrong = command("doctor", "--deploy", "--workers", "3", url=url)

        assert (run.returncode, run.stderr) == (0, ""), run.stdout
        assert "ok   sums of the last days" in run.stdout
        assert wrong.returncode == 1
        assert "-> set BACKOFFICE_HOSTS" in wrong.stdout
        assert "bad  processes" in wrong.stdout

    def test_says_where_a_database_should_be_that_does_not_open(self, command, tmp_path):
        (tmp_path / "broken.db").write_bytes(b"no database" * 100)
        for place in (tmp_path / "no folder" / "a.db", tmp_path / "broken.db"):
            run = command("doctor", url=f"sqlite:///{place}")

            assert run.returncode == 1
            assert "ok   secret key" in run.stdout
            assert "bad  migrations of sqlite" in run.stdout
            assert str(place) in run.stdout
            assert run.stderr == ""

    def test_goes_on_after_a_check_that_cannot_end(self, manage, command, database):
        if database.startswith("sqlite"):
            pytest.skip("needs a table that cannot be read")
        engine = create_engine(database)
        with engine.begin() as connection:
            # Makes the comparison of tables fail: it makes them anew, as temporary ones.
            name = connection.scalar(text("SELECT current_database()"))
            connection.execute(text(f"REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC"))
            connection.execute(text("CREATE ROLE plain LOGIN"))
            connection.execute(text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain"))
        engine.dispose()
        url = engine.url.set(username="plain").render_as_string(hide_password=False)

        run = command("doctor", url=url)

        assert "bad  tables as the models declare\n     the database refused: " in run.stdout
        assert "  indexes\n" in run.stdout
        assert run.stderr == ""

    def test_stops_at_a_database_that_is_not_migrated(self, command, database):
        run = command("doctor", url=database)

        assert run.returncode == 1
        assert "run `manage.py db upgrade`" in run.stdout
        assert "indexes" not in run.stdout
