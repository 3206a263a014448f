"""Building what is missing, beside people who write."""

import threading

import pytest
from sqlalchemy import text

from backoffice.database import db
from backoffice.indexes.build import build
from backoffice.indexes.build_concurrently import BUILD_LOCK
from backoffice.indexes.limits import BuildRefusedError, Limits
from backoffice.indexes.plan import State, compare
from backoffice.monitoring.health import check_search

NAME = "ix_products_name_id"


def states():
    with db.engine.connect() as connection:
        return {index.name: index.state for index in compare(connection)}


def run(*statements):
    with db.engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


@pytest.fixture
def context(app):
    """The application's context; afterwards its indexes are whole again."""
    with app.app_context():
        yield
        for index in states():
            if index.startswith("by_hand"):
                run(f"DROP INDEX {index}")
        list(build())


@pytest.fixture
def postgresql(context):
    if db.engine.dialect.name != "postgresql":
        pytest.skip("only PostgreSQL builds concurrently")


class TestBuild:
    def test_builds_the_missing_ones_alone(self, context, make):
        make.products(3)
        run(f"DROP INDEX {NAME}")

        built = list(build())

        assert [index.name for index in built] == [NAME]
        assert set(states().values()) == {State.PRESENT}

    def test_has_nothing_to_do_the_second_time(self, context, statements):
        with statements() as ran:
            assert list(build()) == []

        assert not [statement for statement in ran if "CREATE" in statement]

    def test_tells_the_planner_about_the_table(self, context, make, statements):
        make.products(3)
        run(f"DROP INDEX {NAME}")

        with statements() as ran:
            list(build())

        analyzed = {"sqlite": NAME, "postgresql": "products"}[db.engine.dialect.name]
        assert f"ANALYZE {analyzed}" in ran

    def test_leaves_what_people_made_by_hand(self, context):
        run("CREATE INDEX by_hand ON products (stock, name)")

        list(build())

        assert states()["by_hand"] is State.UNDECLARED

    def test_refuses_to_replace_one_that_differs(self, context):
        run(f"DROP INDEX {NAME}", f"CREATE INDEX {NAME} ON products (name)")

        with pytest.raises(BuildRefusedError, match=NAME):
            list(build())

        run(f"DROP INDEX {NAME}")

    def test_gives_the_connection_of_the_web_its_timeouts_back(self, postgresql):
        run(f"DROP INDEX {NAME}")
        list(build())

        for _ in range(3):
            with db.engine.connect() as connection:
                assert connection.scalar(text("SHOW statement_timeout")) == "15s"
                assert connection.scalar(text("SHOW lock_timeout")) == "5s"


class TestConcurrently:
    def test_does_not_block_a_writer(self, postgresql, make, statements):
        make.products(1)
        run(f"DROP INDEX {NAME}")

        with statements() as ran:
            list(build())

        assert [s for s in ran if s.startswith(f"CREATE INDEX CONCURRENTLY {NAME} ON products")]

    def test_replaces_what_an_interrupted_build_left(self, postgresql, make):
        make.products(2)
        run(f"DROP INDEX {NAME}")
        with db.engine.connect() as writer:
            writer.execute(text("UPDATE products SET stock = 1"))
            with pytest.raises(BuildRefusedError, match="older than the build"):
                list(build(limits=Limits(lock_timeout_ms=50, pause_seconds=0)))
            assert states()[NAME] is State.INVALID
            writer.rollback()

        built = list(build())

        assert [index.name for index in built] == [NAME]
        assert states()[NAME] is State.PRESENT

    def test_waits_for_an_older_transaction_by_trying_again(self, postgresql, make):
        make.products(2)
        run(f"DROP INDEX {NAME}")
        writer = db.engine.connect()
        writer.execute(text("UPDATE products SET stock = 1"))
        # The writer commits while the build is between two tries.
        events = build(
            watch=once(lambda: _commit_after(writer, 0.3)),
            limits=Limits(lock_timeout_ms=100, pause_seconds=0.2),
        )

        built = list(events)

        assert [index.name for index in built] == [NAME]
        assert states()[NAME] is State.PRESENT

    def test_two_builds_do_not_meet(self, postgresql):
        run(f"DROP INDEX {NAME}")
        with db.engine.connect() as other:
            other.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": BUILD_LOCK})

            with pytest.raises(BuildRefusedError, match="another"):
                list(build(limits=Limits(other_seconds=0)))

            other.rollback()
            other.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": BUILD_LOCK})


def once(act):
    """A watch that acts at the first step."""
    acts = iter([act])
    return lambda step: next(acts, lambda: None)()


def _commit_after(connection, seconds):
    def end():
        connection.commit()
        connection.close()

    threading.Timer(seconds, end).start()


class TestSearchOfSqlite:
    @pytest.fixture
    def on_sqlite(self, new_app):
        with new_app("sqlite").app_context():
            yield

    def test_is_noticed_when_a_trigger_is_gone_and_filled_anew(self, on_sqlite):
        with db.engine.begin() as connection:
            connection.execute(text("DROP TRIGGER categories_search_insert"))
            connection.execute(text("INSERT INTO categories (name) VALUES ('Unseen')"))
        with db.engine.connect() as connection:
            (finding,) = check_search(connection)

        built = [index.name for index in build()]

        assert "categories_search_insert" in finding.problem
        assert built == ["categories_search"]
        with db.engine.connect() as connection:
            assert not list(check_search(connection))
            assert connection.scalar(found("unseen")) == 1

    def test_is_noticed_when_rows_came_past_it(self, on_sqlite):
        with db.engine.begin() as connection:
            (trigger,) = connection.scalars(
                text("SELECT sql FROM sqlite_master WHERE name = 'categories_search_insert'")
            )
            connection.execute(text("DROP TRIGGER categories_search_insert"))
            connection.execute(text("INSERT INTO categories (name) VALUES ('Unseen')"))
            connection.exec_driver_sql(trigger)

        with db.engine.connect() as connection:
            assert [finding.problem for finding in check_search(connection)] == [
                "the search knows 0 of 1 categories"
            ]


def found(word):
    return text(
        f"SELECT count(*) FROM categories_search WHERE categories_search MATCH '\"{word}\"'"
    )
