"""The rows that the grid benchmark reads: ours, and a copy for the peers."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from uuid import uuid4

import flask_migrate
from flask import Flask
from sqlalchemy import Connection, create_engine, func, insert, make_url, select, text
from werkzeug.security import generate_password_hash

from backoffice import create_app
from backoffice.cli.users import find, hashed
from backoffice.config import Settings
from backoffice.database import allow_long_work, db
from backoffice.indexes.build import build
from backoffice.models import Customer, Order, OrderLine, Product, Supplier, User
from backoffice.synthetic.run import Wanted, generate
from tests.benchmarks.peers import tables
from tests.benchmarks.servers import ROOT, beside, settings_of
from tests.benchmarks.staff import EMAIL, PASSWORD, SECRET


@dataclass(frozen=True)
class Size:
    """How much there is; suppliers and customers go with it."""

    products: int
    orders: int

    @property
    def wanted(self) -> Wanted:
        return Wanted(
            suppliers=max(self.products // 100, 1),
            products=self.products,
            customers=max(self.orders // 10, 1),
            orders=self.orders,
        )


def our_app(url: str, folder: Path) -> Flask:
    return create_app(Settings(instance_path=folder, database_url=url, secret_key=SECRET))


def fill(url: str, folder: Path, size: Size) -> None:
    """Migrate, generate what is not there yet, index, and let one member of staff in.

    :raises SystemExit: the kept database is of another size.
    """
    started = perf_counter()
    with our_app(url, folder).app_context():
        with redirect_stdout(sys.stderr):
            flask_migrate.upgrade()
        there = db.session.scalar(select(func.count(Product.id)))
        orders = db.session.scalar(select(func.count(Order.id)))
        db.session.rollback()
        if there and (there, orders) != (size.products, size.orders):
            sys.exit(f"{url} holds {there:,} products and {orders:,} orders: use another --keep")
        # Filled first: to build an index at once is faster than to keep it up.
        if not there:
            generate(size.wanted)
        built = list(build())
        if find(EMAIL) is None:
            let_staff_in()
        db.session.remove()  # on SQLite its transaction holds the lock
        if built or not there:
            tidy_up(url)
        db.engine.dispose()
    print(f"{url}: ready after {perf_counter() - started:.0f} s", file=sys.stderr)


def let_staff_in() -> None:
    user = User(email=EMAIL, role="admin", fs_uniquifier=uuid4().hex)
    user.password = hashed(PASSWORD)
    db.session.add(user)
    db.session.commit()


def sizes(app: Flask) -> str:
    """How many rows each table has, in words."""
    models = (Supplier, Product, Customer, Order, OrderLine)
    with app.app_context():
        allow_long_work(db.session.connection())
        counts = [
            f"{db.session.scalar(select(func.count(model.id))):,} "
            + model.__tablename__.replace("_", " ")
            for model in models
        ]
        db.session.remove()
        db.engine.dispose()
    return ", ".join(counts)


def tidy_up(url: str) -> None:
    """Tell the planner what there is; on PostgreSQL also which pages all may see."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        is_sqlite = engine.dialect.name == "sqlite"
        connection.execute(text("ANALYZE" if is_sqlite else "VACUUM ANALYZE"))
    engine.dispose()


# What of our tables a peer's table is filled from, in the order in which they refer to each other.
COLUMNS = {
    "suppliers": "id, code, name",
    "products": "id, supplier_id, sku, name, description, {price}, stock, active, updated_at",
    "customers": "id, code, name",
    "orders": "id, number, customer_id, status, placed_at",
    "order_lines": "id, order_id, product_id, quantity, {unit_price}, {discount}",
}
MONEY = ("price", "unit_price", "discount")


def fill_for_peers(url: str, folder: Path) -> str:
    """URL of the peers' tables: a schema of our database, or a second file beside it."""
    parts = make_url(url)
    is_sqlite = parts.drivername == "sqlite"
    if is_sqlite:
        peers_url = beside(url, "peers")
    else:
        theirs = parts.update_query_dict({"options": "-csearch_path=peers"})
        peers_url = theirs.render_as_string(hide_password=False)
    engine = create_engine(peers_url)
    with engine.connect() as connection:
        if is_sqlite:
            connection.exec_driver_sql(f"ATTACH '{parts.database}' AS public")
        else:
            connection.execute(text("CREATE SCHEMA IF NOT EXISTS peers"))
        tables.Base.metadata.create_all(connection)
        connection.commit()
        if connection.scalar(select(tables.User.id).limit(1)) is None:
            _copy(connection)
            password = generate_password_hash(PASSWORD)
            connection.execute(insert(tables.User).values(email=EMAIL, password=password))
            connection.commit()
            tidy_up(peers_url)
    engine.dispose()
    command = [sys.executable, "-m", "tests.benchmarks.peers.django_app"]
    subprocess.run(command, cwd=ROOT, env=os.environ | settings_of(peers_url, folder), check=True)
    return peers_url


def _copy(connection: Connection) -> None:
    divisor = " / 10000.0" if connection.dialect.name == "sqlite" else ""
    money = {name: f"{name}{divisor}" for name in MONEY}
    for table, columns in COLUMNS.items():
        names = columns.replace("{", "").replace("}", "")
        chosen = columns.format_map(money)
        connection.execute(
            text(f"INSERT INTO {table} ({names}) SELECT {chosen} FROM public.{table} ORDER BY id")
        )
