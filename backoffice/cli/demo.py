"""./manage.py demo: from nothing to a filled back office."""

from __future__ import annotations

import secrets
from dataclasses import replace
from uuid import uuid4

import click
import flask_migrate
from sqlalchemy import select

from backoffice.cli import with_app
from backoffice.cli.generate import ROWS, add
from backoffice.cli.serve import refuse_if_taken, serve
from backoffice.cli.users import find, hashed, tell
from backoffice.database import db
from backoffice.indexes.build import build
from backoffice.models import Customer, Order, Product, Supplier, User
from backoffice.synthetic.run import Wanted

HOST = "127.0.0.1"
EMAIL = "admin@example.com"


@click.command("demo")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=5000, show_default=True, help="Where to serve."
)
@click.option("--products", type=ROWS, default=2_000, show_default=True, help="How many.")
@click.option("--orders", type=ROWS, default=5_000, show_default=True, help="How many.")
@click.option("--no-serve", is_flag=True, help="Stop when all is ready.")
def command(port: int, products: int, orders: int, no_serve: bool) -> None:
    """Fill a database with synthetic data, and serve it.

    Migrates, builds the indexes, fills the tables that are empty, makes a login and serves until
    Ctrl-C. Interrupted, it goes on where it was when it is run again.
    """
    if not no_serve:
        refuse_if_taken(HOST, port)
    _prepare(products, orders)
    if not no_serve:
        serve(HOST, port)


@with_app
def _prepare(products: int, orders: int) -> None:
    flask_migrate.upgrade()
    built = list(build())
    if built:
        click.echo(f"{len(built)} indexes built")
    _fill(Wanted(suppliers=150, products=products, customers=1_000, orders=orders))
    password = secrets.token_urlsafe(12)
    news = _let_in(EMAIL, password)
    click.echo(f"{news}\n  email     {EMAIL}\n  password  {password}")
    db.session.remove()
    db.engine.dispose()


def _fill(wanted: Wanted) -> None:
    """Add ``wanted`` to the tables that are empty: an interrupted run may have filled some."""
    for model in (Supplier, Product, Customer, Order):
        if db.session.scalar(select(model.id).limit(1)) is not None:
            wanted = replace(wanted, **{model.__tablename__: 0})
    db.session.rollback()
    if not wanted.total:
        click.echo("the tables hold data already: nothing added")
        return
    added = add(wanted)
    click.echo(
        ", ".join(f"{result.rows:,} {result.table.replace('_', ' ')}" for result in added)
        + " added"
    )


def _let_in(email: str, password: str) -> str:
    """Give ``email`` that password and the role admin, and say what was done."""
    user = find(email)
    if user is None:
        user = User(email=email, role="admin", fs_uniquifier=uuid4().hex, password=hashed(password))
        db.session.add(user)
        tell(email, "create", role=[None, user.role])
        news = "a login was made:"
    else:
        user.password = hashed(password)
        user.fs_uniquifier = uuid4().hex  # ends the sessions of the password before
        tell(user.email, "update", password=["old", "new"])
        news = "the login was there; it has a new password:"
    db.session.commit()
    return news
