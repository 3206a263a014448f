"""Index advice on real tables: what is found, what is refused, and that nobody notices."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep

import pytest
from sqlalchemy import delete, inspect, text

from backoffice.config import ROOT
from backoffice.database import begins_reading, db
from backoffice.indexes.advice.advise import advise, schema
from backoffice.indexes.advice.candidates import offered
from backoffice.indexes.advice.choice import Choice
from backoffice.indexes.advice.copied import SCHEMA, Limits, ScratchError
from backoffice.indexes.advice.kept import keep, kept
from backoffice.indexes.advice.prove import prove
from backoffice.indexes.advice.scratch import scratch
from backoffice.indexes.advice.verdict import Report, Rules
from backoffice.indexes.advice.workload import in_file, recorded, workload
from backoffice.models import IndexAdvice, QueryHour
from backoffice.synthetic.run import Wanted, generate
from tests.conftest import BOTH, SECRET
from tests.planted import PLANTED, USELESS, plant

QUICK = Rules(rounds=2)
ASKED = """
-- calls: 1_000_000
SELECT orders.id, orders.number, orders.note, orders.ship_name FROM orders
WHERE orders.ship_postal_code = '0;0';
-- calls: 500,000
SELECT products.id, products.name, products.price FROM products
ORDER BY products.price DESC, products.id DESC LIMIT 20;
SELECT nothing FROM nowhere
"""
POSTAL, PRICE = "ix_orders_ship_postal_code", "ix_products_price_id"


@dataclass
class Advised:
    """The report, and what was in the tables before and after."""

    report: Report
    before: dict[str, int]
    after: dict[str, int]


def measured(asked: str, *offers: str, rules: Rules = QUICK) -> Report:
    with begins_reading(db.engine).connect() as connection:
        found = workload(in_file(asked), connection.dialect.name, schema())
        return advise(connection, found, [offered(offer) for offer in offers], rules)


def counts() -> dict[str, int]:
    with begins_reading(db.engine).connect() as connection:
        return {
            table: connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0
            for table in inspect(connection).get_table_names()
        }


@pytest.fixture(scope="module", params=BOTH)
def filled(request, new_app):
    """A database of its own, filled; its context is pushed."""
    app = new_app(request.param)
    with app.app_context():
        generate(Wanted(suppliers=40, products=4_000, customers=1_000, orders=4_000))
        run(f"DROP INDEX {PRICE}")
        yield app
        db.session.remove()


@pytest.fixture(scope="module")
def advised(filled) -> Advised:
    before = counts()
    report = measured(
        ASKED, "products: sku", "orders: status", "orders: ship_region", "orders: ship_postal_code"
    )
    return Advised(report, before, counts())


def run(*statements):
    with db.engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


class TestAdvise:
    def test_finds_the_index_that_each_statement_wants(self, advised):
        firsts = {(one.candidate.table, one.candidate.columns[0]) for one in advised.report.paying}

        assert firsts == {("orders", "ship_postal_code"), ("products", "price")}

    def test_says_what_it_was_before_and_after(self, advised):
        for one in advised.report.paying:
            (read,) = one.reads
            assert read.before > read.after > 0
            assert one.candidate.name in read.plan_after
            assert one.candidate.name not in read.plan_before
            assert one.bytes > 10_000

    def test_knows_the_rows_read_on_postgresql(self, advised, filled):
        for one in advised.report.paying:
            (read,) = one.reads
            if db.engine.dialect.name == "postgresql":
                assert read.rows_before == 4_000
                assert read.rows_after <= 100
            else:
                assert read.rows_before is None

    def test_says_that_writes_are_assumed(self, advised):
        notes = [note for one in advised.report.paying for note in one.notes]

        assert "no write of orders is recorded: one row for 10 reads is assumed" in notes

    @pytest.mark.parametrize(
        ("offer", "reason"),
        [
            ("products: sku", "is there already"),
            ("orders: status", "covered by ix_orders_status_placed_at_id"),
            ("orders: ship_region", "not used by the planner"),
        ],
    )
    def test_refuses_what_is_needless(self, advised, offer, reason):
        (found,) = [one for one in advised.report.advice if one.candidate == offered(offer)]

        assert not found.pays
        assert reason in found.reason

    def test_sets_aside_what_the_database_does_not_take(self, advised):
        assert len(advised.report.workload.questions) == 2

    def test_leaves_the_tables_as_they_were(self, advised, filled):
        assert advised.after == advised.before
        with begins_reading(db.engine).connect() as connection:
            names = {index["name"] for index in inspect(connection).get_indexes("orders")}
            assert POSTAL not in names

    def test_leaves_no_copy(self, advised, filled):
        assert left() == []

    def test_leaves_small_tables_alone(self, filled):
        report = measured("SELECT id FROM suppliers WHERE city = 'x'", "suppliers: city")

        assert {one.reason for one in report.advice} == {"suppliers has only 40 rows"}


class TestTheLastVerdict:
    def test_is_beside_all_that_were_chosen(self, filled):
        asked = workload(in_file(ASKED.partition(";\n")[0]), db.engine.dialect.name, schema())

        def progress(says: str) -> None:
            if says.startswith("beside the others"):  # in the place of one chosen later
                columns = "ship_postal_code, id, number, note, ship_name"
                copy.make(f"CREATE INDEX later ON orders ({columns})", "orders")

        with scratch({"orders"}, Limits(), used=set(), progress=progress) as copy:
            choice = Choice(copy, asked, QUICK, [], progress)
            choice.take([])
            choice.choose()

            (early,) = [one for one in choice.advice if one.reads]
            assert not early.pays
            assert early.reason == "the others serve its statements"
            assert choice.chosen == []
            copy.make(early.candidate.statement, "orders")  # which it could not, were it there


class TestProve:
    def test_confirms_what_is_built_and_tells_what_is_of_no_use(self, advised, filled):
        keep(advised.report.advice)
        (postal,) = [one for one in advised.report.paying if one.candidate.table == "orders"]
        (price,) = [one for one in advised.report.paying if one.candidate.table == "products"]
        assert prove([], QUICK) == []
        assert "not built" in prove([postal.candidate.name], QUICK)[0].says
        run(postal.candidate.statement, price.candidate.statement)
        db.session.remove()
        row = db.session.query(IndexAdvice).filter_by(name=price.candidate.name).one()
        # As if the page had changed: it asks for one row by its key.
        changed = {**row.measured, "reads": [dict(row.measured["reads"][0])]}
        changed["reads"][0]["statement"] = "SELECT name FROM products WHERE id = 1"
        row.measured = changed
        db.session.commit()

        proofs = {proof.name: proof for proof in prove([], QUICK)}

        run(f"DROP INDEX {postal.candidate.name}", f"DROP INDEX {price.candidate.name}")
        assert proofs[postal.candidate.name].confirmed
        assert proofs[postal.candidate.name].says.startswith("confirmed: ")
        assert not proofs[price.candidate.name].confirmed
        assert proofs[price.candidate.name].says.endswith("drop it")
        assert {row.name: row.proved["confirmed"] for row in kept()} == {
            postal.candidate.name: True,
            price.candidate.name: False,
        }
        assert left() == []


class TestScratch:
    def test_is_one_at_a_time(self, filled):
        with (
            scratch(["orders"], Limits()),
            pytest.raises(ScratchError, match="another measurement"),
            scratch(["orders"], Limits()),
        ):
            pass

    def test_lets_staff_write_meanwhile(self, filled):
        with scratch(["orders", "products"], Limits()) as copy:
            copy.make("CREATE INDEX ix_x ON products (stock)", "products")
            with copy.transaction(["ix_x"]):
                started = monotonic()
                run("UPDATE products SET stock = stock + 1", "UPDATE orders SET note = 'x'")
                seconds = monotonic() - started

        run("UPDATE products SET stock = stock - 1", "UPDATE orders SET note = ''")
        assert seconds < 4  # SQLite's and PostgreSQL's patience is more

    def test_is_for_nobody_else_to_read(self, filled):
        if db.engine.dialect.name != "sqlite":
            pytest.skip("PostgreSQL keeps its files from others itself")

        with scratch(["orders"], Limits()) as copy:
            copy.make("CREATE INDEX ix_x ON products (stock)", "products")
            assert {Path(one).stat().st_mode & 0o777 for one in left()} == {0o600}

    def test_tells_its_own_time_from_that_of_others(self, filled):
        with scratch(["suppliers"], Limits()) as copy, copy.transaction():
            started = copy.clock(alone=True)
            sleep(0.3)

            assert copy.clock(alone=True) - started < 0.2

    def test_says_which_part_of_a_large_table_it_has(self, filled):
        if db.engine.dialect.name == "sqlite":
            pytest.skip("SQLite's copy is of the whole file")

        with scratch(["orders"], Limits(rows=1_000)) as copy:
            assert 0.2 < copy.sampled["orders"] < 0.3
            assert 500 < copy.rows["orders"] < 1_500

    def test_refuses_where_there_is_no_room(self, filled, monkeypatch):
        if db.engine.dialect.name != "sqlite":
            pytest.skip("PostgreSQL's disk is not ours to look at")
        monkeypatch.setattr("shutil.disk_usage", lambda _: type("Room", (), {"free": 1_000}))

        refused = pytest.raises(ScratchError, match="0 MB free and a copy")
        with refused, scratch(["orders"], Limits()):
            pass

        assert left() == []

    def test_of_a_killed_run_is_gone_after_the_next(self, filled):
        database = db.engine.url.render_as_string(hide_password=False)
        script = (
            "from pathlib import Path; from time import sleep\n"
            "from backoffice import create_app; from backoffice.config import Settings\n"
            "from backoffice.indexes.advice.scratch import Limits, scratch\n"
            f"app = create_app(Settings(instance_path=Path({filled.instance_path!r}), "
            f"database_url={database!r}, secret_key={SECRET!r}))\n"
            "with app.app_context(), scratch(['orders'], Limits()):\n"
            "    print('copied', flush=True); sleep(60)\n"
        )
        command = [sys.executable, "-c", script]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as killed:
            assert killed.stdout.readline() == "copied\n"
            killed.send_signal(signal.SIGKILL)
        assert left()

        deadline = monotonic() + 10  # until the server has noticed
        while True:
            try:
                with scratch(["orders"], Limits()) as copy:
                    assert copy.rows == {"orders": 4_000}
                break
            except ScratchError:
                assert monotonic() < deadline
                sleep(0.1)

        assert left() == []


def left() -> list[str]:
    """What of a copy is still there."""
    if db.engine.dialect.name == "sqlite":
        file = Path(str(db.engine.url.database))
        found = file.parent.glob(f"{file.name}.measurement*")
        return [os.fspath(one) for one in found if one.suffix != ".lock"]
    with begins_reading(db.engine).connect() as connection:
        return [name for name in inspect(connection).get_schema_names() if name == SCHEMA]


@pytest.mark.slow
class TestPlanted:
    def test_ten_are_found_and_five_refused(self, new_app):
        for kind in BOTH:
            with new_app(kind).app_context():
                generate(Wanted(suppliers=200, products=20_000, customers=20_000, orders=20_000))
                with db.engine.begin() as connection:
                    connection.execute(delete(QueryHour))
                    planted = plant(connection)
                db.session.remove()
                report = _recorded(USELESS)

                served = {
                    read.fingerprint
                    for one in report.paying
                    for read in one.reads
                    if read.factor >= 2
                }
                assert served >= set(planted), kind
                assert len(planted) == len(PLANTED) == 10
                reasons = {str(one.candidate): one for one in report.advice}
                assert [offer for offer in USELESS if reasons[offer].pays] == [], kind
                db.engine.dispose()


def _recorded(offers) -> Report:
    with begins_reading(db.engine).connect() as connection:
        since = datetime.now(UTC) - timedelta(days=7)
        found = workload(recorded(connection, since), connection.dialect.name, schema())
        connection.rollback()
        return advise(connection, found, [offered(offer) for offer in offers], Rules())
