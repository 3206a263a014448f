"""Stock starlette-admin with its login page, on a synchronous engine."""

from __future__ import annotations

from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette_admin.auth import AdminUser, AuthProvider
from starlette_admin.contrib.sqla import Admin, ModelView
from starlette_admin.exceptions import LoginFailed
from werkzeug.security import check_password_hash

from tests.benchmarks.peers import tables
from tests.benchmarks.peers.environment import COUNTS, HEADER, URL, Counter
from tests.benchmarks.staff import SECRET

engine = create_engine(URL)
counter = Counter()


class Logins(AuthProvider):
    async def login(
        self, username: str, password: str, remember_me: bool, request: Request
    ) -> None:
        with Session(engine) as session:
            user = session.scalar(select(tables.User).filter_by(email=username))
        if user is None or not check_password_hash(user.password, password):
            raise LoginFailed("wrong")
        request.session["user"] = user.id

    async def authenticate(self, request: Request) -> AdminUser | None:
        user_id = request.session.get("user")
        user = user_id and request.state.session.get(tables.User, user_id)
        return AdminUser(username=user.email) if user else None

    async def logout(self, request: Request) -> None:
        request.session.clear()


class ProductView(ModelView):
    fields = ("id", "sku", "name", "supplier", "price", "stock", "active", "updated_at")
    searchable_fields = ("sku", "name")
    sortable_fields = ("sku", "name", "price", "updated_at")
    page_size = 50


class SayCost(BaseHTTPMiddleware):
    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        response.headers[HEADER] = counter.read()
        return response


app = Starlette(middleware=[Middleware(SayCost)] if COUNTS else [])
if COUNTS:
    counter.watch(engine)
admin = Admin(
    engine,
    auth_provider=Logins(),
    secret_key=SECRET,
    middlewares=[Middleware(SessionMiddleware, secret_key=SECRET)],
)
admin.add_view(ProductView(tables.Product))
admin.add_view(ModelView(tables.Supplier))
admin.mount_to(app)
