"""The peers' tables: keys, unique codes and an index on each foreign key, as an ORM makes them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from sqlalchemy import BigInteger, DateTime, ForeignKey, Integer, Numeric, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

Key = Annotated[
    int, mapped_column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True)
]
Code = Annotated[str, mapped_column(String(64), unique=True)]
Name = Annotated[str, mapped_column(String(200))]
Money = Annotated[Decimal, mapped_column(Numeric(13, 4))]
Moment = Annotated[datetime, mapped_column(DateTime(timezone=True))]


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"

    id: Mapped[Key]
    email: Mapped[Code]
    password: Mapped[Name]


class Supplier(Base):
    __tablename__ = "suppliers"

    id: Mapped[Key]
    code: Mapped[Code]
    name: Mapped[Name]

    def __str__(self) -> str:
        return self.name


class Product(Base):
    __tablename__ = "products"

    id: Mapped[Key]
    supplier_id: Mapped[int] = mapped_column(ForeignKey("suppliers.id"), index=True)
    sku: Mapped[Code]
    name: Mapped[Name]
    description: Mapped[str] = mapped_column(Text)
    price: Mapped[Money]
    stock: Mapped[int]
    active: Mapped[bool]
    updated_at: Mapped[Moment]

    supplier: Mapped[Supplier] = relationship()


class Customer(Base):
    __tablename__ = "customers"

    id: Mapped[Key]
    code: Mapped[Code]
    name: Mapped[Name]

    def __str__(self) -> str:
        return self.name


class Order(Base):
    __tablename__ = "orders"

    id: Mapped[Key]
    number: Mapped[Code]
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"), index=True)
    status: Mapped[str] = mapped_column(String(16))
    placed_at: Mapped[Moment]

    customer: Mapped[Customer | None] = relationship()
    lines: Mapped[list[OrderLine]] = relationship()


class OrderLine(Base):
    __tablename__ = "order_lines"

    id: Mapped[Key]
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"), index=True)
    quantity: Mapped[int]
    unit_price: Mapped[Money]
    discount: Mapped[Decimal] = mapped_column(Numeric(5, 4))

    @property
    def amount(self) -> Decimal:
        return self.quantity * self.unit_price * (1 - self.discount)
