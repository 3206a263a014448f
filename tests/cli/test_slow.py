"""`manage.py slow`, over a query log that the tests fill."""

import json
import re

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select

from backoffice.cli import slow
from backoffice.database import db
from backoffice.models import (
    HistoryEntry,
    PageHour,
    Product,
    QueryHour,
    QueryPlan,
    QueryShape,
    SlowQuery,
)
from tests.dropped import dropped

SEARCHED = ("SEARCH products USING INDEX ix_products_name_id (name=?)", [], False)
WHOLE = ("SCAN products", ["products"], False)
NAMES = "SELECT products.name FROM products WHERE products.name = ?"


@pytest.fixture(autouse=True)
def all_tables_are_large(monkeypatch):
    """What is said of tables that have many rows is tried with few."""
    monkeypatch.setattr("backoffice.monitoring.large.LARGE", -1)


@pytest.fixture
def run(app, monkeypatch):
    """Runs `slow ...` within this process, as a process of its own takes a second to start."""
    monkeypatch.setattr("backoffice.create_app", lambda: app)

    def run(*arguments):
        return CliRunner().invoke(slow.command, arguments)

    return run


@pytest.fixture
def names(make, app):
    """The fingerprint of a statement that finds products by name, as the database takes it."""
    values = ("Olga's",)
    statement = NAMES
    if app.config["SQLALCHEMY_DATABASE_URI"].startswith("postgresql"):
        statement, values = NAMES.replace("?", "%(name)s"), {"name": "Olga's"}
    make.products(2, name="Olga's")
    return make.shape(statement, values, plans=[SEARCHED, WHOLE], slow=1, calls=2)


class TestList:
    def test_tells_cost_place_and_plan_of_each_shape(self, run, make, names):
        make.shape(microseconds=9_000_000)

        lines = run("list").stdout.splitlines()

        assert re.fullmatch(
            rf"{names} +0.00 s +2 calls +0.75 ms +0.5 rows  whole read of products", lines[4]
        )
        assert lines[5:] == [
            f"  {NAMES}",
            "  /admin/products/ backoffice/grid/page.py:12",
            "  its plan reads products whole where ix_products_name_id was searched",
        ]
        assert re.fullmatch("fingerprint +time +calls +a call +rows a call +plan", lines[0])
        assert "9.00 s" in lines[1]

    def test_counts_one_as_one(self, run, make):
        make.shape(calls=1, rows=1)

        assert re.search(r" 1 call .* 1 row  ", run("list").stdout)

    def test_orders_by_what_is_asked(self, run, make, names):
        other = make.shape(calls=1, microseconds=1_400)

        found = {
            by: [
                shape["fingerprint"]
                for shape in json.loads(run("list", "--by", by, "--json").stdout)["shapes"]
            ]
            for by in ("total", "mean", "calls", "worse")
        }

        assert found == {
            "total": [names, other],
            "mean": [other, names],
            "calls": [names, other],
            "worse": [names],
        }

    def test_goes_back_as_far_as_asked_and_stops_at_the_limit(self, run, make, names):
        old = make.shape(hours_ago=(40,), microseconds=1)

        day = run("list", "--json").stdout
        week = json.loads(run("list", "--since", "7d", "--json").stdout)["shapes"]
        one = json.loads(run("list", "--since", "7d", "--limit", "1", "--json").stdout)["shapes"]

        assert old not in day
        assert [shape["fingerprint"] for shape in week] == [names, old]
        assert len(one) == 1

    def test_says_so_when_there_is_nothing(self, run):
        done = run("list")

        assert (done.exit_code, done.stdout) == (0, "")
        assert "nothing was recorded" in done.stderr

    @pytest.mark.parametrize("since", ["24", "0h", "x", "99999d"])
    def test_refuses_what_is_no_duration(self, run, since):
        done = run("list", "--since", since)

        assert done.exit_code == 2
        assert "write 24h or 7d" in done.stderr

    def test_of_the_server_says_what_is_missing(self, run, app):
        done = run("list", "--server")

        if app.config["SQLALCHEMY_DATABASE_URI"].startswith("sqlite"):
            assert done.exit_code == 1
            assert "--server is for PostgreSQL" in done.stderr
        else:
            assert done.exit_code == 1
            assert "CREATE EXTENSION pg_stat_statements" in done.stderr


