"""Every page, a save and signing in while Redis is refused, frozen or slow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median
from time import perf_counter, sleep

import pytest
from flask import Flask
from flask_security import hash_password

from backoffice import cache
from backoffice.database import Base, db
from tests.conftest import forget_tries
from tests.pages import Page, save
from tests.redis_server import RedisServer, SlowLine
from tests.test_sign_in import PASSWORD, add_user
from tests.test_sign_in import sign_in as try_to_sign_in

SAYS = "The cache does not answer"

REST = 0.5
"""Seconds until Redis is looked at again; sooner than in production."""

ADDED = 0.1
"""Seconds that a page may take longer, by the median of three."""

CHANCE = 3.0
"""What a single request may take longer still: a busy machine stalls one for a second or more, and
who waited for a frozen Redis without a limit would wait for ever.
"""


@dataclass
class Site:
    """An application whose Redis falls silent and comes back."""

    app: Flask
    silence: Callable[[], None]
    heal: Callable[[], None]


@pytest.fixture(scope="module", params=["refused", "frozen", "slow"])
def site(
    request: pytest.FixtureRequest,
    new_app: Callable[..., Flask],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("redis")
    redis = RedisServer(folder)
    line = SlowLine(folder, redis)

    def late(seconds: float) -> Callable[[], None]:
        return lambda: setattr(line, "seconds", seconds)

    silence, heal = {
        "refused": (redis.stop, redis.start),
        "frozen": (redis.freeze, redis.thaw),
        "slow": (late(0.2), late(0)),
    }[request.param]
    app = new_app("sqlite", redis_url=line.url if request.param == "slow" else redis.url)
    yield Site(app, silence, heal)
    line.cut()
    redis.stop()


@pytest.fixture
def app(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """The site's application with empty tables and a Redis that answers."""
    monkeypatch.setattr("backoffice.cache.breaker.REST_SECONDS", REST)
    yield site.app
    site.heal()
    with site.app.app_context():
        while cache.state():
            sleep(0.05)
        db.session.rollback()
        with db.engine.begin() as connection:
            for table in reversed(Base.metadata.sorted_tables):
                connection.execute(table.delete())
    forget_tries(site.app)


def timed(client, address: str) -> tuple[str, float]:
    start = perf_counter()
    answer = client.get(address, follow_redirects=True)
    seconds = perf_counter() - start
    assert answer.status_code == 200, address
    return answer.text, seconds


class TestAPage:
    def test_answers_hardly_later_and_says_so(self, site, client, make):
        [order] = make.orders()
        menu = next(Page(client.get("/admin/")).root.all("nav"))
        addresses = [link.get("href") for link in menu.all("a")]
        addresses += [f"/admin/orders/{view}/?id={order}" for view in ("details", "edit")]
        healthy = {
            address: median(timed(client, address)[1] for _ in range(3)) for address in addresses
        }
        assert SAYS not in client.get("/admin/").text

        site.silence()
        later: dict[str, list[float]] = {address: [] for address in addresses}
        for _ in range(3):
            for address in addresses:
                later[address].append(timed(client, address)[1] - healthy[address])

        for address, seconds in later.items():
            assert median(seconds) < ADDED, address
            assert max(seconds) < ADDED + CHANCE, address
        assert sum(map(median, later.values())) / len(addresses) < ADDED / 2
        assert all(SAYS in timed(client, address)[0] for address in addresses)

    def test_says_so_to_everybody_and_on_errors(self, site, sign_in):
        viewer, nobody = sign_in("viewer"), site.app.test_client()
        site.silence()
        viewer.get("/admin/")

        assert SAYS in viewer.get("/admin/products/").text
        assert SAYS in viewer.get("/admin/products/details/?id=7").text
        assert nobody.get("/login").status_code == 200

    def test_is_saved(self, site, client, make):
        [product] = make.products()

        site.silence()
        start = perf_counter()
        saved = save(client, "products", product, {"name": "Bolt"})
        seconds = perf_counter() - start

        assert saved.status == 302
        assert seconds < 2 * (ADDED + CHANCE)  # the form and the save
        assert "Bolt" in client.get("/admin/products/").text

    def test_says_it_no_more_when_redis_answers_again(self, site, client):
        site.silence()
        client.get("/admin/")
        assert SAYS in client.get("/admin/products/").text

        site.heal()
        sleep(REST)
        client.get("/admin/products/")

        assert SAYS not in client.get("/admin/products/").text


class TestSigningIn:
    @pytest.fixture
    def hashed(self, app) -> str:
        with app.test_request_context():
            return hash_password(PASSWORD)

    def test_lets_all_in_who_are_waiting_when_redis_falls_silent(self, site, app, hashed):
        people = [f"person{number}@example.com" for number in range(6)]
        for person in people:
            add_user(app, hashed, person)
        site.silence()

        def status(person: str) -> int:
            return try_to_sign_in(app.test_client(), person).status_code

        with ThreadPoolExecutor(len(people)) as threads:
            assert list(threads.map(status, people)) == [302] * len(people)

    def test_takes_hardly_longer(self, site, app, hashed):
        add_user(app, hashed, "ann@example.com")

        def seconds() -> float:
            start = perf_counter()
            assert try_to_sign_in(app.test_client(), "ann@example.com").status_code == 302
            return perf_counter() - start

        seconds()
        healthy = median(seconds() for _ in range(2))
        site.silence()

        assert seconds() - healthy < ADDED + CHANCE
        assert seconds() - healthy < ADDED + CHANCE
