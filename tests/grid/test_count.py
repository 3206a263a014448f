"""Counts that stop: exact as far as a page may count, "at least" beyond."""

import pytest
from sqlalchemy import insert, select

from backoffice.database import db
from backoffice.grid.count import LIMIT, Count, count_up_to
from backoffice.models import Category
from tests.pages import visit


class TestCount:
    @pytest.mark.parametrize(("rows", "says"), [(0, "0"), (2, "2"), (3, "3"), (4, "3+"), (9, "3+")])
    def test_is_exact_up_to_its_limit(self, make, session, rows, says):
        if rows:
            make.categories(rows)

        assert str(count_up_to(session, select(Category.id), limit=3)) == says

    def test_ignores_the_order(self, make, session, statements):
        make.categories(2)

        with statements() as ran:
            count = count_up_to(session, select(Category.id).order_by(Category.name))

        assert count == Count(2, exact=True)
        assert "ORDER BY" not in ran[0]

    def test_of_a_list_is_exact_up_to_ten_thousand(self, app, client):
        with app.app_context():
            rows = [{"name": f"Category {n}"} for n in range(LIMIT)]
            db.session.execute(insert(Category), rows)
            db.session.commit()
        full = visit(client, "/admin/categories/")
        with app.app_context():
            db.session.execute(insert(Category), [{"name": "one more"}])
            db.session.commit()

        over = visit(client, "/admin/categories/")

        assert "50 of 10,000 " in full.text
        assert "50 of 10,000+" in over.text
        assert "10,000+ in all" in over.text
