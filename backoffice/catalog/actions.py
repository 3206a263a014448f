"""What staff may do to many suppliers or products at once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, false, literal, null, true
from wtforms import SelectChoice, SelectField, ValidationError

from backoffice.grid.bulk import BulkAction, Change, Rule
from backoffice.grid.fields import ExactField, ReferenceField
from backoffice.grid.forms import ReferringForm
from backoffice.grid.rules import says
from backoffice.models import Product
from backoffice.models.columns import Exact, cents, exact_to_text
from backoffice.models.product import MOST_MONEY
from backoffice.references import CATEGORY, SUPPLIER

LEAST_PERCENT, MOST_PERCENT = -100, 1_000


class PriceForm(ReferringForm):
    """By how much prices change."""

    by = SelectField(
        "Change by", choices=[SelectChoice("percent", "Percent"), SelectChoice("amount", "Amount")]
    )
    figure = ExactField(
        "How much",
        Product.price,
        description="Such as 5, or -2.5 to lower prices. A percentage makes them whole cents.",
    )

    def validate_figure(self, field: ExactField) -> None:
        if field.data is None:
            return
        if field.data == 0:
            raise ValidationError("That changes nothing.")
        if self.by.data == "percent":
            if not LEAST_PERCENT <= field.data <= MOST_PERCENT:
                raise ValidationError(f"Must be from {LEAST_PERCENT} to {MOST_PERCENT:,} percent.")
            if field.data != round(field.data, 2):
                raise ValidationError("Write at most two decimals of a percent.")


class SupplierForm(ReferringForm):
    """Which supplier products move to."""

    supplier = ReferenceField("Supplier", SUPPLIER, description="Its code, or start its name")


class CategoryForm(ReferringForm):
    """Which category products move to."""

    category = ReferenceField(
        "Category", CATEGORY, required=False, description="Leave it empty for no category"
    )


def activate(_form: Any) -> Change:
    return Change({"active": true()}, "activated", lambda rows: f"Activate {rows}")


def deactivate(_form: Any) -> Change:
    return Change({"active": false()}, "deactivated", lambda rows: f"Deactivate {rows}")


def change_price(form: PriceForm) -> Change:
    """Price times (100 + percent) / 100, half up to whole cents; or plus an exact amount."""
    figure = form.figure.data
    price: ColumnElement[Any]
    assert figure is not None  # noqa: S101 - the form was valid
    if form.by.data == "percent":
        price = cents(Product.price, literal(1 + figure / 100, Exact()))
        step = f"{abs(figure).normalize():f} %"
    else:
        price = Product.price + literal(figure, Exact())
        step = exact_to_text(abs(figure), thousands=",")
    verb = "raise" if figure > 0 else "lower"
    in_range = (price >= literal(Decimal(0), Exact())) & (price < literal(MOST_MONEY, Exact()))
    return Change(
        {"price": price},
        f"price {'raised' if figure > 0 else 'lowered'} by {step}",
        lambda rows: f"{verb.capitalize()} the price of {rows} by {step}",
        (Rule(in_range, says("ck_products_price_range")),),
    )


def move_to_supplier(form: SupplierForm) -> Change:
    name = form.supplier.chosen_label
    return Change(
        {"supplier_id": literal(form.supplier.chosen_id, BigInteger())},
        f"moved to supplier {name}",
        lambda rows: f"Move {rows} to {name}",
    )


def move_to_category(form: CategoryForm) -> Change:
    name, chosen = form.category.chosen_label, form.category.chosen_id
    if chosen is None:
        return Change(
            {"category_id": null()},
            "taken out of their category",
            lambda rows: f"Take {rows} out of their category",
        )
    return Change(
        {"category_id": literal(chosen, BigInteger())},
        f"moved to category {name}",
        lambda rows: f"Move {rows} to {name}",
    )


SUPPLIER_ACTIONS = (
    BulkAction("activate", "Activate", activate),
    BulkAction("deactivate", "Deactivate", deactivate),
)
PRODUCT_ACTIONS = (
    *SUPPLIER_ACTIONS,
    BulkAction("price", "Change price…", change_price, PriceForm),
    BulkAction("supplier", "Move to supplier…", move_to_supplier, SupplierForm),
    BulkAction("category", "Move to category…", move_to_category, CategoryForm),
)
