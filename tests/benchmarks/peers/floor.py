"""The floor: what Flask, one keyset statement and the smallest template cost on our tables.

No sign-in, no count, no menu. ``after`` and ``id`` say the row that the page follows.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from flask import Flask, Response, request
from jinja2 import Environment
from sqlalchemy import ColumnElement, Select, create_engine, func, literal, select, tuple_
from sqlalchemy.sql.expression import literal_column

from backoffice.models import (
    REVENUE_STATUSES,
    Customer,
    Order,
    OrderLine,
    Product,
    Supplier,
)
from backoffice.models.rollup import sales_days
from tests.benchmarks.peers.environment import COUNTS, HEADER, URL, Counter

app = Flask(__name__)
engine = create_engine(URL)

PAGE = Environment(autoescape=True).from_string("""<!doctype html><title>{{ title }}</title><table>
{% for row in rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table>""")

products, suppliers = Product.__table__.c, Supplier.__table__.c
orders, customers, lines = Order.__table__.c, Customer.__table__.c, OrderLine.__table__.c
sold = sales_days.c
READ = {"price": Decimal, "updated_at": datetime.fromisoformat, "placed_at": datetime.fromisoformat}

# Ten-thousandths on SQLite; a float is good enough for a page that nobody reads.
AMOUNT = (
    "quantity * unit_price * (1 - discount)"
    if engine.dialect.name == "postgresql"
    else "quantity * unit_price / 10000.0 * (1 - discount / 10000.0)"
)


@app.route("/products/")
def product_page() -> str:
    statement = select(
        products.id,
        products.sku,
        products.name,
        suppliers.name.label("supplier"),
        products.price,
        products.stock,
        products.active,
        products.updated_at,
    ).outerjoin_from(Product.__table__, Supplier.__table__)
    code = request.args.get("supplier")
    if code:
        known = select(suppliers.id).where(suppliers.code == code).scalar_subquery()
        statement = statement.where(products.supplier_id == known)
    name = request.args.get("sort", "updated_at")
    keys = (products.sku,) if name == "sku" else (products[name], products.id)
    return page("products", statement, keys)


@app.route("/orders/")
def order_page() -> str:
    of_order = lines.order_id == orders.id
    statement = select(
        orders.id,
        orders.number,
        customers.name.label("customer"),
        orders.status,
        orders.placed_at,
        select(func.count()).where(of_order).scalar_subquery().label("lines"),
        select(func.sum(literal_column(AMOUNT)))
        .select_from(OrderLine.__table__)
        .where(of_order)
        .scalar_subquery()
        .label("total"),
    ).outerjoin_from(Order.__table__, Customer.__table__)
    return page("orders", statement, (orders.placed_at, orders.id))


@app.route("/dashboard/")
def dashboard_page() -> str:
    """What was sold on each of the last days, from the sums that are there."""
    first = datetime.now(UTC).date() - timedelta(days=request.args.get("days", 30, int) - 1)
    statement = (
        select(sold.day, func.sum(sold.orders), func.sum(sold.units))
        .where(sold.day >= first, sold.status.in_(REVENUE_STATUSES))
        .group_by(sold.day)
        .order_by(sold.day)
    )
    with engine.connect() as connection:
        rows = connection.execute(statement).all()
    return PAGE.render(title="dashboard", rows=rows)


def page(title: str, statement: Select[Any], keys: tuple[ColumnElement[Any], ...]) -> str:
    """Fifty rows by ``keys``, largest first where the address says ``desc=1``."""
    descending = request.args.get("desc") == "1"
    if "after" in request.args:
        text = request.args["after"]
        values = (READ.get(keys[0].key, str)(text), request.args.get("id", 0, int))
        edge = tuple_(*(literal(v, k.type) for v, k in zip(values, keys, strict=False)))
        row = tuple_(*keys)
        statement = statement.where(row < edge if descending else row > edge)
    order = [key.desc() if descending else key.asc() for key in keys]
    with engine.connect() as connection:
        rows = connection.execute(statement.order_by(*order).limit(50)).all()
    return PAGE.render(title=title, rows=rows)


if COUNTS:
    counter = Counter()
    counter.watch(engine)

    @app.after_request
    def say_cost(response: Response) -> Response:
        response.headers[HEADER] = counter.read()
        return response
