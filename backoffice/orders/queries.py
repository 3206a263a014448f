"""Statements about customers and orders: built here, run by the caller."""

from __future__ import annotations

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload, selectinload

from backoffice.database import Rows
from backoffice.models import Customer, Order, OrderLine, Product


def customer_grid() -> Rows:
    """One row a customer, unordered: the grid adds order and limit."""
    return select(
        Customer.id,
        Customer.code,
        Customer.name,
        Customer.contact_name,
        Customer.city,
        Customer.country,
        Customer.updated_at,
    )


def order_grid() -> Rows:
    """One row an order with its customer's name, unordered. A guest's order has no customer."""
    return select(
        Order.id,
        Order.number,
        Customer.name.label("customer"),
        Order.status,
        Order.placed_at,
        Order.shipped_at,
        Order.ship_country,
    ).outerjoin(Order.customer)


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


def orders_of_customer(customer_id: int) -> Rows:
    """The customer's orders, newest first."""
    return (
        select(Order.id, Order.number, Order.status, Order.placed_at, Order.shipped_at)
        .where(Order.customer_id == customer_id)
        .order_by(Order.placed_at.desc(), Order.id.desc())
    )
