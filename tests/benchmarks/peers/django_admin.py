"""The Django admin: models, their admin classes, addresses."""

from __future__ import annotations

from decimal import Decimal

from django.contrib import admin
from django.db import models
from django.urls import path


class Table(models.Model):
    """A table that is there already."""

    class Meta:
        abstract = True
        managed = False
        app_label = "catalog"


class Supplier(Table):
    code = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200)

    class Meta(Table.Meta):
        db_table = "suppliers"

    def __str__(self) -> str:
        return self.name


class Product(Table):
    supplier = models.ForeignKey(Supplier, models.PROTECT)
    sku = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    description = models.TextField()
    price = models.DecimalField(max_digits=13, decimal_places=4)
    stock = models.IntegerField()
    active = models.BooleanField()
    updated_at = models.DateTimeField()

    class Meta(Table.Meta):
        db_table = "products"


class Customer(Table):
    code = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200)

    class Meta(Table.Meta):
        db_table = "customers"

    def __str__(self) -> str:
        return self.name


class Order(Table):
    number = models.CharField(max_length=64, unique=True)
    customer = models.ForeignKey(Customer, models.PROTECT)
    status = models.CharField(max_length=16)
    placed_at = models.DateTimeField()

    class Meta(Table.Meta):
        db_table = "orders"


class OrderLine(Table):
    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, models.PROTECT)
    quantity = models.IntegerField()
    unit_price = models.DecimalField(max_digits=13, decimal_places=4)
    discount = models.DecimalField(max_digits=5, decimal_places=4)

    class Meta(Table.Meta):
        db_table = "order_lines"


@admin.register(Supplier)
class SupplierAdmin(admin.ModelAdmin):
    list_display = ("code", "name")
    search_fields = ("code", "name")


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    list_display = ("sku", "name", "supplier", "price", "stock", "active", "updated_at")
    search_fields = ("sku", "name")
    list_filter = ("active",)
    list_per_page = 50
    autocomplete_fields = ("supplier",)


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):
    list_display = ("number", "customer", "status", "placed_at", "line_count", "total")
    search_fields = ("number",)
    list_per_page = 50
    raw_id_fields = ("customer",)

    def line_count(self, order: Order) -> int:
        return order.lines.count()

    def total(self, order: Order) -> Decimal:
        return sum(
            (line.quantity * line.unit_price * (1 - line.discount) for line in order.lines.all()),
            Decimal(0),
        )


urlpatterns = [path("admin/", admin.site.urls)]
