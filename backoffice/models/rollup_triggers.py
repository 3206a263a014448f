"""The triggers that write the queue of the rollups, see ``rollup``, and count products by stock.

A row's trigger on SQLite, a statement's on PostgreSQL.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

DAY_KEY = {
    "postgresql": "coalesce(CAST(to_char({} AT TIME ZONE 'UTC', 'YYYYMMDD') AS bigint), 0)",
    "sqlite": "CAST(replace(substr({}, 1, 10), '-', '') AS INTEGER)",
}
"""Dialect -> a moment's day as the queue's key; no day at all of what is none, as infinity."""


def stock_state(row: str) -> str:
    """SQL of the state of a product's ``row``."""
    return (
        f"CASE WHEN NOT {row}active THEN 'inactive' WHEN {row}stock = 0 THEN 'out' "
        f"WHEN {row}stock <= {row}reorder_level THEN 'low' ELSE 'in' END"
    )


def sqlite_triggers() -> dict[str, str]:
    """Name -> the statement that makes the trigger, without CREATE TRIGGER and the name."""
    return {
        "rollup_orders_insert": _on("INSERT ON orders", _placed("new")),
        "rollup_orders_delete": _on("DELETE ON orders", _placed("old")),
        "rollup_orders_update": _on(
            "UPDATE OF placed_at, status, number, customer_id ON orders",
            _placed("old"),
            _placed("new"),
        ),
        "rollup_lines_insert": _on("INSERT ON order_lines", _mark("order", "new.order_id")),
        "rollup_lines_delete": _on("DELETE ON order_lines", _mark("order", "old.order_id")),
        "rollup_lines_update": _on(
            "UPDATE OF order_id, product_id, quantity, unit_price, discount ON order_lines",
            _mark("order", "old.order_id"),
            _mark("order", "new.order_id"),
        ),
        "rollup_products_insert": _on("INSERT ON products", _count("new", 1), _mark("catalog")),
        # Its id may come again, with another supplier.
        "rollup_products_delete": _on(
            "DELETE ON products", _count("old", -1), _mark("product", "old.id")
        ),
        "rollup_products_update": _on(
            "UPDATE OF sku, name, price, stock, reorder_level, active ON products",
            _mark("catalog"),
        ),
        "rollup_products_stock": _on(
            "UPDATE OF stock, reorder_level, active ON products "
            f"WHEN {stock_state('old.')} <> {stock_state('new.')}",
            _count("old", -1),
            _count("new", 1),
        ),
        "rollup_products_supplier": _on(
            "UPDATE OF supplier_id ON products WHEN old.supplier_id <> new.supplier_id",
            _mark("product", "new.id"),
        ),
        "rollup_suppliers_update": _on("UPDATE OF code, name ON suppliers", _mark("catalog")),
        "rollup_customers_update": _on("UPDATE OF name ON customers", _mark("catalog")),
        **_replacing_triggers(),
    }


def _replacing_triggers() -> dict[str, str]:
    """REPLACE deletes a row without its triggers: what it is about to delete is named before."""
    day = DAY_KEY["sqlite"].format("o.placed_at")
    same_order = "orders AS o WHERE o.id = new.id OR o.number = new.number"
    same_line = "order_lines AS l WHERE l.id = new.id"
    same_product = "products AS p WHERE p.id = new.id OR p.sku = new.sku"
    return {
        "rollup_orders_replace": (
            f"BEFORE INSERT ON orders WHEN EXISTS (SELECT 1 FROM {same_order}) BEGIN "
            f"INSERT OR IGNORE INTO rollup_changes SELECT 'day', {day}, 0 FROM {same_order}; END"
        ),
        "rollup_lines_replace": (
            f"BEFORE INSERT ON order_lines WHEN EXISTS (SELECT 1 FROM {same_line}) BEGIN "
            "INSERT OR IGNORE INTO rollup_changes "
            f"SELECT 'order', l.order_id, 0 FROM {same_line}; END"
        ),
        "rollup_products_replace": (
            f"BEFORE INSERT ON products WHEN EXISTS (SELECT 1 FROM {same_product}) BEGIN "
            f"INSERT OR IGNORE INTO rollup_changes SELECT 'product', p.id, 0 FROM {same_product}; "
            f"{_mark('stock')} END"
        ),
    }


def _on(event: str, *statements: str) -> str:
    return f"AFTER {event} BEGIN {' '.join(statements)} END"


def _mark(what: str, key: str = "0") -> str:
    return f"INSERT OR IGNORE INTO rollup_changes VALUES ('{what}', {key}, 0);"


def _placed(row: str) -> str:
    return _mark("day", DAY_KEY["sqlite"].format(f"{row}.placed_at"))


def _count(row: str, by: int) -> str:
    return (
        f"INSERT INTO stock_states VALUES ({stock_state(f'{row}.')}, 0, {by}) "
        "ON CONFLICT (state, writer) DO UPDATE SET products = products + excluded.products;"
    )


# A transition table is joined to nothing: PL/pgSQL keeps the plan it made for one row, and the
# statement that changes a million would run it a million times over.
_WRITER = "CAST(CAST(pg_current_xact_id() AS text) AS bigint)"
_PLACED = f"SELECT {DAY_KEY['postgresql'].format('placed_at')} AS key FROM"
_MOVED = "SELECT id, supplier_id FROM"
_STATES = f"SELECT {stock_state('')} AS state,"

