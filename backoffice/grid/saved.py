"""Saved views: tabs above a list, and the page that names, shares and deletes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_login import current_user
from sqlalchemy import BindParameter, CompoundSelect, bindparam, literal, select, union_all
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import NotFound
from wtforms import BooleanField, Field, Form, HiddenField

from backoffice.access import Action, may
from backoffice.database import db
from backoffice.grid.fields import text_field
from backoffice.grid.record import as_id
from backoffice.grid.rules import tell_refusal
from backoffice.grid.settings import SettingsPages, arguments_in
from backoffice.grid.state import ListState
from backoffice.history import add_entry
from backoffice.models import SavedView, User

MOST_VIEWS = 50
"""So many views has one user of one list, and so many tabs a list."""

MOST_SHARED = 200
LONGEST_QUERY = 2_000
LONGEST_NAME: int = SavedView.name.type.length


class ViewForm(Form):
    """A new view: the list's state travels along as ``query``. `tabs.html` has it in plain HTML."""

    name = text_field("Name", SavedView.name)
    shared = BooleanField("Share with everybody")
    columns = BooleanField("Keep the columns shown now")
    query = HiddenField()

    @property
    def shown(self) -> list[Field]:
        """The fields that people see."""
        return [self.name, self.shared, self.columns]


class RenameForm(Form):
    """Another name for a view."""

    name = text_field("Name", SavedView.name)


@dataclass(frozen=True)
class Tab:
    """One view above a list. ``owner`` is empty for one's own, and None for the whole list."""

    name: str
    url: str
    owner: str | None
    is_current: bool


@cache
def visible_views(limit: int) -> CompoundSelect[Any]:
    """A user's own views of a list and those that others shared, ``limit`` of each; unordered.

    Its parameters are ``endpoint`` and ``user``. Two halves, each read by name from its index: an
    OR of both would read everybody's views.
    """
    columns = SavedView.id, SavedView.name, SavedView.query, SavedView.shared
    here = SavedView.list == bindparam("endpoint")
    user_id: BindParameter[int] = bindparam("user")
    own = select(*columns, literal("").label("owner"))
    own = own.where(here, SavedView.user_id == user_id).order_by(SavedView.name)
    others = select(*columns, User.email.label("owner")).join(User, User.id == SavedView.user_id)
    others = others.where(here, SavedView.shared, SavedView.user_id != user_id)
    others = others.order_by(SavedView.name, SavedView.id)
    return union_all(*(select(half.limit(limit).subquery()) for half in (own, others)))


