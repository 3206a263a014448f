"""Building what is missing, beside people who write."""

import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import perf_counter, sleep

import pytest
from sqlalchemy import create_engine, text

from backoffice.database import db
from backoffice.indexes import build_concurrently
from backoffice.indexes.build import build
from backoffice.indexes.build_at_once import STEPS_BETWEEN_LOOKS
from backoffice.indexes.build_concurrently import BUILD_LOCK, connected
from backoffice.indexes.limits import USUAL, BuildRefusedError, Limits
from backoffice.indexes.plan import State, compare
from backoffice.monitoring.health import check_search
from tests.indexes.conftest import reported, run, states

NAME = "ix_products_name_id"
OTHER = "ix_products_to_reorder"
OF_ROLLUP = "ix_product_periods_best"


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

    def test_builds_the_others_before_it_complains_of_one_that_differs(self, context):
        run(f"DROP INDEX {NAME}", f"CREATE INDEX {NAME} ON products (name)", f"DROP INDEX {OTHER}")

        with pytest.raises(BuildRefusedError, match=NAME):
            list(build())

        assert states()[OTHER] is State.PRESENT
        run(f"DROP INDEX {NAME}")

    def test_builds_those_that_are_named_alone(self, context):
        run(f"DROP INDEX {NAME}", f"DROP INDEX {OTHER}")

        built = list(build([OTHER]))

        assert [index.name for index in built] == [OTHER]
        assert states()[NAME] is State.MISSING

    def test_builds_one_of_a_table_without_rowids(self, context):
        run(f"DROP INDEX {OF_ROLLUP}")

        built = list(build())

        assert [index.name for index in built] == [OF_ROLLUP]

    def test_leaves_the_moment_beside_the_index(self, context):
        run(f"DROP INDEX {OTHER}")

        list(build())

        ago = datetime.now(UTC) - reported()[OTHER].built_at
        assert timedelta(seconds=-1) < ago < timedelta(seconds=30)
        assert states()[OTHER] is State.PRESENT

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
                list(build(limits=Limits(lock_timeout_ms=50, pause_seconds=0, tries=2)))
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

    def test_waits_for_one_that_is_about_to_end(self, postgresql):
        run(f"DROP INDEX {NAME}")
        other = db.engine.connect()
        other.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": BUILD_LOCK})
        _commit_after(other, 0.3)

        built = list(build())

        assert [index.name for index in built] == [NAME]

    def test_is_ended_by_the_server_when_its_process_is_killed(self, postgresql):
        with connected(USUAL) as connection:
            interval = connection.scalar(text("SHOW client_connection_check_interval"))

        assert interval == "500ms"

    def test_names_who_is_in_the_way(self, postgresql, make):
        make.products(2)
        run(f"DROP INDEX {NAME}")
        with db.engine.connect() as writer:
            writer.execute(text("UPDATE products SET stock = 1"))
            steps = []

            with pytest.raises(BuildRefusedError, match=r"process \d+ of \w+.*, idle in trans"):
                list(build(watch=steps.append, limits=Limits(lock_timeout_ms=900, tries=1)))

            assert any("waiting for writers before build, for" in step.phase for step in steps)
            assert states()[NAME] is State.INVALID
            writer.rollback()

    def test_leaves_one_that_another_builds_to_that(self, postgresql, make):
        make.products(2)
        run(f"DROP INDEX {NAME}")
        with db.engine.connect() as writer:
            writer.execute(text("UPDATE products SET stock = 1"))
            by_hand = threading.Thread(target=_create_by_hand, args=[db.engine.url])
            by_hand.start()
            _until(lambda: states()[NAME] is State.BUILDING)

            with pytest.raises(BuildRefusedError, match="somebody else builds it"):
                list(build())

            writer.rollback()
        by_hand.join()
        assert states()[NAME] is State.PRESENT

    def test_keeps_a_valid_one_that_somebody_made_meanwhile(self, postgresql):
        before = _number_of(NAME)

        with connected(USUAL) as connection:
            (seen,) = (index for index in compare(connection) if index.name == NAME)
            for state in (State.MISSING, State.INVALID):
                looked = replace(seen, state=state)
                with pytest.raises(BuildRefusedError, match="made it meanwhile"):
                    build_concurrently.make(connection, looked, USUAL, lambda *_: None)

        assert _number_of(NAME) == before
        assert states()[NAME] is State.PRESENT


def _number_of(index):
    with db.engine.connect() as connection:
        return connection.scalar(text("SELECT CAST(:index AS regclass)::oid"), {"index": index})


def once(act):
    """A watch that acts at the first step."""
    acts = iter([act])
    return lambda step: next(acts, lambda: None)()


def _commit_after(connection, seconds):
    def end():
        connection.commit()
        connection.close()

    threading.Timer(seconds, end).start()


def _create_by_hand(url):
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE INDEX CONCURRENTLY {NAME} ON products (name, id)"))
    engine.dispose()


def _write(engine, waited):
    began = perf_counter()
    with engine.begin() as connection:
        connection.execute(text("UPDATE products SET stock = 1 WHERE id = 1"))
    waited.append(perf_counter() - began)


@contextmanager
def stored_writer(engine):
    """Somebody who writes again and again."""
    ended = threading.Event()

    def write():
        while not ended.is_set():
            _write(engine, [])

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    yield
    ended.set()
    for writer in writers:
        writer.join()


def _until(true):
    for _ in range(100):
        if true():
            return
        sleep(0.05)
    pytest.fail("it never happened")


class TestAtOnce:
    @pytest.fixture
    def many(self, sqlite, make):
        """Enough rows that SQLite looks up from the build."""
        make.products(STEPS_BETWEEN_LOOKS // 8)
        run(f"DROP INDEX {NAME}")

    def test_tells_how_far_it_is(self, many):
        steps = []

        list(build(watch=steps.append))

        shares = [step.share for step in steps if step.share is not None]
        assert shares
        assert shares == sorted(shares)
        assert 0 < shares[-1] <= 1

    def test_gives_way_to_who_waited_too_long_and_is_built_after_them(self, many):
        waited = []
        writer = threading.Thread(target=_write, args=[db.engine, waited])

        def watch(step):
            if step.share and not writer.ident:
                writer.start()
                sleep(0.2)  # until it waits

        built = list(build(watch=watch, limits=Limits(hold_seconds=0.1, pause_seconds=0.1)))

        writer.join()
        assert [index.name for index in built] == [NAME]
        assert waited[0] < 0.2 + USUAL.hold_seconds

    def test_says_when_others_never_stop(self, many):
        def watch(_step):
            sleep(0.2)  # until one of them waits

        limits = Limits(hold_seconds=0.0, pause_seconds=0.0, tries=2)
        with stored_writer(db.engine), pytest.raises(BuildRefusedError, match="--hold"):
            list(build(watch=watch, limits=limits))

        assert states()[NAME] is State.MISSING


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
