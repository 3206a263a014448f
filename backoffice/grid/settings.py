"""How one user sees one list: which columns in which order, how many rows, how close together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_login import current_user
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from backoffice.database import Rows, db
from backoffice.grid import render
from backoffice.grid.record import RecordPages
from backoffice.grid.state import DEFAULT_PAGE_SIZE, PAGE_SIZES, ListState, only_of
from backoffice.models import User

DENSITIES = ("comfortable", "compact")


@dataclass(frozen=True)
class ListSettings:
    """What a user chose for a list, or what is usual there."""

    columns: tuple[str, ...]
    page_size: int = DEFAULT_PAGE_SIZE
    density: str = DENSITIES[0]

    def other_than(self, usual: ListSettings) -> dict[str, Any]:
        """What differs from ``usual``, for JSON; the rest follows it, should it change."""
        return {k: v for k, v in asdict(self).items() if v != getattr(usual, k)}


def read_settings(kept: Any, usual: ListSettings, offered: Collection[str]) -> ListSettings:
    """The settings in a user's preferences; what makes no sense any more is as ``usual``."""
    if not isinstance(kept, Mapping):
        return usual
    columns = only_of(kept.get("columns") or (), offered)
    size, density = kept.get("page_size"), kept.get("density")
    return ListSettings(
        columns or usual.columns,
        size if size in PAGE_SIZES else usual.page_size,
        density if density in DENSITIES else usual.density,
    )


def keep_settings(session: Session, user_id: int, endpoint: str, kept: dict[str, Any]) -> None:
    """Put ``kept`` in a user's preferences for one list; the caller commits."""
    # Locked: a second window may keep those of another list in the same moment.
    mine = select(User.preferences).where(User.id == user_id).with_for_update()
    preferences = {k: v for k, v in (session.scalar(mine) or {}).items() if k != endpoint}
    if kept:
        preferences[endpoint] = kept
    statement = update(User).where(User.id == user_id)
    # The account itself did not change.
    statement = statement.values(preferences=preferences, updated_at=User.updated_at)
    session.execute(statement, execution_options={"synchronize_session": False})


def arguments_in(query: str) -> MultiDict[str, str]:
    """The arguments that an address carries within one of its own, or a stored one."""
    pairs = parse_qsl(query)
    if any("\0" in text for pair in pairs for text in pair):
        abort(400)  # as `shell.refuse_nul` does with those of the address itself
    return MultiDict(pairs)


