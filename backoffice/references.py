"""How the rows of each table are chosen in forms and filters."""

from backoffice.grid.reference import Reference
from backoffice.models import Category, Customer, Product, Supplier

SUPPLIER = Reference(Supplier, Supplier.code, Supplier.name, "suppliers", "supplier")
CATEGORY = Reference(Category, Category.name, Category.name, "categories", "category")
CUSTOMER = Reference(Customer, Customer.code, Customer.name, "customers", "customer")
PRODUCT = Reference(
    Product, Product.sku, Product.name, "products", "product", extra=(Product.price,)
)
