"""Every named rule of the tables: kept by the database, told at its field by the form."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from backoffice.database import Base, db
from backoffice.grid.rules import Broken, broken_rule, says
from backoffice.models import Category, Customer, Order, OrderLine, Product, Supplier, User
from tests import stored
from tests.grid.sections import TYPED, first
from tests.pages import add, save

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LINE = {"line_no": 9, "quantity": 1, "unit_price": Decimal(1)}
PRODUCT = {"sku": "P", "name": "P", "price": Decimal(1)}

# Rule -> a row that breaks it and no other; a product's supplier, a line's order and product are
# those that exist.
ROWS = {
    "uq_suppliers_code": (Supplier, {"code": "SUP1", "name": "x"}),
    "ck_suppliers_code_filled": (Supplier, {"code": "", "name": "x"}),
    "ck_suppliers_name_filled": (Supplier, {"code": "x", "name": ""}),
    "uq_categories_name": (Category, {"name": "Category 1"}),
    "ck_categories_name_filled": (Category, {"name": ""}),
    "uq_products_sku": (Product, PRODUCT | {"sku": "SKU0001"}),
    "ck_products_sku_filled": (Product, PRODUCT | {"sku": ""}),
    "ck_products_name_filled": (Product, PRODUCT | {"name": ""}),
    "ck_products_price_range": (Product, PRODUCT | {"price": Decimal(100_000_000)}),
    "ck_products_stock_not_negative": (Product, PRODUCT | {"stock": -1}),
    "ck_products_reorder_level_not_negative": (Product, PRODUCT | {"reorder_level": -1}),
    "uq_customers_code": (Customer, {"code": "CUS1", "name": "x"}),
    "ck_customers_code_filled": (Customer, {"code": "", "name": "x"}),
    "ck_customers_name_filled": (Customer, {"code": "x", "name": ""}),
    "uq_orders_number": (Order, {"number": "ORD0001", "placed_at": NOON}),
    "ck_orders_number_filled": (Order, {"number": "", "placed_at": NOON}),
    "ck_orders_shipped_after_placed": (
        Order,
        {"number": "x", "placed_at": NOON, "shipped_at": NOON.replace(hour=11)},
    ),
    "uq_order_lines_order_id_line_no": (OrderLine, LINE | {"line_no": 1}),
    "ck_order_lines_line_no_positive": (OrderLine, LINE | {"line_no": 0}),
    "ck_order_lines_quantity_range": (OrderLine, LINE | {"quantity": 0}),
    "ck_order_lines_unit_price_range": (OrderLine, LINE | {"unit_price": Decimal("-0.0001")}),
    "ck_order_lines_discount_range": (OrderLine, LINE | {"discount": Decimal("1.0001")}),
    "ck_order_lines_amount_bounded": (
        OrderLine,
        LINE | {"quantity": 1_000_000, "unit_price": Decimal(1000)},
    ),
    "uq_users_email": (User, {"email": "known@example.com", "role": "admin", "fs_uniquifier": "b"}),
}

# Rule -> what to type where to break it, and the field that then says so.
TYPING = {
    "uq_suppliers_code": ("suppliers", {"code": "SUP1"}, "code"),
    "ck_suppliers_code_filled": ("suppliers", {"code": ""}, "code"),
    "ck_suppliers_name_filled": ("suppliers", {"name": ""}, "name"),
    "uq_categories_name": ("categories", {"name": "Category 1"}, "name"),
    "ck_categories_name_filled": ("categories", {"name": ""}, "name"),
    "uq_products_sku": ("products", {"sku": "SKU0001"}, "sku"),
    "ck_products_sku_filled": ("products", {"sku": ""}, "sku"),
    "ck_products_name_filled": ("products", {"name": ""}, "name"),
    "ck_products_price_range": ("products", {"price": "-0.01"}, "price"),
    "ck_products_stock_not_negative": ("products", {"stock": "-1"}, "stock"),
    "ck_products_reorder_level_not_negative": (
        "products",
        {"reorder_level": "-1"},
        "reorder_level",
    ),
    "uq_customers_code": ("customers", {"code": "CUS1"}, "code"),
    "ck_customers_code_filled": ("customers", {"code": ""}, "code"),
    "ck_customers_name_filled": ("customers", {"name": ""}, "name"),
    "uq_orders_number": ("orders", {"number": "ORD0001"}, "number"),
    "ck_orders_number_filled": ("orders", {"number": ""}, "number"),
    "ck_orders_shipped_after_placed": (
        "orders",
        {"placed_at": "2026-01-31", "shipped_at": "2026-01-30"},
        "shipped_at",
    ),
    "ck_order_lines_quantity_range": ("orders", {"quantity": "0"}, "quantity"),
    "ck_order_lines_unit_price_range": ("orders", {"unit_price": "-1"}, "unit_price"),
    "ck_order_lines_discount_range": ("orders", {"discount": "1.5"}, "discount"),
    "ck_order_lines_amount_bounded": (
        "orders",
        {"quantity": "1000000", "unit_price": "1000"},
        "quantity",
    ),
}
NOT_TYPED = {
    "uq_order_lines_order_id_line_no": "the form counts the lines itself",
    "ck_order_lines_line_no_positive": "the form counts the lines itself",
    "uq_users_email": "users are made by a command",
}

RULES = {
    str(item.name): item
    for table in Base.metadata.sorted_tables
    if table.name not in {"saved_views", "import_mappings"}  # no lists: their pages see to it
    for item in sorted(table.constraints, key=lambda item: str(item.name))
    if "says" in item.info
}


def test_every_rule_has_a_case():
    assert set(ROWS) == set(RULES)
    assert set(TYPING) | set(NOT_TYPED) == set(RULES)


@pytest.mark.parametrize("rule", RULES)
class TestRule:
    @pytest.fixture(autouse=True)
    def rows(self, make):
        make.suppliers()
        make.categories()
        make.products()
        make.customers()
        make.orders(lines=1)

    def test_is_kept_by_the_database_which_names_it(self, app, rule):
        model, row = ROWS[rule]
        if model is Product:
            row = row | {"supplier_id": stored.newest(app, Supplier).id}
        if model is OrderLine:
            row = row | {
                "order_id": stored.newest(app, Order).id,
                "product_id": stored.newest(app, Product).id,
            }
        with app.app_context():
            user = {"email": "known@example.com", "role": "admin", "fs_uniquifier": "a"}
            db.session.execute(insert(User).values(user))

            with pytest.raises(IntegrityError) as caught:
                db.session.execute(insert(model).values(row))
            db.session.rollback()

        info = RULES[rule].info
        assert broken_rule(caught.value) == Broken(model.__tablename__, info["field"], info["says"])
        assert says(rule) == info["says"]

    @pytest.mark.parametrize("way", ["new", "edit"])
    def test_is_told_at_its_field(self, app, client, make, rule, way):
        if rule in NOT_TYPED:
            return
        table, typed, field = TYPING[rule]
        if rule.startswith("ck_order_lines"):
            field = f"lines-0-{field}"
            line = {"product": "SKU0001", "quantity": "1", "unit_price": "1", "discount": "0"}
            typed = {f"lines-0-{name}": text for name, text in (line | typed).items()}

        if way == "new":
            page = add(client, table, TYPED[table] | typed)
        else:
            row_id = first(make, table)
            page = save(client, table, row_id, typed)

        assert page.status == 422
        assert set(page.errors) == {field}
        if way == "new":
            assert {name: page.form[name] for name in typed} == typed
        assert page.errors[field] in {
            RULES[rule].info["says"],
            "This field is required.",
            "Must be from 0 to 2,147,483,647.",
        }
