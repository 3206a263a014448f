"""The synthetic rows of each table as a ``Select``: built here, run by ``synthetic.run``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, null, or_
from sqlalchemy.orm import aliased

from backoffice.models import Customer, OrderStatus, Product, Supplier
from backoffice.synthetic import words
from backoffice.synthetic.chunk import CODES_FROM, DAY, SPAN, Chunk, Keys, labelled
from backoffice.synthetic.draw import Draw, Number, numbers, whole


def supplier_rows(chunk: Chunk) -> Select[Any]:
    def columns(draw: Draw) -> Mapping[str, ColumnElement[Any]]:
        surname = draw.word(words.SURNAMES, "surname")
        trade = draw.word(words.TRADES, "trade")
        return {
            "id": draw.number,
            "code": literal("S") + draw.text(draw.number + CODES_FROM),
            "name": surname + " " + trade + " " + draw.word(words.FORMS, "form"),
            **_contact(draw, literal("supplier")),
            **_address(draw),
            "active": ~draw.chance(3, "active"),
            **_created_evenly(chunk, draw),
        }

    return chunk.rows(columns)


def customer_rows(chunk: Chunk) -> Select[Any]:
    """Two of three are companies."""

    def columns(draw: Draw) -> Mapping[str, ColumnElement[Any]]:
        contact = _contact(draw, literal("customer"))
        company = draw.word(words.SURNAMES, "surname") + " " + draw.word(words.TRADES, "trade")
        return {
            "id": draw.number,
            "code": literal("C") + draw.text(draw.number + CODES_FROM),
            "name": case((draw.below(3, "company") > 0, company), else_=contact["contact_name"]),
            **contact,
            **_address(draw),
            **_created_evenly(chunk, draw),
        }

    return chunk.rows(columns)


def product_rows(chunk: Chunk, suppliers: Keys, categories: list[int]) -> Select[Any]:
    """Products of all suppliers; about one in fifteen is at or below its reorder level.

    :param categories: The keys of ``words.CATEGORIES``, in that order.
    """

    def columns(draw: Draw) -> Mapping[str, ColumnElement[Any]]:
        kind_no = draw.below(len(words.KINDS), "kind")
        category_no = kind_no // words.KINDS_A_CATEGORY
        kind = draw.entry(words.KINDS, kind_no)
        material = draw.word(words.MATERIALS, "material")
        finish = draw.word(words.FINISHES, "finish")
        reorder_level = 5 + draw.below(6, "reorder") * 5
        return {
            "id": draw.number,
            "supplier_id": suppliers.any(Supplier.id, draw.below(suppliers.span, "supplier")),
            "category_id": case(
                (draw.chance(5, "uncategorized"), null()),
                # In this form the position is worked out once, not for each category.
                else_=case(dict(enumerate(categories)), value=category_no),
            ),
            "sku": literal("P") + draw.text(draw.number + CODES_FROM),
            "name": finish + " " + material + " " + kind + " " + draw.word(words.SERIES, "series"),
            "description": draw.word(words.NOTES, "description"),
            "price": draw.money(_price_in_cents(draw)),
            "stock": case(
                (draw.chance(7, "short"), draw.below(reorder_level + 1, "stock")),
                else_=reorder_level + 1 + draw.below(300, "stock"),
            ),
            "reorder_level": reorder_level,
            "active": ~draw.chance(3, "active"),
            **_created_evenly(chunk, draw),
        }

    return chunk.rows(columns)


def order_rows(chunk: Chunk, customers: Keys) -> Select[Any]:
    """Orders that become more towards the end; few customers place most of them."""
    series = numbers(chunk.dialect, chunk.first, chunk.last)
    draw = chunk.draw(series.c.n)
    placed = _placed(chunk, draw)
    status = _status(chunk, draw, placed)
    shipped = placed + DAY + draw.below(3 * DAY, "shipping")
    sent = status.in_([OrderStatus.SHIPPED.value, OrderStatus.DELIVERED.value])
    columns = {
        "id": series.c.n,
        "number": literal("O") + draw.text(series.c.n + CODES_FROM),
        "customer_id": Customer.id,
        "status": status,
        "placed_at": draw.moment(placed),
        "shipped_at": case((sent, draw.moment(shipped)), else_=null()),
        "ship_name": Customer.name,
        "ship_street": Customer.street,
        "ship_city": Customer.city,
        "ship_region": Customer.region,
        "ship_postal_code": Customer.postal_code,
        "ship_country": Customer.country,
        "created_at": draw.moment(placed),
        "updated_at": draw.moment(case((sent, shipped), else_=placed)),
    }
    chosen = customers.any(aliased(Customer).id, _skewed(draw, customers.span, "customer"))
    return (
        labelled(columns)
        .select_from(series)
        .join(Customer, Customer.id == chosen)
        .order_by(series.c.n)
    )


def line_rows(chunk: Chunk, products: Keys) -> Select[Any]:
    """One to five lines for each order of the chunk, at the products' prices of today."""
    orders = numbers(chunk.dialect, chunk.first, chunk.last)
    lines = numbers(chunk.dialect, 1, 5, "line_numbers")
    draw = chunk.draw(orders.c.n * 8 + lines.c.n)
    of_order = chunk.draw(orders.c.n)
    chosen = products.any(aliased(Product).id, _skewed(draw, products.span, "product"))
    discounted = draw.below(10, "discounted")
    columns = {
        "order_id": orders.c.n,
        "line_no": lines.c.n,
        "product_id": Product.id,
        "quantity": 1 + draw.below(3, "quantity") * draw.below(4, "packs"),
        "unit_price": Product.price,
        "discount": draw.money(case((discounted < 2, (1 + discounted) * 5), else_=0)),
    }
    return (
        labelled(columns)
        .select_from(orders)
        .join(lines, lines.c.n <= 1 + of_order.below(5, "lines"))
        .join(Product, Product.id == chosen)
        .order_by(orders.c.n, lines.c.n)
    )


