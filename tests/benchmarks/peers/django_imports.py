"""Imports of products as users of Django write them, into our tables.

    python -m tests.benchmarks.peers.django_imports defaults|tuned|bulk_create FILE

``defaults`` is django-import-export as its tutorial has it, ``tuned`` the same with all that its
documentation offers for large files; ``bulk_create`` is Django's upsert in batches of a thousand.
Prints the seconds without those of Django's start.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import islice
from time import perf_counter
from typing import Any, ClassVar

import tablib
from django.db import models, transaction
from import_export import fields, resources, widgets
from import_export.instance_loaders import CachedInstanceLoader

# First: it sets Django up.
from tests.benchmarks.peers import django_app  # noqa: F401
from tests.benchmarks.peers.django_admin import Supplier, Table

BATCH = 1000


class Money(models.DecimalField):
    """Stored as backoffice.models.columns.Exact does: on SQLite as an integer of 0.0001."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, max_digits=13, decimal_places=4)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        if connection.vendor == "sqlite" and isinstance(value, Decimal):
            return int(value.scaleb(4))
        return super().get_db_prep_save(value, connection)

    def from_db_value(self, value: Any, _expression: Any, connection: Any) -> Any:
        return value.scaleb(-4) if connection.vendor == "sqlite" else value


class Category(Table):
    name = models.CharField(max_length=200, unique=True)

    class Meta(Table.Meta):
        db_table = "categories"


class Article(Table):
    """Products, with what their files hold: django_admin has what its list shows."""

    supplier = models.ForeignKey(Supplier, models.PROTECT, related_name="articles")
    category = models.ForeignKey(Category, models.PROTECT, null=True)
    sku = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    price = Money()
    stock = models.IntegerField()
    reorder_level = models.IntegerField()
    active = models.BooleanField()
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(Table.Meta):
        db_table = "products"


class YesNo(widgets.BooleanWidget):
    TRUE_VALUES: ClassVar = ["yes"]
    FALSE_VALUES: ClassVar = ["no"]


class Plain(resources.ModelResource):
    supplier = fields.Field("supplier", "supplier", widgets.ForeignKeyWidget(Supplier, "code"))
    category = fields.Field("category", "category", widgets.ForeignKeyWidget(Category, "name"))
    active = fields.Field("active", "active", YesNo())

    class Meta:
        model = Article
        import_id_fields = ("sku",)
        exclude = ("id", "updated_at")


class Tuned(Plain):
    supplier = fields.Field(
        "supplier", "supplier", widgets.CachedForeignKeyWidget(Supplier, "code")
    )
    category = fields.Field(
        "category", "category", widgets.CachedForeignKeyWidget(Category, "name")
    )

    class Meta(Plain.Meta):
        use_bulk = True
        batch_size = BATCH
        skip_diff = True
        instance_loader_class = CachedInstanceLoader


def import_by(resource: resources.ModelResource, path: str) -> None:
    with open(path, newline="") as file:  # noqa: PTH123
        rows = tablib.Dataset().load(file.read(), format="csv")
    resource.import_data(rows, raise_errors=True)


def bulk_create(path: str) -> None:
    with open(path, newline="") as file, transaction.atomic():  # noqa: PTH123
        articles = _articles(csv.DictReader(file))
        while batch := list(islice(articles, BATCH)):
            Article.objects.bulk_create(
                batch,
                update_conflicts=True,
                unique_fields=["sku"],
                update_fields=[
                    field.name
                    for field in Article._meta.concrete_fields
                    if field.name not in {"id", "sku"}
                ],
            )


def _articles(rows: Iterator[dict[str, str]]) -> Iterator[Article]:
    suppliers = dict(Supplier.objects.values_list("code", "id"))
    categories = dict(Category.objects.values_list("name", "id"))
    for row in rows:
        yield Article(
            sku=row["sku"],
            supplier_id=suppliers[row["supplier"]],
            category_id=categories[row["category"]] if row["category"] else None,
            name=row["name"],
            description=row["description"],
            price=Decimal(row["price"]),
            stock=int(row["stock"]),
            reorder_level=int(row["reorder_level"]),
            active=row["active"] == "yes",
        )


WAYS: dict[str, Callable[[str], None]] = {
    "defaults": lambda path: import_by(Plain(), path),
    "tuned": lambda path: import_by(Tuned(), path),
    "bulk_create": bulk_create,
}


if __name__ == "__main__":
    started = perf_counter()
    WAYS[sys.argv[1]](sys.argv[2])
    print(perf_counter() - started)
