"""Pages by position: nothing skipped, nothing twice, whatever the order and whoever writes."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select

from backoffice.database import db
from backoffice.grid.cursor import CursorError, decode, encode
from backoffice.grid.keyset import Position, Sort
from backoffice.grid.page import Wanted, fetch
from backoffice.models import Customer, Order, Product, Supplier
from tests.grid.sections import MODELS, TABLES, first, views
from tests.pages import visit

BOUNDED = settings(
    max_examples=20,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
NAMES = st.sampled_from(("a", "A", "b", "B b", "ä", "z%_\\", "東"))
MOMENTS = st.integers(0, 3).map(
    lambda n: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=n)
)
PRICES = st.sampled_from((Decimal(0), Decimal("0.0001"), Decimal("9.99"), Decimal(99_999_999)))
VALUES = st.lists(st.tuples(NAMES, MOMENTS, PRICES), max_size=23)


def rows_of(table, values, supplier_id, start=0):
    """Rows with many ties: unique in their natural key alone."""
    for number, (name, moment, price) in enumerate(values, start=start):
        key = f"{name}{number}"
        yield {
            "suppliers": {"code": key, "name": name},
            "categories": {"name": key},
            "products": {
                "sku": key,
                "name": name,
                "price": price,
                "updated_at": moment,
                "supplier_id": supplier_id,
            },
            "customers": {"code": key, "name": name},
            "orders": {
                "number": key,
                "placed_at": moment,
                "shipped_at": moment if price else None,
            },
        }[table]


def walk(view, sort, size, *, backward=False, between=lambda: None):
    """The ids of all pages, in the order of the list."""
    ids, position = [], Position(backward=backward)
    for _ in range(2_000):
        wanted = Wanted(
            model=view.model, sort=sort, position=position, size=size, search=view.search
        )
        page, _ = fetch(db.session(), type(view).statement(), wanted)
        found = [row.id for row in page.rows]
        ids = found + ids if backward else ids + found
        values = page.before if backward else page.after
        if values is None:
            return ids
        position = Position(decode(sort, encode(sort, values)), backward)
        between()
    raise AssertionError("the pages have no end")


def in_order(model, sort):
    ordered = [c.desc() if sort.descending else c.asc() for c in sort.columns]
    if sort.has_empty:
        ordered = [sort.columns[0].is_(None), *ordered]
    return list(db.session.scalars(select(model.id).order_by(*ordered)))


def sorts_of(view):
    return [sort.turned(turned) for sort in view.sorts.values() for turned in (False, True)]


@pytest.mark.parametrize("table", TABLES)
class TestPages:
    @BOUNDED
    @given(values=VALUES, size=st.integers(1, 7))
    def test_together_are_the_whole_list_in_order(self, app, make, table, values, size):
        view, model = views(app)[table], MODELS[table]
        supplier_id = first(make, "suppliers", code="tied") if table == "products" else None
        with app.app_context():
            rows = list(rows_of(table, values, supplier_id))
            if rows:
                db.session.execute(insert(model), rows)
            try:
                for sort in sorts_of(view):
                    expected = in_order(model, sort)
                    assert walk(view, sort, size) == expected
                    assert walk(view, sort, size, backward=True) == expected
            finally:
                db.session.execute(delete(model))
                db.session.execute(delete(Supplier))
                db.session.commit()

    @BOUNDED
    @given(values=VALUES, more=VALUES)
    def test_show_every_row_once_while_others_are_added(self, app, make, table, values, more):
        view, model = views(app)[table], MODELS[table]
        supplier_id = first(make, "suppliers", code="tied") if table == "products" else None
        with app.app_context():
            rows = list(rows_of(table, values, supplier_id))
            if rows:
                db.session.execute(insert(model), rows)
            waiting = list(rows_of(table, more, supplier_id, start=100))

            def between():
                if waiting:
                    db.session.execute(insert(model), [waiting.pop()])

            try:
                for sort in sorts_of(view):
                    there = in_order(model, sort)
                    for backward in (False, True):
                        seen = walk(view, sort, 3, backward=backward, between=between)
                        assert [row_id for row_id in seen if row_id in there] == there
                        assert len(seen) == len(set(seen))
                        there = in_order(model, sort)
            finally:
                db.session.execute(delete(model))
                db.session.execute(delete(Supplier))
                db.session.commit()


class TestPager:
    def test_leads_forward_back_and_to_both_ends(self, client, make):
        make.products(60)
        top = visit(client, "/admin/products/?page_size=25&sort=sku&desc=0")

        middle = visit(client, top.links["next"])
        last = visit(client, middle.links["next"])
        end = visit(client, top.links["last"])

        assert set(top.links) == {"next", "last"}
        assert set(middle.links) == {"first", "prev", "next", "last"}
        assert set(last.links) == {"first", "prev"} == set(end.links)
        assert [*top.keys, *middle.keys, *last.keys] == [f"SKU{n:04}" for n in range(1, 61)]
        assert end.keys == [f"SKU{n:04}" for n in range(36, 61)]
        assert visit(client, last.links["prev"]).keys == middle.keys
        assert visit(client, middle.links["first"]).keys == top.keys

    def test_says_so_when_the_page_is_gone(self, app, client, make):
        make.products(60)
        address = visit(client, "/admin/products/?page_size=25&sort=sku&desc=0").links["last"]
        with app.app_context():
            db.session.execute(delete(Product))
            db.session.commit()

        page = visit(client, address)

        assert page.status == 200
        assert "No products yet" in page.text


SORTS = {
    "text": Sort("name", (Product.name, Product.id)),
    "money": Sort("price", (Product.price, Product.id)),
    "moment": Sort("updated_at", (Product.updated_at, Product.id)),
    "code": Sort("number", (Order.number,)),
}
TYPED = {
    "text": st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")),
    "money": st.decimals("-99999999.9999", "99999999.9999", places=4),
    "moment": st.datetimes(
        datetime.fromisoformat("1900-01-01"),
        datetime.fromisoformat("2200-01-01"),
        timezones=st.timezones(),
    ),
}
KEYS = st.integers(1, 2**63 - 1)


class TestCursors:
    @settings(BOUNDED, max_examples=60)
    @given(st.data(), st.sampled_from(("text", "money", "moment")), st.booleans())
    def test_come_back_as_they_were(self, data, kind, descending):
        sort = SORTS[kind].turned(descending)
        values = (data.draw(TYPED[kind]), data.draw(KEYS))

        assert decode(sort, encode(sort, values)) == values

    @settings(BOUNDED, max_examples=150)
    @given(st.sampled_from(sorted(SORTS)), st.text(max_size=60) | st.binary(max_size=40))
    def test_that_are_damaged_are_refused_and_never_crash(self, kind, junk):
        text = junk if isinstance(junk, str) else junk.hex()

        with pytest.raises(CursorError):
            decode(SORTS[kind], text)

    @pytest.mark.parametrize(
        "values",
        [
            ("1e1000000", 1),
            ("1e-1000000", -(2**64)),
            ("NaN", 1),
            ("sNaN", 1),
            ("-Infinity", 1),
            ("1000000000", 1),
            (1, 1),
            ("1", True),
            ("1", "1"),
            ("1", None),
            ("1", 1.5),
            ("1",),
            ("1", 1, 1),
        ],
    )
    def test_with_values_that_no_row_has_are_refused(self, values):
        with pytest.raises(CursorError):
            decode(SORTS["money"], encode(SORTS["money"], values))

    @pytest.mark.parametrize(
        "moment", ["2026-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "2026-13-01", "now"]
    )
    def test_with_moments_that_no_row_has_are_refused(self, moment):
        with pytest.raises(CursorError):
            decode(SORTS["moment"], encode(SORTS["moment"], (moment, 1)))

    def test_belong_to_their_sort_and_direction(self):
        cursor = encode(SORTS["text"], ("a", 1))

        for other in (SORTS["money"], SORTS["code"], SORTS["text"].turned(True)):
            with pytest.raises(CursorError, match="another sort"):
                decode(other, cursor)

    @pytest.mark.parametrize("cursor", ["x", "%00", "e30", "W10", "a" * 5000, "ü", "-_-_"])
    @pytest.mark.parametrize("way", ["after", "before"])
    def test_that_are_damaged_give_the_first_page_with_a_word(self, client, make, cursor, way):
        make.products(3)

        page = visit(client, "/admin/products/", **{way: cursor})

        assert page.status == 400
        assert page.keys == ["SKU0003", "SKU0002", "SKU0001"]
        assert "does not fit the list" in page.messages[0]

    def test_of_another_sort_give_the_first_page_with_a_word(self, client, make):
        make.products(30)
        cursor = encode(SORTS["text"], ("Product 3", 3))

        page = visit(client, "/admin/products/", after=cursor)

        assert page.status == 400
        assert page.keys[0] == "SKU0030"


class TestSort:
    def test_breaks_ties_by_nothing_that_may_be_empty(self):
        with pytest.raises(TypeError, match="customer"):
            Sort("customer", (Order.placed_at, Order.customer_id))
        with pytest.raises(TypeError, match="customer"):
            Sort("customer", (Order.customer_id,))

    @pytest.mark.parametrize("descending", ["0", "1"])
    def test_has_empty_values_last_in_either_direction(self, client, make, descending):
        make.orders(number="WAITS", lines=0)
        make.orders(number="EARLY", lines=0, shipped_at=datetime(2027, 1, 1, tzinfo=UTC))
        make.orders(number="LATE", lines=0, shipped_at=datetime(2027, 2, 1, tzinfo=UTC))

        page = visit(client, "/admin/orders/", sort="shipped_at", desc=descending)

        shipped = ["LATE", "EARLY"] if descending == "1" else ["EARLY", "LATE"]
        assert page.keys == [*shipped, "WAITS"]


class TestJump:
    def test_goes_to_the_first_row_with_the_value_or_a_later_one(self, client, make):
        for name in ("Apple", "Mango", "Melon", "Nut"):
            make.products(name=name, sku=name)

        for desc, jump, keys in (
            ("0", "M", ["Mango", "Melon", "Nut"]),
            ("1", "M", ["Melon", "Mango", "Apple"]),
            ("0", "Me", ["Melon", "Nut"]),
        ):
            page = visit(client, "/admin/products/", sort="name", desc=desc, at=jump)
            assert page.keys == keys

    def test_leads_on_in_both_ways(self, client, make):
        make.products(60)
        page = visit(client, "/admin/products/", sort="sku", desc="0", at="SKU0030", page_size=25)

        assert page.keys[0] == "SKU0030"
        assert visit(client, page.links["prev"]).keys[-1] == "SKU0029"
        assert visit(client, page.links["next"]).keys == [f"SKU{n:04}" for n in range(55, 61)]

    def test_past_the_end_shows_the_last_page_and_says_so(self, client, make):
        make.products(60)
        page = visit(client, "/admin/products/", sort="sku", desc="0", at="T", page_size=25)

        assert page.keys == [f"SKU{n:04}" for n in range(36, 61)]
        assert page.messages == ["Nothing begins with “T” or comes after it. Here is the end."]
        assert "36–60 of 60" in page.text
        assert "next" not in page.links

    def test_to_the_very_start_has_the_first_page_before_it(self, client, make):
        make.products(30)
        page = visit(client, "/admin/products/", sort="sku", desc="0", at="A", page_size=25)

        assert visit(client, page.links["prev"]).keys == page.keys

    def test_takes_moments_and_amounts(self, client, make):
        make.products(3)

        by_price = visit(client, "/admin/products/", sort="price", desc="0", at="1.5")
        by_change = visit(client, "/admin/products/", at="2026-01-01 12:02")

        assert by_price.keys == ["SKU0002", "SKU0003"]
        assert by_change.keys == ["SKU0002", "SKU0001"]

    def test_to_what_is_no_value_complains_and_shows_the_first_page(self, client, make):
        make.products(3)

        page = visit(client, "/admin/products/", sort="price", desc="0", at="cheap")

        assert page.status == 400
        assert "'cheap' is not an amount" in page.messages[0]
        assert len(page.rows) == 3

    def test_needs_no_tie_breaker_where_the_column_is_unique(self, apps):
        sorts = views(apps("sqlite"))["customers"].sorts

        assert sorts["code"].columns == (Customer.code,)
        assert sorts["name"].columns == (Customer.name, Customer.id)
