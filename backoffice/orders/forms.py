"""What staff may change of customers and orders."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from flask import abort
from sqlalchemy.orm.attributes import flag_modified
from wtforms import BooleanField, Field, FieldList, Form, FormField, HiddenField
from wtforms.validators import ValidationError

from backoffice.grid.fields import (
    ExactField,
    MomentField,
    ReferenceField,
    StateField,
    WholeField,
    long_text_field,
    text_field,
)
from backoffice.grid.forms import RecordForm
from backoffice.grid.rules import says
from backoffice.models import Customer, Order, OrderLine, OrderStatus
from backoffice.models.order import MOST_AMOUNT
from backoffice.references import CUSTOMER, PRODUCT

LINE_COLUMNS = ("product_id", "quantity", "unit_price", "discount")
MOST_LINES = 1_000
LINE_ID = re.compile(r"lines-[0-9]+-id")


class CustomerForm(RecordForm):
    """One customer."""

    code = text_field("Code", Customer.code)
    name = text_field("Name", Customer.name)
    contact_name = text_field("Contact", Customer.contact_name)
    email = text_field("Email", Customer.email)
    phone = text_field("Phone", Customer.phone)
    street = text_field("Street", Customer.street)
    postal_code = text_field("Postal code", Customer.postal_code)
    city = text_field("City", Customer.city)
    region = text_field("Region", Customer.region)
    country = text_field("Country", Customer.country)


class LineForm(Form):
    """One line of an order; a new line that was left blank is no line."""

    id = HiddenField()
    product = ReferenceField("Product", PRODUCT)
    quantity = WholeField("Quantity", least=1, most=1_000_000)
    unit_price = ExactField("Unit price", OrderLine.unit_price, render_kw={"data-price": ""})
    discount = ExactField("Discount", OrderLine.discount, default=0)
    remove = BooleanField("Remove")

    @property
    def is_blank(self) -> bool:
        """A new line with nothing typed in it but the discount that it came with."""
        typed = (self.product, self.quantity, self.unit_price)
        return not self.id.data and not any((field.raw_data or [""])[0].strip() for field in typed)

    def validate(self, extra_validators: Any = None) -> bool:
        return self.remove.data or self.is_blank or super().validate(extra_validators)

    # The database keeps these rules as well, but cannot tell which of the lines broke them.

    def validate_quantity(self, field: WholeField) -> None:
        if field.data and self.unit_price.data and field.data * self.unit_price.data >= MOST_AMOUNT:
            raise ValidationError(says("ck_order_lines_amount_bounded"))

    def validate_unit_price(self, field: ExactField) -> None:
        if field.data is not None and field.data < 0:
            raise ValidationError(says("ck_order_lines_unit_price_range"))

    def validate_discount(self, field: ExactField) -> None:
        if field.data is not None and not 0 <= field.data <= 1:
            raise ValidationError(says("ck_order_lines_discount_range"))

    def populate_obj(self, obj: OrderLine) -> None:
        for field in (self.product, self.quantity, self.unit_price, self.discount):
            field.populate_obj(obj, field.short_name)


def this_minute() -> datetime:
    """Now, without the seconds, which nobody types."""
    return datetime.now(UTC).replace(second=0, microsecond=0)


class OrderForm(RecordForm):
    """One order with its lines."""

    number = text_field("Number", Order.number)
    customer = ReferenceField("Customer", CUSTOMER, required=False)
    status = StateField("Status", OrderStatus, default=OrderStatus.DRAFT.value)
    placed_at = MomentField("Placed", required=True, default=this_minute)
    shipped_at = MomentField("Shipped")
    note = long_text_field("Note")
    ship_name = text_field("Recipient", Order.ship_name)
    ship_street = text_field("Street", Order.ship_street)
    ship_postal_code = text_field("Postal code", Order.ship_postal_code)
    ship_city = text_field("City", Order.ship_city)
    ship_region = text_field("Region", Order.ship_region)
    ship_country = text_field("Country", Order.ship_country)
    lines = FieldList(FormField(LineForm), "Lines")

    def process(self, formdata: Any = None, obj: Any = None, **data: Any) -> None:
        """Also offer one blank line, so that a line can be added without a script."""
        # An import may have given the order more than a form would. Far too many are refused
        # before each becomes a form of its own; see `validate`.
        self.most_lines = max(MOST_LINES, len(obj.lines) if obj else 0)
        posted = sum(bool(LINE_ID.fullmatch(name)) for name in formdata or ())
        if posted > 2 * self.most_lines:
            abort(413, f"An order takes {MOST_LINES:,} lines.")
        super().process(formdata, obj, **data)
        if not formdata and not self.lines.entries:
            self.lines.append_entry()
        if formdata and "add_line" in formdata and len(self.lines) < MOST_LINES:
            self.lines.append_entry()

    def parts(self) -> dict[str, tuple[str, Field]]:
        """Each line that is stored is a part of its own."""
        parts = super().parts()
        del parts[self.lines.name]
        for number, line in enumerate(self.lines, start=1):
            if line.form.id.data:
                parts[f"line {line.form.id.data}"] = (f"Line {number}", line)
        return parts

    def drop(self, part: Field) -> None:
        self.lines.entries.remove(part)

    def adopt(self) -> Field:
        return self.lines.append_entry()

    def validate(self, extra_validators: Any = None) -> bool:
        """Not more lines than an order takes here, or than an import has given it already."""
        valid = bool(super().validate(extra_validators))
        if len(self.lines) > self.most_lines:
            self.form_errors.append(
                f"An order takes {self.most_lines:,} lines; these are {len(self.lines):,}."
            )
            return False
        return valid

    def populate_obj(self, order: Order) -> None:
        for field in self.shown:
            if field is self.lines:
                self._populate_lines(order)
            else:
                field.populate_obj(order, field.name)

    def _populate_lines(self, order: Order) -> None:
        """Match lines by id; new ones get the next free number."""
        known = {str(line.id): line for line in order.lines}
        next_number = max((line.line_no for line in order.lines), default=0) + 1
        changed = False
        for form in (entry.form for entry in self.lines):
            line = known.pop(form.id.data or "", None)  # an id posted twice counts once
            if form.remove.data:
                if line is not None:
                    order.lines.remove(line)
                    changed = True
            elif line is not None:
                changed |= _update(line, form)
            elif not form.is_blank:
                line = OrderLine(line_no=next_number)
                form.populate_obj(line)
                order.lines.append(line)
                next_number += 1
                changed = True
        if changed:
            # The lines belong to the order's version: two people in its lines are told as well.
            order.updated_at = datetime.now(UTC)


def _update(line: OrderLine, form: LineForm) -> bool:
    before = [getattr(line, name) for name in LINE_COLUMNS]
    form.populate_obj(line)
    if before == [getattr(line, name) for name in LINE_COLUMNS]:
        return False
    for name, value in zip(LINE_COLUMNS, before, strict=True):
        # All changed lines set the same columns, so they go in one UPDATE however many they are.
        # A column that did change must not be marked: it would forget the value it had.
        if getattr(line, name) == value:
            flag_modified(line, name)
    line.version += 1
    return True
