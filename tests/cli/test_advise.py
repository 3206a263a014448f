"""`manage.py indexes advise` and `prove`, as processes of their own."""

import json

import pytest

SQL = """
-- calls: 10
SELECT customers.id FROM customers WHERE customers.phone = '1';
"""


@pytest.fixture
def asked(tmp_path):
    """A file with a statement."""
    file = tmp_path / "asked.sql"
    file.write_text(SQL)
    return file


class TestAdvise:
    def test_says_why_it_refuses(self, manage, asked):
        run = manage("indexes", "advise", "--sql", asked, "--candidate", "products: sku")

        assert run.returncode == 0, run.stderr
        assert "no index pays" in run.stdout
        assert "is there already" in run.stdout

    def test_prints_one_object(self, manage, asked):
        offer = "customers: phone, name"
        run = manage("indexes", "advise", "--sql", asked, "--candidate", offer, "--json")

        (found, *_) = json.loads(run.stdout)["advice"]
        assert found["reason"] == "customers has only 0 rows"
        assert "statement" not in run.stdout

    def test_has_nothing_to_say_without_a_log(self, manage):
        run = manage("indexes", "advise")

        assert (run.returncode, run.stdout) == (0, "no statement to serve\n")

    @pytest.mark.parametrize(
        "option",
        [("--since", "7x"), ("--candidate", "products"), ("--table", "nothing")],
    )
    def test_of_wrong_usage_is_exit_2(self, command, new_database, option):
        assert command("indexes", "advise", *option, url=new_database("sqlite")).returncode == 2


class TestProve:
    def test_has_nothing_to_prove(self, manage):
        run = manage("indexes", "prove")

        assert (run.returncode, run.stdout) == (0, "no advised index is built\n")

    def test_knows_only_what_was_advised(self, manage):
        run = manage("indexes", "prove", "ix_x")

        assert run.returncode == 1
        assert run.stderr == "Error: never advised: ix_x\n"