class SettingsPages(RecordPages):
    """Adds the page that chooses columns, rows a page and density of a list."""

    settings_template = "grid/settings.html"

    column_optional_list: ClassVar[tuple[str, ...]] = ()
    """Columns that ``statement`` has and that only those see who choose them."""
    phone_columns: ClassVar[tuple[str, ...]] = ()
    """The columns that a row keeps on a phone, by default the first three.

    Of the others the last go first where a page is narrow: list them by what they matter.
    """

    # What the declaring view adds.
    statement: ClassVar[Callable[[], Rows]]
    column_list: Any
    column_labels: Any
    state_of: Any

    @property
    def offered(self) -> tuple[str, ...]:
        """All columns that can be shown."""
        return (*self.column_list, *self.column_optional_list)

    def settings(self) -> ListSettings:
        """Those of the current user."""
        kept = (getattr(current_user, "preferences", None) or {}).get(self.endpoint)
        return read_settings(kept, ListSettings(tuple(self.column_list)), self.offered)

    def shown_columns(self, state: ListState) -> tuple[str, ...]:
        """Those that the address names, else the user's; the key is always among them."""
        names = state.columns or self.settings().columns
        return names if self.key_column in names else (self.key_column, *names)

    @cached_property
    def columns_for(self) -> Callable[[tuple[str, ...]], tuple[render.Column, ...]]:
        """The columns of these names as they are shown; known of the choices that are in use."""
        # Bounded: by the address anybody can make up as many choices as they like.
        return lru_cache(maxsize=128)(self._columns_for)

    def _columns_for(self, names: tuple[str, ...]) -> tuple[render.Column, ...]:
        usual = self.phone_columns or self.column_list[:3]
        first = sorted(names, key=lambda name: name not in usual)
        title = self.title_column if self.title_column in names else self.key_column
        statement = type(self).statement()
        return render.columns_of(statement, names, self.column_labels, first[: len(usual)], title)

    def rows_statement(self, state: ListState) -> Rows:
        """What the list selects, narrowed to the columns shown.

        The outer joins that only other columns need stay, and cost nothing: both databases leave
        out one by a unique key that nothing is taken from.
        """
        return self._narrowed(self.shown_columns(state))

    @cached_property
    def _narrowed(self) -> Callable[[tuple[str, ...]], Rows]:
        """The statement for these columns: the same each time, so that what builds on it is."""

        def narrowed(names: tuple[str, ...]) -> Rows:
            statement = type(self).statement()
            selected = statement.selected_columns
            return statement.with_only_columns(*(selected[name] for name in ("id", *names)))

        return lru_cache(maxsize=128)(narrowed)

    @expose("/columns/", methods=("GET", "POST"))
    def columns_view(self) -> Any:
        """Columns, rows a page and density: of the current user alone."""
        if request.method == "GET":
            state = self.state_of(arguments_in(request.args.get("list", "")))
            shown = self.shown_columns(state)
            return self._show_settings(only_of((*shown, *self.offered), self.offered), shown)
        if "reset" in request.form:
            return self._keep_settings({}, "The list of {} is as usual again.")
        order = only_of((*request.form.getlist("order"), *self.offered), self.offered)
        shown = only_of((self.key_column, *request.form.getlist("shown")), self.offered)
        for step, direction in ((-1, "up"), (1, "down")):
            if name := request.form.get(direction):
                return self._show_settings(moved(order, name, step), shown, (name, direction))
        usual = ListSettings(tuple(self.column_list))
        chosen = self._chosen(tuple(name for name in order if name in shown))
        return self._keep_settings(chosen.other_than(usual), "The list of {} is as you set it.")

    def _chosen(self, columns: tuple[str, ...]) -> ListSettings:
        """``columns`` with the rest of the form; 400 for what no form of ours sends."""
        size, density = request.form.get("page_size", ""), request.form.get("density")
        sizes = {str(size): size for size in PAGE_SIZES}
        if size not in sizes or density not in DENSITIES:
            abort(400)
        return ListSettings(columns, sizes[size], density)

    def _keep_settings(self, kept: dict[str, Any], says: str) -> Any:
        keep_settings(db.session(), current_user.id, self.endpoint, kept)
        db.session.commit()
        flash(says.format(self.name.lower()), "success")  # type: ignore[attr-defined]
        # The list as it was left, but for what would hide what was set just now.
        state = self.state_of(arguments_in(request.args.get("list", "")))
        return redirect(replace(state, columns=None, page_size=state.usual_page_size).url())

    def _show_settings(
        self, order: tuple[str, ...], shown: Collection[str], moved: tuple[str, str] = ("", "")
    ) -> Any:
        """The form; ``moved`` names the column and the button that was just pressed."""
        settings = self.settings()
        return self.render(
            self.settings_template,
            columns=[
                (name, render.label_of(name, self.column_labels), name in shown) for name in order
            ],
            moved=moved,
            page_size=request.form.get("page_size", str(settings.page_size)),
            density=request.form.get("density", settings.density),
            page_sizes=PAGE_SIZES,
            densities=DENSITIES,
        )


def moved(order: tuple[str, ...], name: str, step: int) -> tuple[str, ...]:
    """``order`` with one column a place further up or down, as far as there is one."""
    names = list(order)
    if name in names:
        place = names.index(name)
        names.insert(max(place + step, 0), names.pop(place))
    return tuple(names)
