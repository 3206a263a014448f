"""Revisions that would block or break those who work are refused, with the safe way."""

import os

import pytest

from backoffice.revisions.check import check
from backoffice.revisions.rules import RULES
from backoffice.revisions.running import scripts
from backoffice.revisions.squawk import program
from tests.revisions.conftest import Written

ONLY = 'if op.get_context().dialect.name == "postgresql":\n    '

UNSAFE = {
    "a column that must be given": (
        'op.add_column("products", sa.Column("colour", sa.String(20), nullable=False))',
        "not-null-without-default",
        "constant server_default",
    ),
    "a default that differs from row to row": (
        ('op.add_column("products", sa.Column("token", sa.Text(), '
        'server_default=sa.text("(random())")))'),
        "volatile-default",
        "fill old rows by a BACKFILL",
    ),
    "changing a type": (
        ('with op.batch_alter_table("products") as batch:\n'
        '    batch.alter_column("stock", type_=sa.BigInteger())'),
        "change-type",
        "add a column of the new type",
    ),
    "an index of a large table": (
        'op.create_index("ix_products_stock", "products", ["stock"])',
        "index-in-revision",
        "indexes build",
    ),
    "an index made concurrently in the transaction": (
        'op.execute("CREATE INDEX CONCURRENTLY ix_a ON products (stock)")',
        "index-concurrently",
        "indexes build",
    ),
    "a foreign key that looks at every row": (
        ('with op.batch_alter_table("products") as batch:\n'
        '    batch.create_foreign_key("fk_p", "suppliers", ["supplier_id"], ["id"])'),
        "foreign-key",
        "NOT VALID",
    ),
    "a check that looks at every row": (
        ('with op.batch_alter_table("products") as batch:\n'
        '    batch.create_check_constraint("fair", "price < 100000")'),
        "check",
        "VALIDATE CONSTRAINT",
    ),
    "a unique constraint": (
        ('with op.batch_alter_table("products") as batch:\n'
        '    batch.create_unique_constraint("uq_p", ["name"])'),
        "unique",
        "USING INDEX",
    ),
    "NOT NULL without a proof": (
        ('with op.batch_alter_table("products") as batch:\n'
        '    batch.alter_column("category_id", nullable=False)'),
        "set-not-null",
        "CHECK (column IS NOT NULL) NOT VALID",
    ),
    "all rows changed by one statement": (
        "op.execute(\"UPDATE orders SET note = '' WHERE note IS NULL\")",
        "backfill",
        "BACKFILL = Batches",
    ),
    "rows changed one by one in Python": (
        'for row in op.get_bind().execute(sa.text("SELECT id FROM orders")):\n    print(row)',
        "reads-rows",
        "BACKFILL = Batches",
    ),
    "a table that SQLite copies": (
        ('with op.batch_alter_table("orders", recreate="always") as batch:\n'
        '    batch.add_column(sa.Column("weight", sa.Integer()))'),
        "rebuild",
        "without a batch copies nothing",
    ),
    "validated in the transaction that added it": (
        ('if op.get_context().dialect.name == "postgresql":\n'
        '    op.create_check_constraint("fair", "products", "price < 9", '
        "postgresql_not_valid=True)\n"
        '    op.execute("ALTER TABLE products VALIDATE CONSTRAINT fair")'),
        "validate-together",
        "in a revision of its own",
    ),
    "a transaction of its own in between": (
        ('if op.get_context().dialect.name == "postgresql":\n'
        "    with op.get_context().autocommit_block():\n"
        "        op.execute(\"ALTER TYPE mood ADD VALUE 'fair'\")"),
        "own-commit",
        "one revision, one transaction",
    ),
    **{
        f"limits changed by {sql}": (ONLY + f'op.execute("{sql}")', "limits", "leave them as")
        for sql in (
            "SET lock_timeout = 0",
            "SET SESSION statement_timeout TO 0",
            "SET LOCAL lock_timeout = 0",
            "RESET ALL",
            "SELECT set_config('lock_timeout', '0', false)",
        )
    },
    **{
        f"a large table copied by {sql}": (
            ONLY + f'op.execute("{sql}")', "backfill", "BACKFILL = Batches"
        )
        for sql in (
            "SELECT * INTO copied FROM products",
            "SELECT id INTO TEMP TABLE copied FROM ONLY products",
            "CREATE TABLE copied AS TABLE products",
            "CREATE TABLE copied AS (SELECT * FROM products)",
            "INSERT INTO imports TABLE products",
        )
    },
    "rows changed by explaining": (
        ONLY + 'op.execute("EXPLAIN ANALYZE UPDATE products SET stock = 0")',
        "unknown",
        "say in ACCEPTED",
    ),
    "the whole table locked": ('op.execute("LOCK TABLE products")', "heavy", "quiet hour"),
    "what nobody knows": (
        "op.execute(\"DO $$ BEGIN PERFORM 1; END $$\")",
        "unknown",
        "say in ACCEPTED",
    ),
    "dropping a column": (
        'op.drop_column("customers", "region")',
        "drop-column",
        "in a later release",
    ),
    "dropping a table": (
        'op.drop_table("saved_views")',
        "drop-table",
        "in a later release",
    ),
    "renaming a column": (
        ('op.alter_column("products", "stock", new_column_name="amount")'
        '\nif op.get_context().dialect.name == "sqlite": pass'),
        "rename-column",
        "only rename the attribute",
    ),
    "renaming a table": (
        'op.rename_table("suppliers", "vendors")',
        "rename-table",
        "rename the model's class",
    ),
    "dropping an index under lock": (
        'op.drop_index("ix_suppliers_name_id", "suppliers")',
        "drop-index",
        "DROP INDEX CONCURRENTLY",
    ),
}  # fmt: skip

