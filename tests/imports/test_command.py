"""`manage.py import` in a process of its own: output, exit codes, help."""

import json
import subprocess
import sys

from backoffice.config import ROOT
from tests.imports.conftest import HEADER, products


class TestCommand:
    def test_takes_standard_input_and_prints_one_object(self, manage, make):
        make.suppliers()

        ran = manage("products", "-", "--json", stdin=products(3))

        assert (ran.returncode, ran.stderr) == (0, "")
        told = json.loads(ran.stdout)
        assert " ".join(told) == ("kind file run rows inserted updated unchanged rejected seconds")
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
        assert refused.stdout.startswith("june.csv: nothing imported, 1 row")
        assert missing.returncode == 1
        assert "june.csv line 1: column code is missing" in missing.stderr
        assert missing.stdout == ""
        assert {malformed.returncode, unknown.returncode, itself.returncode} == {2}
        assert "products have no field 'prize'" in unknown.stderr
        assert "would be overwritten" in itself.stderr

    def test_maps_a_column_and_exits_1_when_good_rows_only_were_taken(self, manage, tmp_path):
        file = tmp_path / "june.csv"
        file.write_text("Code;name;Town\nA;A;Oslo\nB;;Rome\n")

        ran = manage("suppliers", file, "--map", "Town=city", "--on-error", "skip")

        assert ran.returncode == 1
        assert ran.stdout.startswith("june.csv: done, 2 rows: 1 inserted, 0 updated, 0 unchanged")

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