class SavedViewPages(SettingsPages):
    """Adds tabs and the page of views to a list."""

    views_template = "grid/views.html"

    def views(self, limit: int) -> Sequence[Any]:
        """The current user's own by name, then those of others by name."""
        meant = {"endpoint": self.endpoint, "user": current_user.id}
        rows = db.session.execute(visible_views(limit), meant).all()
        return sorted(rows, key=lambda row: (row.owner != "", row.name, row.id))

    def tabs(self, state: ListState) -> list[Tab]:
        """The whole list and its views; the current one is the first that shows ``state``."""
        url, here = state.path, state.query
        rows = self.views(MOST_VIEWS)[:MOST_VIEWS]
        current = next((row for row in rows if row.query == here), None) if here else None
        tabs = [Tab("All", url, None, not here)]
        tabs += [Tab(r.name, f"{url}?{r.query}", r.owner, r is current) for r in rows]
        return tabs

    @expose("/views/", methods=("GET", "POST"))
    def views_view(self) -> Any:
        """The list's views. POST saves one, or with an id changes it."""
        if request.method == "GET":
            return self._show_views()
        act = self._change_view if "id" in request.args else self._save_view
        try:
            return act()
        except StaleDataError:  # another request deleted the view between our reading and writing
            db.session.rollback()
            return act()

    def _save_view(self) -> Any:
        form = ViewForm(request.form)
        state = self.state_of(arguments_in(form.query.data or ""))
        columns = self.shown_columns(state) if form.columns.data else None
        query = replace(state, columns=columns).query
        if form.validate() and self._is_worth_keeping(form, query):
            own = SavedView.user_id == current_user.id, SavedView.list == self.endpoint
            views = {view.name: view for view in db.session.scalars(select(SavedView).where(*own))}
            view = views.get(form.name.data)
            done = "replaced" if view else "saved"
            if view is None and len(views) >= MOST_VIEWS:
                form.form_errors.append(f"You have {MOST_VIEWS} views: delete one first.")
            elif self._keep_view(form, view, query):
                flash(f"View {form.name.data} was {done}.", "success")
                return redirect(f"{self.get_url('.index_view')}?{query}")
        return self._show_views(form), 422

    def _is_worth_keeping(self, form: ViewForm, query: str) -> bool:
        """Whether ``query`` says anything, and briefly; the form tells if not."""
        if not query:
            form.form_errors.append("This is all of the list: search, filter or sort it first.")
        if len(query) > LONGEST_QUERY:
            form.form_errors.append("The search and filters are too long to keep: shorten them.")
        return not form.form_errors

    def _keep_view(self, form: ViewForm, view: SavedView | None, query: str) -> bool:
        view = view or SavedView(user_id=current_user.id, list=self.endpoint, name=form.name.data)
        view.query, view.shared = query, form.shared.data
        db.session.add(view)
        return self._commit_view(form)

    def _change_view(self) -> Any:
        view = self._asked_view()
        do = request.form.get("do")
        if view.user_id != current_user.id and not (
            do == "delete" and may(current_user, Action.ADMINISTER)
        ):
            abort(403)
        if do == "rename":
            return self._rename(view)
        if do == "delete":
            self._delete_view(view)
            says = f"View {view.name} was deleted."
        elif do in ("share", "unshare"):
            view.shared = do == "share"
            says = (
                f"{'Everybody sees' if view.shared else 'Only you see'} the view {view.name} now."
            )
        else:
            abort(400)
        db.session.commit()
        flash(says, "success")
        return redirect(self.get_url(".views_view"))

    def _asked_view(self) -> SavedView:
        """The view that the address names, if it is one that the user can see; else 404."""
        row_id, view = as_id(request.args.get("id", "")), None
        if row_id is not None:
            wanted = SavedView.id == row_id, SavedView.list == self.endpoint
            view = db.session.scalar(select(SavedView).where(*wanted))
        if view is None or not (view.shared or view.user_id == current_user.id):
            raise NotFound("There is no such view; it may have been deleted.")
        return view

    def _rename(self, view: SavedView) -> Any:
        form, row_id = RenameForm(request.form), view.id
        if form.validate():
            before, view.name = view.name, form.name.data
            if self._commit_view(form):
                flash(f"View {before} is called {view.name} now.", "success")
                return redirect(self.get_url(".views_view"))
        return self._show_views(renamed=(row_id, form)), 422

    def _delete_view(self, view: SavedView) -> None:
        db.session.delete(view)
        if view.user_id != current_user.id:
            owner = db.session.scalar(select(User.email).where(User.id == view.user_id))
            add_entry(
                db.session(),
                action="delete",
                table=SavedView.__tablename__,
                label=view.name,
                changes={"list": [view.list, None], "owner": [owner, None]},
                at=datetime.now(UTC),
            )

    def _commit_view(self, form: ViewForm | RenameForm) -> bool:
        """Commit; False when a rule was broken, as by a name twice, which the form then tells."""
        try:
            db.session.commit()
        except IntegrityError as error:
            db.session.rollback()
            tell_refusal(form, SavedView.__tablename__, error)
            return False
        return True

    def _show_views(
        self, form: ViewForm | None = None, renamed: tuple[int, RenameForm | None] = (0, None)
    ) -> str:
        """The page; with the form of a view that could not be saved, or renamed."""
        page: str = self.render(
            self.views_template,
            views=self.views(MOST_SHARED),
            view_form=form,
            renamed=renamed,
            longest_name=LONGEST_NAME,
            may_delete=may(current_user, Action.ADMINISTER),
        )
        return page
