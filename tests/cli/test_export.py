"""`manage.py export` as people and scripts call it."""

import json
import stat

import pytest


@pytest.fixture
def filled(manage):
    run = manage(
        "generate", "--suppliers", "3", "--products", "8", "--customers", "4", "--orders", "5"
    )
    assert run.returncode == 0
    return manage


class TestExport:
    @pytest.mark.parametrize("kind", ["products", "order-lines"])
    def test_changes_nothing_when_it_is_imported(self, filled, tmp_path, kind):
        written = filled("export", kind)
        (tmp_path / kind).write_text(written.stdout, newline="")

        ran = filled("import", kind, tmp_path / kind, "--json")

        told = json.loads(ran.stdout)
        assert (written.returncode, written.stderr, ran.stderr) == (0, "", "")
        assert told["unchanged"] == told["rows"] > 0

    def test_has_every_column_of_the_kind_the_key_first(self, filled):
        heads = filled("export", "order-lines").stdout.splitlines()[0]

        assert heads == "order,line_no,product,quantity,unit_price,discount"

    def test_of_an_empty_table_is_its_heads(self, manage):
        run = manage("export", "categories")

        assert (run.returncode, run.stdout) == (0, "name,description\n")

    def test_refuses_another_kind_and_names_those_there_are(self, command):
        run = command("export", "users", url="nonsense://")

        assert run.returncode == 2
        assert "'order-lines'" in run.stderr


class TestOut:
    def test_is_what_standard_output_would_be_and_leaves_no_draft(self, filled, tmp_path):
        out = tmp_path / "products.csv"

        run = filled("export", "products", "--out", out)

        assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
        assert out.read_text() == filled("export", "products").stdout
        assert list(tmp_path.iterdir()) == [out]

    def test_keeps_what_was_there_when_the_export_fails(self, command, new_database, tmp_path):
        out = tmp_path / "products.csv"
        out.write_text("of yesterday")

        run = command("export", "products", "--out", out, url=new_database("sqlite"))

        assert run.returncode == 1
        assert "db upgrade" in run.stderr
        assert out.read_text() == "of yesterday"
        assert list(tmp_path.iterdir()) == [out]

    @pytest.mark.parametrize("was", [None, 0o644])
    def test_is_readable_by_its_owner_alone(self, filled, tmp_path, was):
        out = tmp_path / "customers.csv"
        if was:
            out.touch(was)

        filled("export", "customers", "--out", out)

        assert stat.S_IMODE(out.stat().st_mode) == 0o600
        assert out.read_text().startswith("code,name")

    def test_goes_to_where_a_link_leads(self, filled, tmp_path):
        (tmp_path / "today.csv").symlink_to(tmp_path / "real.csv")

        filled("export", "suppliers", "--out", tmp_path / "today.csv")

        assert (tmp_path / "today.csv").is_symlink()
        assert (tmp_path / "real.csv").read_text().startswith("code,name")

    @pytest.mark.parametrize(
        ("out", "says"),
        [("/dev/full", "No space left on device"), ("/nowhere/x.csv", "No such file")],
    )
    def test_that_cannot_be_written_is_one_line(self, filled, out, says):
        run = filled("export", "products", "--out", out)

        assert run.returncode == 1
        assert run.stderr.startswith(f"Error: {out}: {says}")
        assert run.stderr.count("\n") == 1
