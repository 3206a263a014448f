"""The page of a search: the same rows by whichever way they are found."""

import pytest
from sqlalchemy import delete, insert, select, text, update

from backoffice.database import db
from backoffice.grid import count, page
from backoffice.grid.page import Wanted, fetch
from backoffice.models import Order, Product
from tests.grid.sections import first, views
from tests.grid.test_keyset import sorts_of
from tests.pages import visit

SIZE = 4


@pytest.fixture(autouse=True)
def makes_statements_anew():
    """Each test has limits of its own, which statements kept from others would not have."""
    page.page_statement.cache_clear()
    yield
    page.page_statement.cache_clear()


@pytest.fixture
def lamps(app, make):
    """Sixty products with many ties, of which every third is a lamp."""
    supplier = first(make, "suppliers", code="ACME", name="Acme")
    rows = [
        {
            "sku": f"S{n:02}",
            "name": f"{'Lamp' if n % 3 == 0 else 'Cup'} {n % 7}",
            "supplier_id": supplier,
            "price": n % 5,
            "active": n % 2 == 0,
        }
        for n in range(60)
    ]
    with app.app_context():
        db.session.execute(insert(Product), rows)
        db.session.commit()


def walk(view, sort, terms, filters=(), limit=10_000):
    """The ids of a search, page by page, and the counts that the pages told."""
    position, ids, totals = page.Position(), [], set()
    while True:
        wanted = Wanted(
            model=view.model,
            sort=sort,
            position=position,
            size=SIZE,
            filters=filters,
            search=view.search,
            terms=view.search.terms(terms),
        )
        found, total = fetch(db.session(), type(view).statement(), wanted, limit)
        ids += [row.id for row in found.rows]
        totals.add(str(total))
        if found.after is None:
            return ids, totals
        position = page.Position(found.after)


def expected(view, sort, *conditions):
    ordered = [c.desc() if sort.descending else c.asc() for c in sort.columns]
    return list(db.session.scalars(select(view.model.id).where(*conditions).order_by(*ordered)))


class TestSearch:
    @pytest.mark.parametrize(
        ("limit", "walked"),
        [(10_000, 20_000), (20, 20_000), (19, 20_000), (5, 20), (5, 3), (5, 1)],
        ids=["few", "just few", "just many", "a walk too short", "far too short", "none"],
    )
    def test_shows_each_hit_once_in_order(self, app, lamps, monkeypatch, limit, walked):
        monkeypatch.setattr(page, "WALKED", walked)
        view = views(app)["products"]

        with app.app_context():
            for sort in sorts_of(view):
                ids, totals = walk(view, sort, "lamp", limit=limit)
                assert ids == expected(view, sort, Product.name.like("Lamp%")), sort
                assert totals == {"20"} if limit >= 20 else {f"{limit}+"}

    @pytest.mark.parametrize("limit", [10_000, 3])
    def test_goes_together_with_filters(self, app, lamps, limit):
        view = views(app)["products"]
        tests = view.tests
        with app.app_context():
            dialect = db.session.get_bind().dialect.name
            for given, holds in (
                ({"active": "no"}, Product.active.is_(False)),
                ({"supplier": "ACME", "price.from": "2"}, Product.price >= 2),
                ({"name.contains": "p 6"}, Product.name.like("%6")),
                ({"reorder": "yes"}, Product.active & (Product.stock <= Product.reorder_level)),
            ):
                conditions = tuple(
                    tests[name].narrowed((value,), dialect) for name, value in given.items()
                )
                ids, _ = walk(view, view.default_sort, "lamp", conditions, limit)
                is_lamp = Product.name.like("Lamp%")
                assert ids == expected(view, view.default_sort, is_lamp, holds), given

    @pytest.mark.parametrize(
        ("limit", "walked"),
        [(10_000, 20_000), (5, 20_000), (5, 3)],
        ids=["few", "many", "a walk too short"],
    )
    def test_is_a_filters_too(self, app, lamps, monkeypatch, limit, walked):
        monkeypatch.setattr(page, "WALKED", walked)
        view = views(app)["products"]
        tests = view.tests
        with app.app_context():
            dialect = db.session.get_bind().dialect.name
            for given, holds in (
                ({"price.from": "2"}, Product.price >= 2),
                ({"price.from": "2", "price.to": "2"}, Product.price == 2),
                ({"price.from": "9"}, Product.price >= 9),
                ({"active": "no"}, Product.active.is_(False)),
                ({"supplier": "ACME"}, Product.sku.is_not(None)),
                ({"supplier": "ACME", "updated_at.from": "2000-01-01"}, Product.sku.is_not(None)),
                ({"name.begins": "Lamp"}, Product.name.like("Lamp%")),
                ({"name.contains": "amp 3"}, Product.name == "Lamp 3"),
            ):
                conditions = tuple(
                    tests[name].narrowed((value,), dialect) for name, value in given.items()
                )
                for sort in (view.default_sort, view.sorts["price"], view.sorts["sku"]):
                    ids, _ = walk(view, sort, "", conditions, limit)
                    assert ids == expected(view, sort, holds), (given, sort)

    @pytest.mark.parametrize("limit", [10_000, 3])
    def test_of_short_and_tied_terms_is_found_either_way(self, app, lamps, limit):
        view = views(app)["products"]

        with app.app_context():
            for terms, holds in (
                ("la", Product.name.like("Lamp%")),
                ("sku:s1 name:lamp", Product.sku.like("S1%") & Product.name.like("Lamp%")),
                ("supplier:acme cup", Product.name.like("Cup%")),
            ):
                ids, _ = walk(view, view.default_sort, terms, limit=limit)
                assert ids == expected(view, view.default_sort, holds), terms

    @pytest.mark.parametrize("limit", [10_000, 3])
    def test_over_a_sort_with_empty_values(self, app, make, limit):
        shipped = make.orders(4, lines=0)
        waiting = make.orders(5, lines=0)
        with app.app_context():
            sent = update(Order).where(Order.id.in_(shipped)).values(shipped_at=Order.placed_at)
            db.session.execute(sent)
            db.session.commit()
            view = views(app)["orders"]

            for descending in (False, True):
                sort = view.sorts["shipped_at"].turned(descending)
                ids, _ = walk(view, sort, "ord", limit=limit)
                way = -1 if descending else 1
                assert ids == shipped[::way] + waiting[::way]

    def test_costs_one_statement_more_only_where_the_walk_found_too_little(
        self, app, lamps, statements, monkeypatch
    ):
        view = views(app)["products"]
        with app.app_context():
            sort = view.default_sort
            with statements() as ran:
                walk(view, sort, "lamp")
            assert len([sql for sql in ran if not sql.startswith("EXPLAIN")]) == 5
            with statements() as ran:
                walk(view, sort, "lamp", limit=3)
            pages = [sql for sql in ran if not sql.startswith("EXPLAIN")]
            assert len(pages) == 5 + 1  # the last page is as short as a walk that found too little