def _contact(draw: Draw, host: ColumnElement[str]) -> dict[str, ColumnElement[Any]]:
    first = draw.word(words.FIRST_NAMES, "first name")
    last = draw.word(words.SURNAMES, "last name")
    return {
        "contact_name": first + " " + last,
        "email": func.lower(first)
        + "."
        + func.lower(last)
        + "@"
        + host
        + draw.text(draw.number)
        + ".example",
        "phone": literal("+49 30 555 ") + draw.text(1000 + draw.below(9000, "phone")),
    }


def _address(draw: Draw) -> dict[str, ColumnElement[Any]]:
    place = draw.below(len(words.PLACES), "place")
    cities, regions, codes, countries = zip(*words.PLACES, strict=True)
    return {
        "street": draw.text(1 + draw.below(199, "house"))
        + " "
        + draw.word(words.STREETS, "street")
        + " Street",
        "city": draw.entry(cities, place),
        "region": draw.entry(regions, place),
        "postal_code": draw.entry(codes, place) + draw.text(100 + draw.below(900, "postal code")),
        "country": draw.entry(countries, place),
    }


def _created_evenly(chunk: Chunk, draw: Draw) -> dict[str, ColumnElement[Any]]:
    """Keys rise with time, and nine of ten rows were never changed.

    So most entries of an index that starts or goes on with ``updated_at`` are appended, to the
    whole or to one supplier's part: pages that are in memory already. Rows in no order would
    touch a page of every index each, and at a million of them the disk decides.
    """
    # Steps of 1/100,000 of two years: ten minutes.
    created = whole(chunk.end - SPAN) + SPAN * chunk.passed(draw.number, 100_000) // 100_000
    changed = created + (whole(chunk.end) - created) * draw.below(1000, "changed") // 1000
    return {
        "created_at": draw.moment(created),
        "updated_at": draw.moment(case((draw.chance(10, "changes"), changed), else_=created)),
    }


def _price_in_cents(draw: Draw) -> Number:
    """From 0.99 to 1,599.99, many cheap ones, few dear ones."""
    return (1 + draw.below(40, "price")) * (1 + draw.below(40, "scale")) * 100 - 1


def _placed(chunk: Chunk, draw: Draw) -> Number:
    """At twice the average rate in the end, at two thirds of it in the beginning."""
    part = chunk.passed(draw.number, 1_000_000)
    bent = part * (3_000_000 - part) // 2_000_000
    return whole(chunk.end - SPAN) + SPAN * bent // 1_000_000 - draw.below(3600, "minute") - 1


def _status(chunk: Chunk, draw: Draw, placed: Number) -> ColumnElement[str]:
    """What an order of this age usually is."""
    age = whole(chunk.end) - placed
    luck = draw.below(100, "status")
    return case(
        (luck < 4, OrderStatus.CANCELLED.value),
        (and_(age < 4 * DAY, luck < 15), OrderStatus.DRAFT.value),
        (age < 2 * DAY, OrderStatus.PLACED.value),
        (age < 5 * DAY, OrderStatus.PAID.value),
        (or_(age < 10 * DAY, luck < 6), OrderStatus.SHIPPED.value),
        else_=OrderStatus.DELIVERED.value,
    )


def _skewed(draw: Draw, span: int, purpose: str) -> Number:
    """A position below ``span``, small ones far more often."""
    return draw.below(span, purpose) * draw.below(1000, f"{purpose} rank") // 1000
