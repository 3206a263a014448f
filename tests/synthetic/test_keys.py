"""Keys that nobody else gets."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import insert

from backoffice.database import db
from backoffice.models import Supplier
from backoffice.synthetic.keys import reserve


@pytest.mark.parametrize("app", ["postgresql"], indirect=True)
class TestReserve:
    def test_gives_no_key_twice_while_people_and_other_runs_add_rows(self, app):
        taken = []

        def run(_number):
            with app.app_context():
                for _ in range(40):
                    with db.engine.begin() as connection:
                        first = reserve(connection, "suppliers", 10)
                    taken.extend(range(first, first + 10))

        def staff(number):
            with app.app_context():
                for turn in range(100):
                    code = f"{number}-{turn}"
                    made = insert(Supplier).values(code=code, name=code).returning(Supplier.id)
                    with db.engine.begin() as connection:
                        taken.append(connection.scalar(made))

        with ThreadPoolExecutor(4) as threads:
            work = [threads.submit(do, n) for do in (run, staff) for n in range(2)]
            for one in work:
                one.result()

        assert len(taken) == len(set(taken)) == 1_000