class TestShow:
    def test_tells_places_plans_and_slow_calls_without_values(self, run, names):
        shown = run("show", names).stdout

        assert "asked from /admin/products/ backoffice/grid/page.py:12: 2 calls, 0.75 ms" in shown
        assert "plan (worse): whole read of products" in shown
        assert "it reads products whole where ix_products_name_id was searched" in shown
        assert "text of 6" in shown
        assert "Olga" not in shown

    def test_has_values_for_who_asks(self, run, names):
        assert "Olga's" in run("show", names, "--values").stdout
        told = json.loads(run("show", names, "--values", "--json").stdout)
        assert "Olga's" in str(told["parameters"])
        assert "Olga's" in str(told["slow"][0]["parameters"])

    def test_notes_who_asked_for_values(self, run, app, names):
        run("show", names)
        run("show", names, "--values")

        with app.app_context():
            [entry] = db.session.scalars(select(HistoryEntry)).all()
        assert (entry.means, entry.action, entry.label) == ("command", "looked", names)

    def test_of_nobody_says_how_to_find_one(self, run):
        done = run("show", "nonsense")

        assert done.exit_code == 1
        assert "`manage.py slow list` lists them" in done.stderr


class TestExplain:
    def test_asks_for_the_plan_of_now(self, run, names):
        explained = run("explain", names)

        assert explained.exit_code == 0
        assert "products" in explained.stdout
        assert "Olga" not in explained.stdout

    def test_analyze_runs_it_and_counts(self, run, names):
        assert re.search(r"2 rows in \d+\.\d ms", run("explain", names, "--analyze").stdout)

    @pytest.mark.parametrize(
        "statement",
        [
            "DELETE FROM products",
            "WITH gone AS (SELECT 1) DELETE FROM products",
            "UPDATE products SET name = 'x'",
        ],
    )
    def test_analyze_runs_nothing_that_writes(self, run, make, app, names, statement):
        writing = make.shape(statement, ())

        done = run("explain", writing, "--analyze")

        assert done.exit_code == 1
        assert "it writes: only what reads is run" in done.stderr
        assert "1 rows" not in done.stdout
        with app.app_context():
            assert db.session.scalar(select(func.count()).select_from(Product)) == 2
        assert run("explain", writing).exit_code == 0, "its plan is told"
        make.products(1)  # the connection writes again

    def test_says_what_the_database_does_not_take(self, run, make):
        done = run("explain", make.shape("SELECT gone FROM nowhere", ()))

        assert done.exit_code == 1
        assert "the database does not take it" in done.stderr


class TestMissing:
    def test_indexes_of_the_plan_before_are_told_rather_than_advice(self, run, app, names):
        assert "indexes advise" in run("show", names).stdout

        with dropped(app, "ix_products_name_id"):
            told = {
                command: run(*command).stdout
                for command in (("list",), ("show", names), ("explain", names))
            }

        for command, said in told.items():
            assert "ix_products_name_id is declared and missing: run `manage.py" in said, command
            assert "advise" not in said, command


class TestClear:
    def test_forgets_all_of_it(self, run, app, make, names):
        make.page_hour()

        refused = run("clear")
        done = run("clear", "--yes")

        # An hour of a page and of a statement, its shape, its two plans and its slow call.
        assert refused.exit_code == 1
        assert "6 rows of the query log would go. Write --yes" in refused.stderr
        assert done.stdout == "the query log is empty: 6 rows are gone\n"

        with app.app_context():
            for model in (QueryHour, PageHour, SlowQuery, QueryPlan, QueryShape):
                assert db.session.scalar(select(func.count()).select_from(model)) == 0