_POSTGRESQL = {
    ("orders", "INSERT"): [("day", f"{_PLACED} new_rows")],
    ("orders", "DELETE"): [("day", f"{_PLACED} old_rows")],
    ("orders", "UPDATE"): [("day", f"{_PLACED} old_rows UNION {_PLACED} new_rows")],
    ("order_lines", "INSERT"): [("order", "SELECT order_id AS key FROM new_rows")],
    ("order_lines", "DELETE"): [("order", "SELECT order_id AS key FROM old_rows")],
    ("order_lines", "UPDATE"): [
        ("order", "SELECT order_id AS key FROM old_rows UNION SELECT order_id FROM new_rows")
    ],
    ("products", "INSERT"): [("stock", f"{_STATES} 1 AS n FROM new_rows"), ("catalog", "")],
    ("products", "DELETE"): [
        ("stock", f"{_STATES} -1 AS n FROM old_rows"),
        ("product", "SELECT id AS key FROM old_rows"),
    ],
    ("products", "UPDATE"): [
        (
            "stock",
            f"{_STATES} -1 AS n FROM old_rows UNION ALL {_STATES} 1 AS n FROM new_rows",
        ),
        (
            "product",
            f"SELECT id AS key FROM ({_MOVED} new_rows EXCEPT {_MOVED} old_rows) AS moved",
        ),
        ("catalog", ""),
    ],
    ("suppliers", "UPDATE"): [("catalog", "")],
    ("customers", "UPDATE"): [("catalog", "")],
    ("orders", "TRUNCATE"): [("all", "")],
    ("order_lines", "TRUNCATE"): [("all", "")],
    ("products", "TRUNCATE"): [("all", "")],
}


def postgresql_triggers() -> dict[tuple[str, str], tuple[str, str]]:
    """(table, name of trigger and function) -> the statements that make both.

    One call a statement however many rows it changes.
    """
    made = {}
    for (table, event), marks in _POSTGRESQL.items():
        name = f"rollup_{table}_{event.lower()}"
        body = " ".join(_insert(what, source) for what, source in marks)
        rows = {
            "INSERT": "REFERENCING NEW TABLE AS new_rows ",
            "DELETE": "REFERENCING OLD TABLE AS old_rows ",
            "UPDATE": "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows ",
        }.get(event, "")
        function = f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql"
        trigger = f"CREATE OR REPLACE TRIGGER {name} AFTER {event} ON {table} {rows}"
        made[table, name] = (
            f"{function} AS $$ BEGIN {body} RETURN NULL; END $$",
            f"{trigger} FOR EACH STATEMENT EXECUTE FUNCTION {name}()",
        )
    return made


def _insert(what: str, source: str) -> str:
    if what == "stock":
        # Sorted, like the states of every other writer: so two of them never wait in a circle.
        return (
            "INSERT INTO stock_states (state, writer, products) "
            f"SELECT state, {_WRITER}, sum(n) FROM ({source}) AS counted "
            "GROUP BY state HAVING sum(n) <> 0 ON CONFLICT (state, writer) "
            "DO UPDATE SET products = stock_states.products + excluded.products;"
        )
    chosen = f"SELECT DISTINCT '{what}', key, {_WRITER} FROM ({source}) AS changed"
    if not source:
        chosen = f"SELECT '{what}', 0, {_WRITER}"
    return f"INSERT INTO rollup_changes (what, key, writer) {chosen} ON CONFLICT DO NOTHING;"


def missing_triggers(connection: Connection) -> list[str]:
    """The names of triggers that are gone, switched off or otherwise than declared."""
    if connection.dialect.name == "sqlite":
        rows = connection.execute(text("SELECT name, sql FROM sqlite_master")).all()
        found = {name: sql or "" for name, sql in rows}
        declared = sqlite_triggers().items()
        return [name for name, body in declared if not found.get(name, "").endswith(body)]
    # Those of the search path's tables alone, and none that is switched off.
    enabled = "SELECT tgname FROM pg_trigger WHERE tgenabled IN ('O', 'A') AND tgrelid = "
    tables = {table for table, _ in postgresql_triggers()}
    there = {
        (table, name)
        for table in tables
        for name in connection.scalars(text(f"{enabled} to_regclass('{table}')"))
    }
    return [name for table, name in postgresql_triggers() if (table, name) not in there]


def create_triggers(connection: Connection) -> None:
    """Make those that are missing; also what a migration lost by rebuilding a table on SQLite."""
    missing = set(missing_triggers(connection))
    if connection.dialect.name == "sqlite":
        for name in sorted(missing):
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
            connection.exec_driver_sql(f"CREATE TRIGGER {name} {sqlite_triggers()[name]}")
        return
    for (_, name), statements in postgresql_triggers().items():
        if name in missing:
            for statement in statements:
                connection.exec_driver_sql(statement)


def drop_triggers(connection: Connection) -> None:
    """Take them all away."""
    if connection.dialect.name == "sqlite":
        for name in sqlite_triggers():
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
        return
    for table, name in postgresql_triggers():
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name} ON {table}")
        connection.exec_driver_sql(f"DROP FUNCTION IF EXISTS {name}()")
