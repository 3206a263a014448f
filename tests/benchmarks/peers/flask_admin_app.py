"""Stock Flask-Admin behind Flask-Login, on Flask-SQLAlchemy."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, redirect, request
from flask_admin import Admin
from flask_admin.contrib.sqla import ModelView
from flask_login import LoginManager, UserMixin, current_user, login_user
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import select
from werkzeug.security import check_password_hash

from tests.benchmarks.peers import tables
from tests.benchmarks.peers.environment import COUNTS, HEADER, URL, Counter
from tests.benchmarks.staff import SECRET

app = Flask(__name__)
app.config.update(SECRET_KEY=SECRET, SQLALCHEMY_DATABASE_URI=URL)
db = SQLAlchemy(app, model_class=tables.Base)
logins = LoginManager(app)


class SignedIn(UserMixin):
    def __init__(self, user: tables.User) -> None:
        self.id = user.id


@logins.user_loader
def load_user(user_id: str) -> SignedIn | None:
    user = db.session.get(tables.User, int(user_id))
    return user and SignedIn(user)


@app.route("/login", methods=["GET", "POST"])
def login() -> Any:
    if request.method == "GET":
        return "<form method=post><input name=email><input name=password type=password></form>"
    user = db.session.scalar(select(tables.User).filter_by(email=request.form["email"]))
    if user is None or not check_password_hash(user.password, request.form["password"]):
        return "wrong", 403
    login_user(SignedIn(user))
    return redirect("/admin/")


class StaffView(ModelView):
    page_size = 50

    def is_accessible(self) -> bool:
        return current_user.is_authenticated


class ProductView(StaffView):
    # "supplier" and not "supplier.name": only so does Flask-Admin join it by itself.
    column_list = ("sku", "name", "supplier", "price", "stock", "active", "updated_at")
    column_searchable_list = ("sku", "name")
    column_sortable_list = ("sku", "name", "price", "stock", "updated_at")
    column_filters = ("supplier.code", "active")


class OrderView(StaffView):
    column_list = ("number", "customer", "status", "placed_at", "lines", "total")
    column_searchable_list = ("number",)
    column_formatters = {
        "lines": lambda _view, _context, order, _name: len(order.lines),
        "total": lambda _view, _context, order, _name: sum(line.amount for line in order.lines),
    }


admin = Admin(app)
admin.add_view(ProductView(tables.Product, db, endpoint="products"))
admin.add_view(StaffView(tables.Supplier, db, endpoint="suppliers"))
admin.add_view(OrderView(tables.Order, db, endpoint="orders"))

if COUNTS:
    counter = Counter()
    with app.app_context():
        counter.watch(db.engine)

    @app.after_request
    def say_cost(response: Response) -> Response:
        response.headers[HEADER] = counter.read()
        return response
