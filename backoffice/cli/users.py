"""./manage.py users: who may sign in."""

from __future__ import annotations

import sys
from uuid import uuid4

import click
from email_validator import EmailNotValidError, validate_email
from flask import current_app
from flask_security import hash_password
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from backoffice.cli import fail, with_app
from backoffice.database import db
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
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else _ask()
    user = User(email=email, role=role, fs_uniquifier=uuid4().hex, password=hashed(password))
    db.session.add(user)
    try:
        db.session.commit()
    except IntegrityError:  # somebody else was faster
        fail(f"there is a user {email} already")
    click.echo(f"{email} may sign in as {role}")


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


def _ask() -> str:
    if not sys.stdin.isatty():
        fail("there is no terminal to ask for the password: use --password-stdin")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
