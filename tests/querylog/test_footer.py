"""The foot of a page, for admins: what it asked, and which statement it asked over and over."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Blueprint, render_template
from sqlalchemy import text

from backoffice.database import db
from backoffice.grid.view import GridView
from backoffice.models import User
from backoffice.querylog.record import asked_in

LIST = "/admin/products/"


def foot(page):
    """The words of the page's foot and its address."""
    found = re.search(r'<p class="cost">(.*?)</p>', page.text, re.DOTALL)
    words = " ".join(re.sub(r"<[^>]+>", " ", found[1]).split())
    link = re.search(r'href="([^"]+)"', found[1])
    return words, link and link[1].replace("&amp;", "&")


@pytest.fixture
def planted(monkeypatch):
    """The list asks for something once a row."""
    run = GridView.run

    def run_and_ask(view, state):
        listing = run(view, state)
        for row in listing.page.rows:
            ask(row.id)
        return listing

    namespace = {"db": db, "text": text, "__name__": "backoffice.planted"}
    code = compile(
        "def ask(key):\n    db.session.execute(text('SELECT name FROM products WHERE id = :id'), "
        "{'id': key}).all()\n",
        "backoffice/planted.py",
        "exec",
    )
    exec(code, namespace)
    ask = namespace["ask"]
    monkeypatch.setattr(GridView, "run", run_and_ask)


class TestFoot:
    def test_says_what_was_read_for_what_is_shown(self, client, make):
        make.products(7)

        words, _ = foot(client.get(LIST))

        assert re.fullmatch(r"\d statements, \d+\.\d ms, \d+ rows read for 7 shown", words), words

    def test_a_page_that_shows_no_rows_says_what_was_read(self, client, make):
        (product,) = make.products(1)

        words, _ = foot(client.get(f"{LIST}details/?id={product}"))

        assert re.fullmatch(r"\d+ statements, \d+\.\d ms, \d+ rows? read", words), words

    def test_is_for_admins(self, sign_in, make):
        make.products(1)

        assert '<p class="cost">' not in sign_in("manager").get(LIST).text

    def test_names_the_line_that_asks_over_and_over(self, client, make, planted):
        make.products(6)

        page = client.get(LIST)

        words, _ = foot(page)
        assert "N+1: one statement 6 times at backoffice/planted.py:2" in words
        assert 'class="badge bad"' in page.text

    def test_four_times_are_not_over_and_over(self, client, make, planted):
        make.products(4)

        page = client.get(LIST)

        assert "N+1" not in foot(page)[0]
        assert 'class="badge bad"' not in page.text


class TestLink:
    def test_lists_the_statements_of_the_page(self, new_app, monkeypatch):
        app = new_app("sqlite")
        if "performance.statements_view" not in app.view_functions:
            pages = Blueprint("performance", __name__)
            pages.add_url_rule("/admin/performance/statements/", "statements_view", lambda: "")
            app.register_blueprint(pages)
        seen = []
        with app.test_request_context(LIST):
            app.preprocess_request()
            for i in range(60):
                db.session.execute(text(f"SELECT 'a' AS column_{'x' * i}")).all()
            db.session.execute(text("SELECT 1 UNION SELECT 2")).all()
            from flask import g  # noqa: PLC0415

            seen = asked_in(g.query_record)
            user = User(email="a@example.com", role="admin")
            page = render_template("cost.html", current_user=user)
            db.session.rollback()

        asked = parse_qs(
            urlsplit(re.search(r'href="([^"]+)"', page)[1].replace("&amp;", "&")).query
        )

        assert asked["page"] == [LIST]
        assert len(asked["s"]) == 40
        listed = [one.split(".") for one in asked["s"]]
        assert {one[0] for one in listed} <= {one.fingerprint for one in seen}
        assert all(int(calls) == 1 for _, calls, _, _ in listed)
        assert [int(us) for _, _, us, _ in listed] == sorted(
            (int(us) for _, _, us, _ in listed), reverse=True
        )


def test_rows_are_counted_however_they_are_fetched(client, app, make):
    make.products(5)
    asked = text("SELECT id FROM products")
    with app.test_request_context(LIST):
        app.preprocess_request()
        from backoffice.querylog import cost_of_request  # noqa: PLC0415

        counts = []
        for fetch in (
            lambda result: result.all(),
            list,
            lambda result: result.first(),
            lambda result: result.fetchmany(3),
        ):
            before = cost_of_request().rows
            fetch(db.session.execute(asked))
            counts.append(cost_of_request().rows - before)
        db.session.rollback()
        kind = db.engine.dialect.name

    # PostgreSQL sends all of them at once.
    assert counts == ([5, 5, 1, 3] if kind == "sqlite" else [5, 5, 5, 5])
