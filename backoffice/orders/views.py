"""Customers and orders on screen."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select
from sqlalchemy.orm.exc import StaleDataError

from backoffice.database import db
from backoffice.grid.filters import one_of, referred, span, text
from backoffice.grid.forms import RecordForm
from backoffice.grid.related import Related
from backoffice.grid.view import GridView
from backoffice.models import Customer, Order, OrderStatus
from backoffice.orders import queries
from backoffice.orders.forms import CustomerForm, LineForm, OrderForm
from backoffice.references import CUSTOMER


class CustomerView(GridView):
    """Customers by name; found by code, name or contact."""

    model = Customer
    noun = "customer"
    import_kinds = ("customers",)
    key_column = "code"
    title_column = "name"
    reference = CUSTOMER
    statement = staticmethod(queries.customer_grid)
    form = CustomerForm

    column_list = ("code", "name", "contact_name", "city", "country", "updated_at")
    column_optional_list = ("email", "phone", "street", "postal_code", "region", "created_at")
    editable = ("name", "contact_name", "city", "country")
    column_labels = {
        "contact_name": "Contact",
        "updated_at": "Last change",
        "created_at": "Added",
    }
    column_searchable_list = ("code", "name", "contact_name")
    column_sortable_list = ("code", "name")
    column_default_sort = ("name", False)
    phone_columns = ("code", "name", "country")
    filters = (
        text("country", "Country", Customer.country),
        text("name", "Name", Customer.name),
    )
    column_details_list = (
        "code",
        "name",
        "contact_name",
        "email",
        "phone",
        "street",
        "postal_code",
        "city",
        "region",
        "country",
        "updated_at",
    )
    related = (
        Related(
            "Orders",
            queries.orders_of_customer,
            ("number", "status", "placed_at", "shipped_at"),
            "orders",
            filter="customer",
            labels={"placed_at": "Placed", "shipped_at": "Shipped"},
        ),
    )


class OrderView(GridView):
    """Orders, newest first; found by number or recipient."""

    model = Order
    noun = "order"
    import_kinds = ("orders", "order-lines")
    key_column = "number"
    references = {"customer": CUSTOMER}
    statement = staticmethod(queries.order_grid)
    totals = staticmethod(queries.order_totals)
    form = OrderForm
    create_template = edit_template = "orders/edit.html"
    numbered = ("line_no",)
    details_template = "orders/details.html"

    column_list = (
        "number",
        "customer",
        "status",
        "lines",
        "total",
        "placed_at",
        "shipped_at",
        "ship_country",
    )
    editable = ("status", "shipped_at", "ship_country")
    column_optional_list = (
        "note",
        "ship_name",
        "ship_street",
        "ship_postal_code",
        "ship_city",
        "ship_region",
        "updated_at",
        "created_at",
    )
    column_labels = {
        "placed_at": "Placed",
        "shipped_at": "Shipped",
        "ship_name": "Recipient",
        "ship_street": "Street",
        "ship_postal_code": "Postal code",
        "ship_city": "City",
        "ship_region": "Region",
        "ship_country": "Country",
        "updated_at": "Last change",
        "created_at": "Added",
    }
    column_searchable_list = ("number", "ship_name")
    column_sortable_list = ("number", "placed_at", "shipped_at")
    column_default_sort = ("placed_at", True)
    phone_columns = ("number", "customer", "status", "total")
    filters = (
        one_of("status", "Status", Order.status, OrderStatus),
        referred("customer", "Customer", Order.customer_id, CUSTOMER).or_empty("none"),
        span("placed_at", "Placed", Order.placed_at),
        span("shipped_at", "Shipped", Order.shipped_at).or_empty("not yet"),
    )
    column_details_list = (
        "number",
        "customer",
        "status",
        "placed_at",
        "shipped_at",
        "note",
        "ship_name",
        "ship_street",
        "ship_postal_code",
        "ship_city",
        "ship_region",
        "ship_country",
        "updated_at",
    )

    def record_statement(self, row_id: int) -> Select[Any]:
        return queries.order_with_lines(row_id)

    def update_model(self, form: RecordForm, record: Order) -> bool:
        # An import writes lines without their order: not one that we have read and are to write.
        lines = db.session.execute(queries.locked_lines(record.id)).all()
        if {tuple(line) for line in lines} != {(line.id, line.version) for line in record.lines}:
            raise StaleDataError
        return super().update_model(form, record)

    def line_errors(self, form: OrderForm) -> list[Any]:
        """Errors of the lines, each with its line's number on screen."""
        errors = []
        for number, entry in enumerate(form.lines, start=1):
            for field in entry.form:
                if field.errors:
                    field.line = number
                    errors.append(field)
        return errors

    def blank_line(self) -> LineForm:
        """The line that the script copies; ``__number__`` stands for its place."""
        return LineForm(prefix="lines-__number__-")
