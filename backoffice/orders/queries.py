"""Statements about customers and orders: built here, run by the caller."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import joinedload, selectinload

from backoffice.database import Rows
from backoffice.models import Customer, Order, OrderLine, Product
from backoffice.models.amounts import sum_of_amounts


def customer_grid() -> Rows:
    """One row a customer, unordered: the grid adds order and limit, and drops what is not shown."""
    return select(
        Customer.id,
        Customer.code,
        Customer.name,
        Customer.contact_name,
        Customer.city,
        Customer.country,
        Customer.updated_at,
        Customer.email,
        Customer.phone,
        Customer.street,
        Customer.postal_code,
        Customer.region,
        Customer.created_at,
    )


def order_grid() -> Rows:
    """One row an order with customer, number of lines and total, unordered.

    A guest's order has no customer. Lines are read for the rows that the page shows alone.
    """
    lines = select(func.count()).where(OrderLine.order_id == Order.id)
    total = select(_amounts()).where(OrderLine.order_id == Order.id)
    return select(
        Order.id,
        Order.number,
        Customer.name.label("customer"),
        Order.status,
        Order.placed_at,
        Order.shipped_at,
        Order.ship_country,
        lines.correlate(Order).scalar_subquery().label("lines"),
        total.correlate(Order).scalar_subquery().label("total"),
        Order.note,
        Order.ship_name,
        Order.ship_street,
        Order.ship_postal_code,
        Order.ship_city,
        Order.ship_region,
        Order.updated_at,
        Order.created_at,
    ).outerjoin(Order.customer)


def order_totals(model: type[Order], *conditions: ColumnElement[bool]) -> Rows:
    """How many orders there are, how many lines they have and what these amount to."""
    of_them = OrderLine.order_id == model.id
    return select(
        select(func.count())
        .select_from(model)
        .where(*conditions)
        .scalar_subquery()
        .label("_count"),
        select(func.count(OrderLine.id))
        .where(of_them, *conditions)
        .scalar_subquery()
        .label("lines"),
        select(_amounts()).where(of_them, *conditions).scalar_subquery().label("total"),
    )


def _amounts() -> ColumnElement[Decimal]:
    return sum_of_amounts(OrderLine.quantity, OrderLine.unit_price, OrderLine.discount)


def order_with_lines(order_id: int) -> Select[Order]:
    """The order with its customer, lines and their products: two statements for any number."""
    return (
        select(Order)
        .where(Order.id == order_id)
        .options(
            joinedload(Order.customer).load_only(Customer.code, Customer.name),
            selectinload(Order.lines)
            .joinedload(OrderLine.product, innerjoin=True)
            .load_only(Product.sku, Product.name),
        )
    )


def locked_lines(order_id: int) -> Rows:
    """The ids and versions of an order's lines, which nobody else can write then."""
    lines = select(OrderLine.id, OrderLine.version).where(OrderLine.order_id == order_id)
    return lines.order_by(OrderLine.id).with_for_update()


def orders_of_customer(customer_id: int) -> Rows:
    """The customer's orders, newest first."""
    return (
        select(Order.id, Order.number, Order.status, Order.placed_at, Order.shipped_at)
        .where(Order.customer_id == customer_id)
        .order_by(Order.placed_at.desc(), Order.id.desc())
    )