class TestCommonTerms:
    """On PostgreSQL the planner's sample tells of a word that it is common."""

    @pytest.fixture
    def analyzed(self, app, lamps):
        with app.app_context(), db.engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                pytest.skip("about PostgreSQL")
            connection.execute(text("ANALYZE products"))
        yield
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(text("TRUNCATE products CASCADE"))

    @pytest.mark.parametrize("walked", [20_000, 3])
    def test_are_not_counted_but_found_all_the_same(
        self, app, analyzed, statements, monkeypatch, walked
    ):
        monkeypatch.setattr(page, "WALKED", walked)
        view = views(app)["products"]

        with app.app_context():
            for sort in sorts_of(view):
                with statements() as ran:
                    ids, totals = walk(view, sort, "lamp", limit=2)
                assert ids == expected(view, sort, Product.name.like("Lamp%")), sort
                assert "about" in totals.pop()
                assert not totals
                pages = [sql for sql in ran if not sql.startswith("EXPLAIN")]
                assert walked == 3 or not any("hits" in sql for sql in pages[:-1])

    def test_are_counted_where_they_are_rare_or_the_table_small(self, app, analyzed, statements):
        view = views(app)["products"]

        with app.app_context():
            for terms, limit in (("lamp", 10_000), ("lamp", 10), ("S00", 3)):
                _, totals = walk(view, view.default_sort, terms, limit=limit)
                assert not any("about" in total for total in totals)


class TestCount:
    @pytest.fixture(autouse=True)
    def forgets_statistics(self, app):
        yield
        with app.app_context(), db.engine.begin() as connection:
            is_sqlite = connection.dialect.name == "sqlite"
            forget = "DELETE FROM sqlite_stat1" if is_sqlite else "TRUNCATE products CASCADE"
            connection.execute(text(forget))

    def test_of_a_far_larger_list_is_not_taken(self, app, client, make, monkeypatch):
        make.products(60)
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(text("ANALYZE products"))
            connection.execute(delete(Product).where(Product.price > 3))
        monkeypatch.setattr(fetch, "__defaults__", (5,))
        monkeypatch.setattr(count, "FAR", 11)

        assert "about 60 in all" in visit(client, "/admin/products/").text

    def test_of_a_large_list_is_the_planners(self, app, client, make, monkeypatch):
        make.products(60)
        monkeypatch.setattr(fetch, "__defaults__", (40,))
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(text("ANALYZE products"))

        page_ = visit(client, "/admin/products/?page_size=25")
        narrowed = visit(client, "/admin/products/?page_size=25&active=yes")
        exact = visit(client, "/admin/products/?page_size=25&totals=1")

        assert "about 60 in all" in page_.text
        assert "40+ matches" in narrowed.text
        assert "60 in all" in exact.text
        assert "about" not in exact.text
