"""The forms of one record: new and edit, and what becomes of what two people type at once."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import abort, flash, g, redirect, request
from flask_admin import expose
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from backoffice.access import Action
from backoffice.database import db
from backoffice.grid.forms import RecordForm
from backoffice.grid.merge import merge
from backoffice.grid.record import RecordPages
from backoffice.grid.rules import broken_rule, tell_refusal

STALE = "You were signed out in the meantime, so nothing was saved yet. Save again."


class EditPages(RecordPages):
    """Adds the forms to a record's pages."""

    needs: ClassVar[dict[str, Action]] = {
        "create_view": Action.EDIT,
        "edit_view": Action.EDIT,
    }
    create_template = "grid/edit.html"
    edit_template = "grid/edit.html"
    numbered: ClassVar[tuple[str, ...]] = ()
    """Fields counted here and shown in no form: who is told that a number is taken, was second."""

    # What the declaring view adds.
    create_form: Any
    edit_form: Any
    _edit_form_class: Any

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        """A form for a new record."""
        form = self.create_form()
        if request.method == "POST" and self.validate_form(form):
            record = self.create_model(form)
            if record:
                return self._saved(record, "added")
        return self._show_form(self.create_template, form)

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> Any:
        """The form of a record."""
        record_id = request.args.get("id", "")
        record = self.get_one(record_id)
        if record is None:
            return self._show_gone()
        form = self.edit_form(record)
        if request.method == "GET":
            form.version.data = record.edition
            form.remember(form)
        elif form.edition() is None:
            abort(400, "The form has lost its version. Open the record again.")
        elif self.validate_form(form):
            if form.edition() != record.edition:
                return self._show_conflict(form, record)
            try:
                if self.update_model(form, record):
                    return self._saved(record, "saved")
            except StaleDataError:  # somebody saved between our reading and our writing
                db.session.rollback()
                current = self.get_one(record_id)
                return self._show_conflict(form, current) if current else self._show_gone()
        return self._show_form(self.edit_template, form, record=record)

    def validate_form(self, form: RecordForm) -> bool:
        """Whether the form may be saved; a button that only changes the form is no save."""
        if request.method == "POST":
            form.resolve(db.session())
        if g.get("is_stale_form"):
            form.form_errors.append(STALE)
            return False
        return "add_line" not in request.form and bool(form.validate())

    def create_model(self, form: RecordForm) -> Any:
        """The new record, committed; None when a rule was broken, which the form then tells."""
        record = self.model()
        with db.session.no_autoflush:
            form.populate_obj(record)
        db.session.add(record)
        return record if self._commit(form) else None

    def update_model(self, form: RecordForm, record: Any) -> bool:
        """Save the form over the version of the record that it was filled from."""
        with db.session.no_autoflush:
            form.populate_obj(record)
        return self._commit(form)

    def _commit(self, form: RecordForm) -> bool:
        if not self._flush(form):
            return False
        db.session.commit()
        return True

    def _flush(self, form: RecordForm) -> bool:
        """Write, to be committed; False when a rule was broken, which the form then tells.

        :raises StaleDataError: somebody else wrote the record meanwhile.
        """
        try:
            db.session.flush()
        except (IntegrityError, DataError) as error:
            db.session.rollback()
            broken = broken_rule(error)
            if broken is not None and broken.field in self.numbered:
                raise StaleDataError(broken.says) from error
            tell_refusal(form, self.model.__tablename__, error)
            return False
        return True

    def _saved(self, record: Any, done: str) -> Any:
        # Cut: messages wait in the session's cookie, which a browser drops above 4 kB.
        flash(f"{self.noun.capitalize()} {self.title_of(record)[:80]} was {done}.", "success")
        if "_continue" in request.form:
            return redirect(self.page_url(".edit_view", record))
        return redirect(self.page_url(".details_view", record))

    def _show_form(self, template: str, form: RecordForm, **context: Any) -> Any:
        invalid = bool(form.errors or form.form_errors) and request.method == "POST"
        record = context.get("record")
        page = self.render(
            template,
            form=form,
            title=self.title_of(record) if record else f"New {self.noun}",
            **{"changed": request.method == "POST", **context},
        )
        return page, 422 if invalid else 200

    def _show_gone(self) -> Any:
        """There is no such record; what was typed in its form is offered as a new one."""
        if request.method == "GET":
            raise self._no_such_record()
        form = self.create_form()
        self.validate_form(form)
        form.form_errors.append(
            f"Somebody deleted this {self.noun} while you were editing it. "
            "What you typed is below: save it to add it anew."
        )
        url = self.get_url(".create_view")
        return self._show_form(self.create_template, form, action=url, changed=True)

    def _show_conflict(self, form: RecordForm, record: Any) -> Any:
        """What was typed beside what somebody else saved; saving again is a decision then."""
        entries = self._entries(record)
        differing = merge(form, self._edit_form_class(obj=record))
        form.version.data = record.edition
        page = self.render(
            self.edit_template,
            form=form,
            record=record,
            title=self.title_of(record),
            conflict=differing,
            last_entry=entries[0] if entries else None,
            changed=True,
        )
        return page, 409

    def line_errors(self, _form: RecordForm) -> list[Any]:
        """Fields with errors further down than the form's own; for the summary on top."""
        return []