SAFE = {
    "a small table copied": (
        ONLY + 'op.execute("CREATE TABLE roles AS TABLE users")\n'
        '    op.execute("SELECT * INTO names FROM roles JOIN users USING (id)")'
    ),
    "time for a statement that blocks nobody": (
        ONLY + 'op.execute("SET LOCAL statement_timeout = 0")'
    ),
    "a column that may be empty": 'op.add_column("products", sa.Column("colour", sa.Text()))',
    "a column with a constant": (
        'op.add_column("products", sa.Column("colour", sa.Text(), server_default="red (dark)", '
        "nullable=False))"
    ),
    "a table with all its rules and indexes": (
        'op.create_table("notes", sa.Column("id", sa.Integer(), primary_key=True),\n'
        '    sa.Column("product_id", sa.Integer(), sa.ForeignKey("products.id", name="fk")))\n'
        'op.create_index("ix_notes", "notes", ["product_id"], unique=True)\n'
        'op.execute("UPDATE notes SET product_id = 1")'
    ),
    "an index of a small table": 'op.create_index("ix_users_role", "users", ["role"])',
    "rows of a small table": "op.execute(\"UPDATE users SET role = 'viewer' WHERE role = ''\")",
    "a rule that is proven later": (
        'if op.get_context().dialect.name == "postgresql":\n'
        '    op.create_check_constraint("fair", "products", "price < 9", '
        "postgresql_not_valid=True)"
    ),
}  # fmt: skip


def found(written):
    """The refusals in the test's own revisions."""
    own = str(written.folder)
    return [refusal for refusal in check(written.scripts()).refusals if own in str(refusal.file)]


class TestTheRevisionsOfThisCode:
    def test_are_safe_or_say_why(self, apps):
        with apps("sqlite").app_context():
            verdict = check(scripts())

        assert [str(refusal) for refusal in verdict.refusals] == []


