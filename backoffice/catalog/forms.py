"""What staff may change of suppliers, categories and products."""

from backoffice.grid.fields import (
    ExactField,
    ReferenceField,
    WholeField,
    check_field,
    long_text_field,
    text_field,
)
from backoffice.grid.forms import RecordForm
from backoffice.models import Category, Product, Supplier
from backoffice.references import CATEGORY, SUPPLIER


class SupplierForm(RecordForm):
    """One supplier."""

    code = text_field("Code", Supplier.code, description="What their files call them")
    name = text_field("Name", Supplier.name)
    contact_name = text_field("Contact", Supplier.contact_name)
    email = text_field("Email", Supplier.email)
    phone = text_field("Phone", Supplier.phone)
    street = text_field("Street", Supplier.street)
    postal_code = text_field("Postal code", Supplier.postal_code)
    city = text_field("City", Supplier.city)
    region = text_field("Region", Supplier.region)
    country = text_field("Country", Supplier.country)
    active = check_field("Active", description="We order from them")


class CategoryForm(RecordForm):
    """One category."""

    name = text_field("Name", Category.name)
    description = long_text_field("Description")


class ProductForm(RecordForm):
    """One product."""

    sku = text_field("SKU", Product.sku)
    name = text_field("Name", Product.name)
    supplier = ReferenceField("Supplier", SUPPLIER, description="Its code, or start its name")
    category = ReferenceField("Category", CATEGORY, required=False)
    price = ExactField("Price", Product.price)
    stock = WholeField("Stock", default=0)
    reorder_level = WholeField(
        "Reorder level", default=0, description="Order more when stock falls to this"
    )
    active = check_field("Active", description="On sale")
    description = long_text_field("Description")
