"""What is cached is for everybody: no answer tells one of the others who asked."""

from itertools import permutations

import pytest

from backoffice.cache import clear
from backoffice.models import ROLES

ADDRESSES = ("/admin/", "/admin/?period=7d", "/admin/reports/products/")


@pytest.fixture
def browsers(app, sign_in):
    """Role -> a signed-in browser; and one in which nobody is."""
    return {**{role: sign_in(role) for role in ROLES}, "nobody": app.test_client()}


@pytest.mark.parametrize("address", ADDRESSES)
def test_everybody_gets_his_own_page_whoever_asked_first(app, browsers, make, address):
    make.orders(2)
    seen = {}

    for order in permutations(browsers):
        with app.app_context():
            clear()
        for role in order[:3]:  # whom a fourth could be taken for, one of these could be
            answer = browsers[role].get(address)
            if role == "nobody":
                assert answer.status_code == 302
                assert "/login" in answer.headers["Location"]
                assert "Revenue" not in answer.text
                continue
            assert answer.status_code == 200
            assert f"{role}@example.com" in answer.text
            others = [f"{other}@example.com" for other in ROLES if other != role]
            assert not [other for other in others if other in answer.text]
            assert ('<p class="cost">' in answer.text) is (role == "admin")
            assert answer.headers["Cache-Control"] == "no-store"
            seen.setdefault(role, set()).add(answer.status_code)

    assert set(seen) == set(ROLES)


def test_a_refusal_is_not_kept(browsers, make):
    """Somebody who may not see a page asks first; who may is shown it all the same."""
    make.orders(1)

    for first, then in (("nobody", "viewer"), ("viewer", "nobody"), ("nobody", "admin")):
        answers = [browsers[role].get("/admin/").status_code for role in (first, then)]
        assert answers == [302 if role == "nobody" else 200 for role in (first, then)]
