"""The Django admin: models, their admin classes, addresses."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from django.contrib import admin
from django.db import models
from django.db.models import Count, ExpressionWrapper, F, Sum
from django.db.models.functions import TruncDate
from django.http import HttpRequest, HttpResponse
from django.template import RequestContext, Template
from django.urls import path
from django.utils import timezone


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


SOLD = ("placed", "paid", "shipped", "delivered")
AMOUNT = ExpressionWrapper(
    F("lines__quantity") * F("lines__unit_price") * (1 - F("lines__discount")),
    output_field=models.DecimalField(max_digits=20, decimal_places=8),
)
PAGE = Template(
    "{% extends 'admin/base_site.html' %}{% block content %}<p>{{ sold }}</p>"
    "{% for rows in tables %}<table>{% for row in rows %}<tr>"
    "{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>{% endfor %}</table>{% endfor %}"
    "{% endblock %}"
)


def dashboard(request: HttpRequest) -> HttpResponse:
    """The figures of our dashboard as a developer's first version has them: aggregates, uncached.

    Without those that its tables have no columns for: reorder levels and shipping.
    """
    days = int(request.GET.get("days", 30))
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    end = midnight + timedelta(days=1)
    start, before = end - timedelta(days=days), end - timedelta(days=2 * days)
    placed = Order.objects.filter(placed_at__gte=start, placed_at__lt=end)
    sold = placed.filter(status__in=SOLD)
    sold_before = Order.objects.filter(placed_at__gte=before, placed_at__lt=start, status__in=SOLD)
    totals = [
        orders.aggregate(orders=Count("id", distinct=True), revenue=Sum(AMOUNT))
        for orders in (sold, sold_before)
    ]
    by_day = sold.annotate(day=TruncDate("placed_at")).values("day")
    tables = (
        by_day.annotate(revenue=Sum(AMOUNT)).order_by("day").values_list("day", "revenue"),
        placed.values("status").annotate(n=Count("id")).values_list("status", "n"),
        sold.values("lines__product__sku", "lines__product__name")
        .annotate(revenue=Sum(AMOUNT))
        .order_by("-revenue")
        .values_list("lines__product__sku", "lines__product__name", "revenue")[:10],
        sold.values("lines__product__supplier__name")
        .annotate(revenue=Sum(AMOUNT))
        .order_by("-revenue")
        .values_list("lines__product__supplier__name", "revenue")[:10],
        Product.objects.values("active")
        .annotate(n=Count("id"), out=Count("id", filter=models.Q(stock=0)))
        .values_list("active", "n", "out"),
    )
    context = {**admin.site.each_context(request), "sold": totals, "tables": tables}
    return HttpResponse(PAGE.render(RequestContext(request, context)))


urlpatterns = [
    path("admin/dashboard/", admin.site.admin_view(dashboard)),
    path("admin/", admin.site.urls),
]
