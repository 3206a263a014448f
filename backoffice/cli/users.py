"""./manage.py users: who may sign in."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import click
from email_validator import EmailNotValidError, validate_email
from flask import current_app
from flask_security import hash_password
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from backoffice.cli import fail, with_app
from backoffice.database import begins_reading, db
from backoffice.history import add_entry
from backoffice.models import ROLES, User


@click.group("users")
def command() -> None:
    """Say who may sign in."""


@command.command()
@click.argument("email")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What the user may do.")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin, one line.")
@with_app
def create(email: str, role: str, password_stdin: bool) -> None:
    """Let EMAIL sign in.

    Asks for the password twice unless --password-stdin is given.
    """
    email = valid_email(email)
    if find(email):
        fail(f"there is a user {email} already")
    password = hashed(_read(password_stdin))
    db.session.add(User(email=email, role=role, fs_uniquifier=uuid4().hex, password=password))
    try:
        tell(email, "create", role=[None, role])
        db.session.commit()
    except IntegrityError:  # somebody else was faster
        fail(f"there is a user {email} already")
    click.echo(f"{email} may sign in as {role}")


@command.command("list")
@with_app
def list_() -> None:
    """List the users by email: email, role, and whether they may sign in."""
    statement = select(User.email, User.role, User.active).order_by(User.email)
    with begins_reading(db.engine).connect() as connection:
        users = connection.execute(statement).all()
    width = max((len(email) for email, *_ in users), default=0)
    for email, role, active in users:
        click.echo(f"{email:{width}}  {role:7}  {'active' if active else 'disabled'}")


@command.command()
@click.argument("email")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin, one line.")
@with_app
def password(email: str, password_stdin: bool) -> None:
    """Give EMAIL a new password; who is signed in with the old one no longer is."""
    user = _known(email)
    user.password = hashed(_read(password_stdin))
    user.fs_uniquifier = uuid4().hex  # what sessions know the user by
    _commit(user, password=["old", "new"])
    click.echo(f"{user.email} has a new password")


@command.command()
@click.argument("email")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What the user may do.")
@with_app
def role(email: str, role: str) -> None:
    """Give EMAIL another role, from the next page on."""
    user = _known(email)
    before, user.role = user.role, role
    _commit(user, role=[before, role])
    click.echo(f"{user.email} may sign in as {role}" if user.active else f"{user.email} is {role}")


@command.command()
@click.argument("email")
@with_app
def disable(email: str) -> None:
    """Keep EMAIL out, from the next page on."""
    _activate(email, False)
    click.echo(f"{email.lower()} may not sign in")


@command.command()
@click.argument("email")
@with_app
def enable(email: str) -> None:
    """Let EMAIL in again."""
    _activate(email, True)
    click.echo(f"{email.lower()} may sign in")


def tell(email: str, action: str, **changes: list[Any]) -> None:
    """Write the change of a user into the history, in its transaction; never a password."""
    add_entry(
        db.session(),
        action=action,
        table="users",
        label=email,
        changes=changes,
        at=datetime.now(UTC),
    )


def _known(email: str) -> User:
    return find(email) or fail(f"there is no user {email}: `manage.py users list` lists them")


def _activate(email: str, active: bool) -> None:
    user = _known(email)
    before, user.active = user.active, active
    # A session of before must not live again with the account.
    user.fs_uniquifier = uuid4().hex
    _commit(user, active=[before, active])


def _commit(user: User, **changes: list[Any]) -> None:
    """Save ``user`` and tell of what changed, if anything did."""
    if any(before != after for before, after in changes.values()):
        tell(user.email, "update", **changes)
    db.session.commit()


def valid_email(email: str) -> str:
    """``email`` as it is stored, in lower case; exits 1 when it is none."""
    try:
        # Without deliverability, which asks the network.
        return validate_email(email, check_deliverability=False).normalized.lower()
    except EmailNotValidError as error:
        return str(fail(f"{email} is not an email address: {error}"))


def find(email: str) -> User | None:
    """The user with ``email``, in capitals or not."""
    return db.session.scalar(select(User).where(func.lower(User.email) == email.lower()))


def hashed(password: str) -> str:
    """What is stored of ``password``; exits 1 when it is too short."""
    least = current_app.config["SECURITY_PASSWORD_LENGTH_MIN"]
    # In the form in which the sign-in page will compare it.
    password = current_app.extensions["security"].password_util.normalize(password)
    if len(password) < least:
        fail(f"the password is too short: use at least {least} characters")
    return str(hash_password(password))


def _read(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        fail("there is no terminal to ask for the password: use --password-stdin")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
