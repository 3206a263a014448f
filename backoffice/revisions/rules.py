"""What a revision must not do while the code before it serves pages, and what to do instead."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """A thing refused; ``safe`` is the way to the same end that hurts nobody."""

    name: str
    why: str
    safe: str


SMALL = frozenset(
    {
        "alembic_version",
        "backfills",
        "import_mappings",
        "imports",
        "index_advice",
        "rollup_changes",
        "rollup_state",
        "saved_views",
        "stock_states",
        "users",
    }
)
"""Tables whose rows are few by their nature: read or written whole, they hold nobody up."""

_INDEXES = (
    'declare it in the model as Index(..., info={"online": True}) and run `manage.py indexes '
    "build` after the upgrade, which blocks no writer"
)
_CONTRACT = (
    "first release code that neither reads nor writes it; drop it in a later release, and say so "
    "in ACCEPTED"
)
_TWO_STEPS = (
    "add it with NOT VALID (postgresql_not_valid=True) and VALIDATE CONSTRAINT in the next "
    "revision: a read of the table that blocks nobody"
)

_ALL = (
    Rule(
        "not-null-without-default",
        "rows that are there have no value for it, and the old code's inserts fail",
        "add it with a constant server_default, or nullable, then fill it by a BACKFILL",
    ),
    Rule(
        "volatile-default",
        "every row is written anew under a lock that stops all pages, and SQLite refuses it",
        "add it nullable without the default, set the default next, fill old rows by a BACKFILL",
    ),
    Rule("drop-column", "the old code still selects it: its pages fail", _CONTRACT),
    Rule("drop-table", "the old code still reads it: its pages fail", _CONTRACT),
    Rule(
        "rename-column",
        "the old code asks for the old name, the new code for the new one",
        "add the new column, write both, fill it by a BACKFILL, read the new one, drop the old "
        "one in a later release; or only rename the attribute in the model",
    ),
    Rule(
        "rename-table",
        "the old code asks for the old name, the new code for the new one",
        "keep the table's name and rename the model's class, which is free",
    ),
    Rule(
        "change-type",
        "every row may be written anew under a lock that stops all pages",
        "add a column of the new type, write both, fill it by a BACKFILL, read the new one; where "
        "PostgreSQL only lengthens a text, say so in ACCEPTED",
    ),
    Rule("index-in-revision", "writers wait while the whole table is read", _INDEXES),
    Rule(
        "index-concurrently",
        "it cannot run in a transaction, and one that is killed leaves an invalid index",
        _INDEXES,
    ),
    Rule(
        "drop-index",
        "all pages of the table wait for the lock, and the old code loses its plans",
        "leave it out of the model and run DROP INDEX CONCURRENTLY when the release is out; "
        "`manage.py indexes list` calls it undeclared",
    ),
    Rule("foreign-key", "both tables are locked while every row is looked up", _TWO_STEPS),
    Rule("check", "the table is locked while every row is looked at", _TWO_STEPS),
    Rule(
        "validate-together",
        "the lock that adding took is held while every row is looked at",
        "VALIDATE CONSTRAINT in a revision of its own: each is a transaction",
    ),
    Rule(
        "unique",
        "its index is built while the table is locked",
        "CREATE UNIQUE INDEX CONCURRENTLY by hand or by `manage.py indexes build`, then ADD "
        "CONSTRAINT ... UNIQUE USING INDEX",
    ),
    Rule(
        "set-not-null",
        "the table is locked while every row is looked at",
        "add CHECK (column IS NOT NULL) NOT VALID, validate it in the next revision, and SET NOT "
        "NULL in a later one, which then looks at no row",
    ),
    Rule(
        "backfill",
        "one statement over a large table locks its rows, and on SQLite all writers, till it ends",
        "a revision of its own with BACKFILL = Batches(...), see revisions/backfill.py: short "
        "transactions, resumed when killed",
    ),
    Rule(
        "rebuild",
        "SQLite copies the whole table while nobody can write",
        "op.add_column() without a batch copies nothing; what needs a batch waits for a quiet "
        "hour: look at `manage.py db rehearse` and say in ACCEPTED how long it takes",
    ),
    Rule(
        "limits",
        "a wait or a lock that is not cut short makes the pages behind it fail, and a plain SET "
        "holds for the revisions that follow",
        "leave them as they are; a statement that blocks nobody, as VALIDATE CONSTRAINT, may begin "
        "with SET LOCAL statement_timeout = 0",
    ),
    Rule(
        "heavy",
        "it locks or writes the whole table",
        "do it by hand at a quiet hour, not with a deploy",
    ),
    Rule(
        "own-commit",
        "a revision that commits in between is half done when it is killed",
        "one revision, one transaction: cut it in two, or leave it to a command",
    ),
    Rule(
        "reads-rows",
        "what it does with the rows it reads cannot be seen here, and a loop over many is long",
        "write it as one statement for BACKFILL = Batches(...), see revisions/backfill.py",
    ),
    Rule(
        "fails",
        "it does not run on empty tables",
        "run it on both databases; ask op.get_context().dialect.name where they differ",
    ),
    Rule(
        "unknown",
        "nobody has said yet whether this blocks or breaks anybody",
        "use op.* where it can do it; else say in ACCEPTED why it is safe",
    ),
    Rule(
        "not-accepted",
        "an exception that excepts nothing hides the next one",
        "take it out of ACCEPTED, or write the reason in a sentence",
    ),
)

RULES = {rule.name: rule for rule in _ALL}
