"""The tables: suppliers, categories, products, customers, orders with lines, users, history."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from backoffice.models.columns import Exact, UtcDateTime, plain_order, utc_now

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STATUSES = ("draft", "placed", "paid", "shipped", "delivered", "cancelled")


def upgrade() -> None:
    op.create_table(
        "categories",
        sa.Column("name", plain_order(200), nullable=False),
        long_text("description"),
        *record("categories"),
        filled("categories", "name"),
        sa.UniqueConstraint("name", name="uq_categories_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "customers",
        sa.Column("code", plain_order(64), nullable=False),
        sa.Column("name", plain_order(200), nullable=False),
        *short_texts("contact_name", "email", "phone"),
        *short_texts("street", "city", "region", "postal_code", "country"),
        *record("customers"),
        filled("customers", "code"),
        filled("customers", "name"),
        sa.UniqueConstraint("code", name="uq_customers_code"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "history",
        sa.Column("id", KEY, nullable=False),
        sa.Column("at", UtcDateTime(), server_default=utc_now(), nullable=False),
        sa.Column("actor", sa.String(255), nullable=False),
        sa.Column("means", sa.String(16), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("table_name", sa.String(64), nullable=False),
        sa.Column("row_id", KEY),
        sa.Column("label", sa.String(300), server_default="", nullable=False),
        sa.Column("changes", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_history"),
    )
    op.create_index("ix_history_table_name_row_id_id", "history", ["table_name", "row_id", "id"])
    op.create_table(
        "history_rows",
        sa.Column("row_id", KEY, autoincrement=False, nullable=False),
        sa.Column("history_id", KEY, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("row_id", "history_id", name="pk_history_rows"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "suppliers",
        sa.Column("code", plain_order(64), nullable=False),
        sa.Column("name", plain_order(200), nullable=False),
        *short_texts("contact_name", "email", "phone"),
        *short_texts("street", "city", "region", "postal_code", "country"),
        active(),
        *record("suppliers"),
        filled("suppliers", "code"),
        filled("suppliers", "name"),
        sa.UniqueConstraint("code", name="uq_suppliers_code"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_suppliers_name_id", "suppliers", ["name", "id"])
    op.create_table(
        "users",
        sa.Column("email", sa.String(255), nullable=False),
        *short_texts("password"),
        sa.Column("role", sa.String(16), nullable=False),
        active(),
        sa.Column("fs_uniquifier", sa.String(64), nullable=False),
        *record("users"),
        check("users", "role_known", "role IN ('viewer', 'editor', 'manager', 'admin')"),
        sa.UniqueConstraint("email", name="uq_users_email"),
        sa.UniqueConstraint("fs_uniquifier", name="uq_users_fs_uniquifier"),
    )
    op.create_table(
        "orders",
        sa.Column("number", plain_order(64), nullable=False),
        sa.Column("customer_id", KEY),
        sa.Column("status", sa.String(16), server_default="draft", nullable=False),
        sa.Column("placed_at", UtcDateTime(), nullable=False),
        sa.Column("shipped_at", UtcDateTime()),
        long_text("note"),
        *short_texts("ship_name", "ship_street", "ship_city", "ship_region"),
        *short_texts("ship_postal_code", "ship_country"),
        *record("orders"),
        filled("orders", "number"),
        check("orders", "status_known", sa.column("status").in_(STATUSES)),
        check("orders", "shipped_after_placed", "shipped_at >= placed_at"),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_orders_customer_id"),
        sa.UniqueConstraint("number", name="uq_orders_number"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "products",
        sa.Column("supplier_id", KEY, nullable=False),
        sa.Column("category_id", KEY),
        sa.Column("sku", plain_order(64), nullable=False),
        sa.Column("name", plain_order(200), nullable=False),
        long_text("description"),
        sa.Column("price", Exact(13), nullable=False),
        sa.Column("stock", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reorder_level", sa.Integer(), server_default="0", nullable=False),
        active(),
        *record("products"),
        filled("products", "sku"),
        filled("products", "name"),
        check("products", "price_range", price_range("price")),
        check("products", "stock_not_negative", "stock >= 0"),
        check("products", "reorder_level_not_negative", "reorder_level >= 0"),
        sa.ForeignKeyConstraint(["supplier_id"], ["suppliers.id"], name="fk_products_supplier_id"),
        sa.ForeignKeyConstraint(["category_id"], ["categories.id"], name="fk_products_category_id"),
        sa.UniqueConstraint("sku", name="uq_products_sku"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "order_lines",
        sa.Column("id", KEY, nullable=False),
        sa.Column("order_id", KEY, nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("product_id", KEY, nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_price", Exact(13), nullable=False),
        sa.Column("discount", Exact(5), server_default="0", nullable=False),
        check("order_lines", "line_no_positive", "line_no > 0"),
        check("order_lines", "quantity_range", "quantity BETWEEN 1 AND 1000000"),
        check("order_lines", "unit_price_range", price_range("unit_price")),
        check(
            "order_lines",
            "discount_range",
            (exact("discount", 5) >= money(0, 5)) & (exact("discount", 5) <= money(1, 5)),
        ),
        check(
            "order_lines",
            "amount_bounded",
            sa.column("quantity") * exact("unit_price") < money(10**9, 14),
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name="fk_order_lines_order_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name="fk_order_lines_product_id"),
        sa.PrimaryKeyConstraint("id", name="pk_order_lines"),
        sa.UniqueConstraint("order_id", "line_no", name="uq_order_lines_order_id_line_no"),
    )


def downgrade() -> None:
    for table in (
        "order_lines",
        "products",
        "orders",
        "users",
        "suppliers",
        "history_rows",
        "history",
        "customers",
        "categories",
    ):
        op.drop_table(table)


def record(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("id", KEY, nullable=False),
        sa.Column("created_at", UtcDateTime(), server_default=utc_now(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), server_default=utc_now(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
    ]


def short_texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(200), server_default="", nullable=False) for name in names]


def long_text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def active() -> sa.Column[bool]:
    return sa.Column("active", sa.Boolean(), server_default=sa.true(), nullable=False)


def check(table: str, name: str, rule: str | sa.ColumnElement[bool]) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def filled(table: str, column: str) -> sa.CheckConstraint:
    return check(table, f"{column}_filled", f"{column} <> ''")


def exact(name: str, precision: int = 13) -> sa.ColumnClause[Exact]:
    return sa.column(name, Exact(precision))


def money(value: int, precision: int = 13) -> sa.BindParameter[Exact]:
    return sa.literal(value, Exact(precision))


def price_range(name: str) -> sa.ColumnElement[bool]:
    return (exact(name) >= money(0)) & (exact(name) < money(100_000_000))