@pytest.fixture(scope="module")
def unsafe(tmp_path_factory):
    """Name -> (refusals, its file); all written one after the other and checked at once."""
    written = Written(tmp_path_factory.mktemp("unsafe"))
    files = {
        name: written.folder / f"{written.add(upgrade)}_change.py"
        for name, (upgrade, _, _) in UNSAFE.items()
    }
    refusals = found(written)
    return {
        name: ([refusal for refusal in refusals if refusal.file == file], file)
        for name, file in files.items()
    }


class TestUnsafe:
    @pytest.mark.parametrize("name", UNSAFE)
    def test_is_refused_with_the_safe_way(self, unsafe, name):
        _, rule, safe = UNSAFE[name]
        refusals, file = unsafe[name]

        (refusal, *_) = [each for each in refusals if each.rule == rule]

        assert safe in refusal.safe
        assert file.read_text().splitlines()[refusal.line - 1].strip()
        assert str(refusal).startswith(f"{file.name}:{refusal.line}: {rule} (")

    def test_names_the_line_of_each(self, written):
        written.add('op.drop_column("orders", "note")\nop.drop_column("orders", "version")')

        refusals = found(written)

        lines = [refusal.file.read_text().splitlines()[refusal.line - 1] for refusal in refusals]
        assert [line.split('"')[3] for line in lines if "drop" in line] == ["note", "version"]

    def test_that_does_not_run_is_one_refusal_a_database(self, written):
        written.add('op.execute("SELECT 1")\nraise ValueError("no such thing")')

        refusals = found(written)

        assert {refusal.rule for refusal in refusals} == {"fails"}
        assert "no such thing" in refusals[0].what


class TestSafe:
    @pytest.mark.parametrize("name", SAFE)
    def test_passes(self, written, name):
        written.add(SAFE[name])

        assert [str(refusal) for refusal in found(written)] == []

    def test_not_null_after_a_check_was_validated(self, written):
        written.add(
            ONLY + 'op.create_check_constraint("has", "products", "category_id IS NOT NULL", '
            "postgresql_not_valid=True)"
        )
        written.add(ONLY + 'op.execute("ALTER TABLE products VALIDATE CONSTRAINT has")')
        written.add(ONLY + 'op.alter_column("products", "category_id", nullable=False)')

        ours = [refusal.rule for refusal in found(written) if refusal.rule in RULES]

        assert ours == []


class TestAccepted:
    def test_needs_a_reason(self, written):
        drop = 'op.drop_column("customers", "region")'
        written.add(drop, constants='ACCEPTED = {"drop-column": "ok"}')

        assert {refusal.rule for refusal in found(written)} == {"drop-column", "not-accepted"}

    def test_with_a_reason_passes(self, written):
        drop = 'op.drop_column("customers", "region")'
        reason = "no release since May reads the region of a customer"
        written.add(drop, constants=f'ACCEPTED = {{"drop-column": "{reason}"}}')

        assert found(written) == []
        assert ("t001", "drop-column", reason) in check(written.scripts()).accepted

    def test_excepts_nothing_else(self, written):
        written.add(
            'op.drop_column("customers", "region")\nop.drop_table("saved_views")',
            constants='ACCEPTED = {"drop-column": "no release since May reads it any more"}',
        )

        assert [refusal.rule for refusal in found(written)] == ["drop-table"]

    def test_is_taken_out_when_nothing_needs_it(self, written):
        written.add("pass", constants='ACCEPTED = {"unique": "it was needed before, not now"}')

        (refusal,) = found(written)

        assert "ACCEPTED names unique, which nothing in it does" in refusal.what


class TestSquawk:
    @pytest.fixture(autouse=True)
    def installed(self):
        if program() is None:
            assert not os.environ.get("CI"), "squawk-cli is not installed"
            pytest.skip("squawk-cli is not installed")

    def test_sees_what_our_rules_do_not(self, written):
        written.add('op.execute("CREATE TABLE wide (id char(3) PRIMARY KEY)")')

        (refusal,) = found(written)

        assert refusal.rule == "ban-char-field"
        assert refusal.safe
        assert refusal.line
