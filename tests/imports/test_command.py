"""`manage.py import` in a process of its own: output, exit codes, help."""

import json
import os
import signal
import subprocess
import sys
from functools import partial

import pytest
from sqlalchemy import update

from backoffice.cli.imports import say_cancelled
from backoffice.config import ROOT
from backoffice.imports.kinds import KINDS
from backoffice.imports.ledger import RunCancelledError
from backoffice.imports.queue import turn
from backoffice.imports.work import own_connection
from backoffice.models import ImportRun, Product
from tests import stored
from tests.imports.conftest import HEADER, products
from tests.imports.test_views import check, uploaded


class TestCommand:
    def test_takes_standard_input_and_prints_one_object(self, manage, make):
        make.suppliers()

        ran = manage("products", "-", "--json", stdin=products(3))

        assert (ran.returncode, ran.stderr) == (0, "")
        told = json.loads(ran.stdout)
        assert " ".join(told) == (
            "kind file run rows inserted updated unchanged rejected seconds "
            "encoding delimiter columns"
        )
        assert (told["kind"], told["rows"], told["inserted"]) == ("products", 3, 3)

    def test_exits_1_for_a_refused_row_and_2_for_wrong_usage(self, manage, tmp_path, unchanged):
        file = tmp_path / "june.csv"
        file.write_text(HEADER + "A,A,NORDX,1,1\n")

        with unchanged():
            refused = manage("products", file)
            missing = manage("suppliers", file)
            malformed = manage("products", file, "--map", "price")
            unknown = manage("products", file, "--map", "Their price=prize")
            itself = manage("products", file, "--rejects", file)

        assert refused.returncode == 1
        assert "june.csv line 2, column supplier: 'NORDX' is no known" in refused.stderr
        assert refused.stdout.startswith("june.csv: nothing imported: 1 of 1 row refused, ")
        assert missing.returncode == 1
        assert "june.csv line 1: column code is missing" in missing.stderr
        assert missing.stdout == ""
        assert {malformed.returncode, unknown.returncode, itself.returncode} == {2}
        assert "products have no field 'prize'" in unknown.stderr
        assert "would be overwritten" in itself.stderr

    def test_takes_a_file_whose_name_is_no_text(self, manage, make, tmp_path):
        make.suppliers()
        folder = tmp_path / os.fsdecode(b"caf\xe9")
        folder.mkdir()
        file = folder / os.fsdecode(b"caf\xe9.csv")
        file.write_text(products(1))
        wrong = folder / os.fsdecode(b"caf\xe8.csv")
        wrong.write_text("code\n1\n")

        ran, refused = manage("products", file), manage("products", wrong)

        assert (ran.returncode, ran.stderr) == (0, "")
        assert ran.stdout.startswith("caf\ufffd.csv: done, 1 row: 1 inserted")
        assert "Error: caf\ufffd.csv line 1: column sku is missing" in refused.stderr

    def test_counts_the_refused_rows_of_a_refused_file(self, manage, make):
        make.suppliers()
        rows = HEADER + "A,A,SUP1,1,1\nB,B,SUP1,x,1\nC,C,NO,1,1\n"

        told = manage("products", "-", stdin=rows)
        as_json = json.loads(manage("products", "-", "--json", stdin=rows).stdout)

        assert told.stdout.startswith("standard input: nothing imported: 2 of 3 rows refused, ")
        names = ("run", "rows", "inserted", "updated", "unchanged", "rejected")
        assert [as_json[name] for name in names] == [None, 3, 0, 0, 1, 2]

    def test_names_the_kinds_when_it_is_given_another(self, manage):
        ran = manage("widgets", "june.csv")

        assert ran.returncode == 2
        assert (
            "'widgets' is no kind of file: use suppliers, categories, products, customers, "
            "orders, order-lines"
        ) in ran.stderr

    def test_reads_a_file_as_it_is_told_to(self, manage, make, tmp_path):
        make.suppliers()
        rejects = tmp_path / "rejects.csv"
        rows = "Juin\r\nsku|name|supplier|price\r\nA|Écrou|SUP1|1 234,50\r\nB|b|SUP1|1.5\r\n"
        how = ("--skip-lines", 1, "--decimal", ",", "--thousands", "space", "--dates", "dmy")

        told = manage(
            "products", "-", "--json", "--on-error", "skip", "--rejects", rejects, *how, stdin=rows
        )
        rejects.write_bytes(rejects.read_bytes().replace(b"1.5", b"1,5"))
        again = manage("products", rejects, "--encoding", "utf-8", "--delimiter", "|", *how)

        report = json.loads(told.stdout)
        assert [report[name] for name in ("inserted", "rejected")] == [1, 1]
        assert [report[name] for name in ("encoding", "delimiter")] == ["utf-8", "|"]
        assert again.stdout.startswith("rejects.csv: done, 1 row: 1 inserted, 0 updated")
        assert again.stdout.endswith("read as UTF-8 with pipes below line 1\n")

    def test_is_told_off_for_what_makes_no_sense(self, manage, tmp_path):
        file = tmp_path / "june.csv"
        file.write_text(HEADER)

        for options, says in (
            (("--encoding", "klingon"), "'klingon' is no encoding: use utf-8"),
            (("--encoding", "zip"), "'zip' is no encoding"),
            (("--encoding", "idna"), "'idna' is no encoding"),
            (("--encoding", "punycode"), "'punycode' is no encoding"),
            (("--encoding", "undefined"), "'undefined' is no encoding"),
            (("--encoding", "unicode_escape"), "'unicode_escape' is no encoding"),
            (("--delimiter", "ab"), "'ab' is no delimiter: use one character, or tab"),
            (("--thousands", "x"), "'x': use a point, a comma, an apostrophe, or space"),
            (("--decimal", ",", "--thousands", ","), "',' cannot stand before the decimals and"),
            (("--dates", "ydm"), "'ydm' is not one of"),
            (("--skip-lines", "-1"), "-1 is not in the range"),
        ):
            ran = manage("products", file, *options)

            assert ran.returncode == 2
            assert says in ran.stderr

    def test_maps_a_column_and_exits_1_when_good_rows_only_were_taken(self, manage, tmp_path):
        file = tmp_path / "june.csv"
        file.write_text("Code;name;Town\nA;A;Oslo\nB;;Rome\n")

        ran = manage("suppliers", file, "--map", "Town=city", "--on-error", "skip")

        assert ran.returncode == 1
        assert ran.stdout.startswith("june.csv: done, 2 rows: 1 inserted, 0 updated, 0 unchanged")

    def test_can_be_interrupted_while_it_waits(self, app, environ, make, tmp_path):
        make.suppliers()
        file = tmp_path / "june.csv"
        file.write_text(products(3))
        command = [sys.executable, ROOT / "manage.py", "import", "products", file]

        owner = KINDS["products"].owner

        with app.app_context(), own_connection() as ours, turn(ours, owner):
            ran = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True)
            assert "waiting for another import" in ran.stderr.readline()
            ran.send_signal(signal.SIGINT)
            _, said = ran.communicate(timeout=10)

        assert ran.returncode == 130
        assert said.endswith("june.csv: cancelled, nothing of it is left in the database\n")

    def test_that_is_cancelled_names_what_stays(self, app, make, load, capsys):
        make.suppliers()

        def edit_and_cancel() -> bool:
            with stored.elsewhere(app) as connection:
                edited = update(Product).where(Product.sku == "P0")
                changed = edited.values(name="Edited", version=Product.version + 1)
                return connection.execute(changed).rowcount > 0

        with pytest.raises(RunCancelledError) as cancelled:
            load("products", products(60), cancelled=edit_and_cancel, hurry=lambda: True)
        with pytest.raises(SystemExit):
            say_cancelled("june.csv", cancelled.value)

        assert capsys.readouterr().err.splitlines() == [
            "products P0: was edited since",
            "june.csv: cancelled, 1 row of it is left in the database",
        ]

    def test_takes_a_mapping_that_was_saved_in_the_browser(
        self, app, client, manage, make, tmp_path
    ):
        make.suppliers()
        content = "Preise\nartikel;name;preis;aktiv;x\nP1;Nut;1,50;ja;1\n"
        run = uploaded(client, content, decimal=",", skip_lines="1")
        columns = {"column-0": "sku", "column-1": "name", "column-2": "price", "column-3": "active"}
        words = {"theirs-active-0": "ja", "ours-active-0": "yes"}
        keep = {"constant-supplier": "SUP1", "save_as": "ACME", "on_error": "skip"}
        check(client, run, **columns, **words, **keep)
        client.post(f"{run}apply/")
        file = tmp_path / "july.csv"
        file.write_text(content.replace("1,50", "2,50"))
        saved = ("products", file, "--saved-mapping", "ACME")

        ran = manage(*saved)
        file.write_text(content.replace("1,50", "3.50").replace("Preise\n", ""))
        overruled = manage(*saved, "--decimal", ".", "--skip-lines", 0, "--map", "x=stock")
        stopped = manage(*saved, "--skip-lines", 0, "--on-error", "stop")
        unknown = manage("products", file, "--saved-mapping", "ACNE")
        both = manage(*saved, "--mapping", file)

        assert "done, 1 row: 1 inserted" in ran.stdout, ran.stderr
        assert "done, 1 row: 0 inserted, 1 updated" in overruled.stdout, overruled.stderr
        assert stored.newest(app, Product).stock == 1
        assert "nothing imported: 1 of 1 row refused" in stopped.stdout
        assert (unknown.returncode, both.returncode) == (2, 2)
        assert "'ACNE' is not saved as a mapping for products: 'ACME'" in unknown.stderr
        assert "give one of them" in both.stderr

    def test_says_what_a_dry_run_would_make(self, manage):
        rows = HEADER + "A,A,NEW1,1,1\nB,B,NEW2,1,1\n"

        ran = manage("products", "-", "--create-missing", "--dry-run", stdin=rows)

        assert "suppliers to create, named like their key: 2" in ran.stderr

    def test_shows_its_help_without_a_database(self):
        ran = subprocess.run(
            [sys.executable, ROOT / "manage.py", "import", "products", "--help"],
            env={"DATABASE_URL": "nonsense://", "PATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )

        assert ran.returncode == 0
        assert "A new product needs: supplier, sku, name, price" in ran.stdout
        assert "Of a refused file nothing is written" in " ".join(ran.stdout.split())


@pytest.fixture
def imports(commands, environ):
    """Runs `manage.py imports` on the test's database."""
    return partial(commands.run, "imports", environ=environ)


class TestPastImports:
    def test_tells_counts_of_what_is_at_its_end_only(self, app, make, imports):
        make.imports(1, total=9, inserted=2)
        states = ("running", "cancelled", "uploaded", "done")
        said, told = {}, {}
        for state in states:
            with stored.elsewhere(app) as connection:
                connection.execute(update(ImportRun).values(state=state, total=9, inserted=2))
            said[state] = imports("list").stdout.strip()
            as_json = json.loads(imports("list", "--json").stdout)
            told[state] = [as_json[name] for name in ("inserted", "unchanged")]

        assert said["running"].endswith("running: 2 inserted, 0 updated so far")
        assert said["cancelled"].endswith("cancelled")
        assert said["uploaded"].endswith("uploaded")
        assert said["done"].endswith("done: 2 inserted, 0 updated, 7 unchanged, 0 rejected")
        assert list(told.values()) == [[2, None], [None, None], [None, None], [2, 7]]

    @pytest.mark.parametrize("command", ["show", "resume", "undo"])
    def test_knows_numbers_that_a_database_can_have(self, imports, command):
        ran = imports(command, "9" * 21)

        assert ran.returncode == 2
        assert "is not in the range" in ran.stderr

    def test_counts_one_row_as_one(self, app, imports, make, load):
        make.suppliers()
        run = load("products", products(1)).run

        assert ": 1 row reversed, 0 kept" in imports("undo", run).stdout
