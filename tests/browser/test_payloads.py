"""Texts that break other people's pages, stored in every text column, are text in Chromium."""

from itertools import cycle
from urllib.parse import urlencode

import pytest
from sqlalchemy import insert, select, update

from backoffice.database import db
from backoffice.models import (
    Category,
    Customer,
    HistoryEntry,
    Order,
    OrderLine,
    OrderStatus,
    Product,
    Supplier,
)
from tests.factories import PLACED
from tests.payloads import dealt, payloads

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("app", ["sqlite"], indirect=True),
]

# What a payload would do if it ran, whichever way it got in.
WATCH = """
window.ran = [];
for (const name of ["alert", "confirm", "prompt", "print", "open"])
  window[name] = (...given) => { window.ran.push([name, String(given[0])]); };
addEventListener("error", (event) => window.ran.push(["error", event.message]));
"""

# Elements that our own pages never have inside what they show of a record.
FOREIGN = """
() => [...document.querySelectorAll("main *")]
  .filter((one) => !["svg", "path"].includes(one.localName))
  .filter((one) => /^(script|img|iframe|object|embed|video|audio|style|link|meta|base|math|body)$/
    .test(one.localName)
    || [...one.attributes].some((each) => /^on/.test(each.name)
      || (/^(href|src|action)$/.test(each.name) && /^\\s*javascript:/i.test(each.value))))
  .map((one) => one.outerHTML.slice(0, 120))
"""

TEXTS = {
    Supplier: ("code", "name", "contact_name", "email", "phone", "street", "city", "region"),
    Category: ("name", "description"),
    Customer: ("code", "name", "contact_name", "email", "phone", "street", "city", "country"),
    Product: ("sku", "name", "description"),
    Order: ("number", "note", "ship_name", "ship_street", "ship_city", "ship_country"),
}


def rows(model, texts, **values):
    """One row a text, with it in every text column, as far as it fits; keys made unique."""
    for number, text in enumerate(texts):
        row = dict(values)
        for name in TEXTS[model]:
            length = model.__table__.c[name].type.length or 20_000
            row[name] = text[:length]
        key = TEXTS[model][0]
        room = model.__table__.c[key].type.length - len(str(number)) - 1
        yield row | {key: f"{text[:room]} {number}"}


@pytest.fixture
def stored(app):
    """Table -> ids of the rows that hold them; a history of each, with a payload in it too."""
    ids = {}
    with app.app_context():
        for hand, model in enumerate(TEXTS):
            # Together the tables hold all of them.
            given = (text.strip() for text in dealt(hand, len(TEXTS)) if "\0" not in text)
            texts = [t for t in given if t and t.encode(errors="ignore").decode() == t]
            more = {}
            if model is Product:
                supplier = db.session.scalar(select(Supplier.id).limit(1))
                category = db.session.scalar(select(Category.id).limit(1))
                more = {"supplier_id": supplier, "category_id": category, "price": 1}
            if model is Order:
                customer = db.session.scalar(select(Customer.id).limit(1))
                more = {"customer_id": customer, "placed_at": PLACED}
            made = list(rows(model, texts, **more))
            ids[model.__tablename__] = list(
                db.session.scalars(insert(model).returning(model.id), made)
            )
            db.session.execute(
                insert(HistoryEntry),
                [
                    {
                        "actor": text[:255],
                        "means": "browser",
                        "action": "update",
                        "table_name": model.__tablename__,
                        "row_id": row_id,
                        "label": text[:300],
                        "changes": {"name": [text, text[::-1]]},
                    }
                    for row_id, text in zip(ids[model.__tablename__], texts, strict=True)
                ],
            )
        db.session.commit()
    return ids


def check(page, address):
    page.goto(address)
    assert page.evaluate("window.ran") == [], address
    assert page.evaluate("window.violations") == [], address
    assert page.evaluate(FOREIGN) == [], address


@pytest.fixture
def page(browse):
    page = browse("admin")
    page.add_init_script(WATCH)
    return page


class TestPayloads:
    def test_are_text_in_every_list(self, page, stored):
        for table in stored:
            address = f"/admin/{table}/?page_size=200"
            for _ in range(10):
                check(page, address)
                following = page.locator("a[rel=next]")
                if not following.count():
                    break
                address = following.get_attribute("href")

    def test_are_text_in_reports_and_the_lines_behind_them(self, app, page, stored):
        sold = [
            {"order_id": order, "line_no": 1, "product_id": product, "quantity": 1, "unit_price": 1}
            for product, order in zip(stored["products"], cycle(stored["orders"]), strict=False)
        ]
        for line_no, line in enumerate(sold, start=1):
            line["line_no"] = line_no
        with app.app_context():
            db.session.execute(update(Order).values(status=OrderStatus.PLACED))
            db.session.execute(insert(OrderLine), sold)
            db.session.commit()
        days = f"from={PLACED.date()}&to={PLACED.date()}"

        for kind in ("products", "suppliers", "categories", "countries"):
            address = f"/admin/reports/{kind}/?{days}"
            for _ in range(10):
                check(page, address)
                assert page.locator(".report tbody tr").count()
                following = page.locator("a[rel=next]")
                if not following.count():
                    break
                address = following.get_attribute("href")
        for link in page.locator("td.revenue a").all()[::10]:
            with page.context.new_page() as other:
                other.add_init_script(WATCH)
                check(other, link.get_attribute("href"))

    def test_are_text_on_records_in_their_history_and_in_forms(self, page, stored):
        for number, (table, ids) in enumerate(stored.items()):
            for row_id in ids[number :: max(1, len(ids) // 6)]:
                for name in ("details", "edit"):
                    check(page, f"/admin/{table}/{name}/?id={row_id}")

    def test_are_text_where_they_are_searched_for_or_filtered_by(self, page, stored):
        texts = [text for text in payloads() if "<" in text and "\0" not in text]
        for text in texts[:: len(texts) // 8]:
            for name in ("search", "supplier", "name", "sort", "at"):
                check(page, f"/admin/products/?{urlencode({name: text[:200]})}")

    def test_are_text_in_messages(self, app, page, stored):
        texts = [text for text in payloads() if "<" in text and "\0" not in text]
        for row_id, text in zip(stored["categories"], texts[:: len(texts) // 6], strict=False):
            with app.app_context():
                name = f"{text.strip()[:150]} {row_id}"
                db.session.execute(update(Category).values(name=name).where(Category.id == row_id))
                db.session.commit()
            page.goto(f"/admin/categories/edit/?id={row_id}")
            page.get_by_label("Description").fill(text)
            page.get_by_role("button", name="Save", exact=True).last.click()
            assert "was saved" in page.locator(".message.success").inner_text()
            assert page.evaluate("window.ran") == [], text
            assert page.evaluate(FOREIGN) == [], text
