"""Split the Online Retail file into the files that `manage.py import` takes.

    python tests/imports/online_retail.py INPUT OUTDIR

The file has one row a sold article. What is odd about it, and what becomes of that:

- A row without a description, or with a negative quantity outside a cancelled invoice, adjusts
  the stock (its price is 0): it is left out, and so is an article that has no other rows.
- An invoice "C..." is a cancelled order: its quantities are negative and are made positive.
- An invoice spanning two minutes was placed at the first.
- The same article twice in an invoice, even on two equal rows, is two lines of the order.
- Codes that differ by case alone are different articles; codes such as POST are articles, too.
- An article is named and priced by its first row that has a price, else by its first row.
- A customer "17850.0" has the code 17850 and the country of its first row; one row in three has
  no customer, and neither has its order. Nothing is known of suppliers: all come from one.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Row = dict[str, str]


def split(source: Path, folder: Path) -> None:
    """Write products, customers, orders and order-lines as CSV files into ``folder``."""
    with source.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if is_sale(row)]
    _write(folder / "products.csv", "sku name supplier price", _products(rows))
    _write(folder / "customers.csv", "code name country", _customers(rows))
    _write(folder / "orders.csv", "number customer status placed_at", _orders(rows))
    _write(folder / "order-lines.csv", "order line_no product quantity unit_price", _lines(rows))


def is_sale(row: Row) -> bool:
    """Whether ``row`` is a line of an order, cancelled or not."""
    is_adjustment = row["Quantity"].startswith("-") and not is_cancelled(row)
    return bool(row["Description"].strip()) and not is_adjustment


def is_cancelled(row: Row) -> bool:
    return row["InvoiceNo"].startswith("C")


def _products(rows: list[Row]) -> Iterable[tuple[Any, ...]]:
    first: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: float(row["UnitPrice"]) == 0):
        first.setdefault(row["StockCode"], row)
    for sku, row in first.items():
        yield sku, row["Description"], "ONLINE-RETAIL", row["UnitPrice"]


def _customers(rows: list[Row]) -> Iterable[tuple[Any, ...]]:
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(_customer(row), row)
    first.pop("", None)
    for code, row in first.items():
        yield code, f"Customer {code}", row["Country"]


def _orders(rows: list[Row]) -> Iterable[tuple[Any, ...]]:
    first: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: row["InvoiceDate"]):
        first.setdefault(row["InvoiceNo"], row)
    for number, row in first.items():
        status = "cancelled" if is_cancelled(row) else "paid"
        yield number, _customer(row), status, row["InvoiceDate"]


def _lines(rows: list[Row]) -> Iterable[tuple[Any, ...]]:
    last: dict[str, int] = {}
    for row in rows:
        order = row["InvoiceNo"]
        last[order] = last.get(order, 0) + 1
        quantity = row["Quantity"].removeprefix("-")
        yield order, last[order], row["StockCode"], quantity, row["UnitPrice"]


def _customer(row: Row) -> str:
    return row["CustomerID"].removesuffix(".0")


def _write(path: Path, header: str, rows: Iterable[tuple[Any, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header.split())
        writer.writerows(rows)


if __name__ == "__main__":
    split(Path(sys.argv[1]), Path(sys.argv[2]))
