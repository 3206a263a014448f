"""The Django admin: settings and application."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import django
from django.apps import AppConfig
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import connection

from tests.benchmarks.peers.environment import COUNTS, HEADER, URL, Counter
from tests.benchmarks.staff import EMAIL, PASSWORD, SECRET

DATABASE: dict[str, Any] = {"ENGINE": "django.db.backends.sqlite3", "NAME": URL.database}
if URL.drivername != "sqlite":
    DATABASE = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": URL.database,
        "USER": URL.username,
        "HOST": URL.query["host"],
        "OPTIONS": {"options": URL.query.get("options", "")},
        "CONN_MAX_AGE": 600,
    }


class Catalog(AppConfig):
    name = "tests.benchmarks.peers"
    label = "catalog"


def count_statements(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    counter = Counter()

    def count(execute: Any, *call: Any) -> Any:
        counter.note()
        return execute(*call)

    def middleware(request: Any) -> Any:
        with connection.execute_wrapper(count):
            response = get_response(request)
        response[HEADER] = counter.read()
        return response

    return middleware


settings.configure(
    SECRET_KEY=SECRET,
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF="tests.benchmarks.peers.django_admin",
    DATABASES={"default": DATABASE},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    TIME_ZONE="UTC",
    USE_TZ=True,
    STATIC_URL="static/",
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.staticfiles",
        f"{__name__}.Catalog",
    ],
    MIDDLEWARE=[
        *([f"{__name__}.count_statements"] if COUNTS else []),
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
)
django.setup()


# Models can be made only after the set-up.
from tests.benchmarks.peers import django_admin  # noqa: E402, F401

app = get_wsgi_application()


def make_tables_of_its_own() -> None:
    """Sessions, users and the like, with one member of staff."""
    call_command("migrate", verbosity=0)
    users = get_user_model().objects
    if not users.filter(username=EMAIL).exists():
        users.create_superuser(EMAIL, EMAIL, PASSWORD)


if __name__ == "__main__":
    make_tables_of_its_own()
