"""Imports on screen: past runs, one run with its report, and what can be asked of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from flask import abort, flash, redirect, request, send_file
from flask_admin import BaseView, expose
from flask_login import current_user
from sqlalchemy import Connection, Row

from backoffice.access import Action, Guarded, may
from backoffice.database import db
from backoffice.grid.record import as_id
from backoffice.imports import asks, background, jobs, ledger, saved, uploads
from backoffice.imports.forms import NAMES
from backoffice.imports.kinds import KINDS
from backoffice.imports.matching import label
from backoffice.imports.steps import StepPages, allow_upload
from backoffice.imports.undo import EDITED
from backoffice.imports.undone import Undone, undone
from backoffice.imports.words import COUNTS, STATES, counted, for_people
from backoffice.models import ImportMapping

PAGE = 25
"""Runs on a page of the list."""


class ImportView(StepPages, Guarded, BaseView):
    """Everybody sees what was imported; who may import may also undo, whoever did it."""

    needs: ClassVar[dict[str, Action]] = dict.fromkeys(
        (
            *("apply_view", "cancel_view", "again_view", "undo_view", "rejects_view"),
            *("mappings_view", "forget_view"),
        ),
        Action.IMPORT,
    )

    def create_blueprint(self, admin: Any) -> Any:
        blueprint = super().create_blueprint(admin)
        blueprint.url_value_preprocessor(allow_upload)
        return blueprint

    def render(self, template: str, **context: Any) -> Any:
        said = {"states": STATES, "kinds": NAMES, "for_people": for_people, "counted": counted}
        said |= {"label": label, "count_words": COUNTS}
        may_import = may(current_user, Action.IMPORT)
        return super().render(template, **said, may_import=may_import, **context)

    @expose("/")
    def index_view(self) -> Any:
        """The runs, newest first."""
        before, after = (as_id(request.args.get(name, "")) for name in ("before", "after"))
        found = list(db.session.execute(asks.newest(PAGE + 1, before, after)))
        shown = found[:PAGE]
        further = len(found) > PAGE
        if after is not None:
            shown.reverse()
        older = further if after is None else True
        newer = before is not None if after is None else further
        return self.render(
            "imports/list.html",
            runs=shown,
            older=shown[-1].id if shown and older else None,
            newer=shown[0].id if shown and newer else None,
            is_narrowed=before is not None or after is not None,
        )

    @expose("/<int:run>/")
    def run_view(self, run: int) -> Any:
        """One run: how far it is, what it would do, or what it did."""
        noted = self.asked_run(run)
        preview, done = noted.report.get("preview"), noted.report.get("done")
        problem = for_people(noted.progress.get("problem") or noted.report.get("problem") or "")
        return self.render(
            "imports/run.html",
            noted=noted,
            kind=KINDS[noted.kind],
            preview=preview,
            done=done,
            counts=ledger.counts_of(noted),
            differing=differing(preview, ledger.counts_of(noted)) if preview else {},
            written_between=written_between(preview, done) if preview and done else False,
            is_pending=noted.state in ledger.PENDING,
            share=share_of(noted),
            problem=problem,
            undone=left_by(noted),
            gave_up=bool(problem) and noted.progress.get("tries", 0) >= jobs.MOST_TRIES,
            waits_for=waits_for(noted),
            edited=EDITED,
            has_rejects=uploads.rejects_of(run).is_file(),
            has_file=uploads.path_of(run).is_file(),
            can_cancel=noted.state in asks.CANCELLABLE,
            can_undo=asks.is_undoable(noted),
            can_map=noted.state in asks.MAPPABLE,
        )

    @expose("/<int:run>/apply/", methods=("GET", "POST"))
    def apply_view(self, run: int) -> Any:
        """Import what was checked; a mapping is saved now that it has proved good."""
        noted = self.asked_run(run)

        def apply(connection: Connection, number: int) -> bool:
            applied = asks.apply(connection, number)
            if applied and (keep := noted.report.get("keep")):
                header = noted.report["source"]["header"]
                name, choices = keep["name"], keep["choices"]
                done = saved.keep(db.session(), noted.kind, name, header, choices)
                if done != "used":
                    flash(f"The mapping {name} was {done}.", "success")
            return applied

        return self._ask(run, apply)

    @expose("/<int:run>/cancel/", methods=("GET", "POST"))
    def cancel_view(self, run: int) -> Any:
        """Leave nothing of it."""
        return self._ask(run, asks.cancel)

    @expose("/<int:run>/again/", methods=("GET", "POST"))
    def again_view(self, run: int) -> Any:
        """Go on with a run that broke off."""
        return self._ask(run, asks.again)

    @expose("/<int:run>/undo/", methods=("GET", "POST"))
    def undo_view(self, run: int) -> Any:
        """Say what taking it back does; POST has it done."""
        if request.method == "POST":
            return self._ask(run, asks.undo)
        noted = self.asked_run(run)
        if not asks.is_undoable(noted):
            return self.refuse_state(noted)
        return self.render("imports/undo.html", noted=noted, kind=KINDS[noted.kind])

    @expose("/<int:run>/rejects/")
    def rejects_view(self, run: int) -> Any:
        """The refused rows as a file, to be mended and imported again."""
        noted = self.asked_run(run)
        path = uploads.rejects_of(run)
        if not path.is_file():
            abort(404, "There is no file of refused rows: it is removed some days after the end.")
        stem = noted.file.rpartition(".")[0] or noted.file
        return send_file(
            path,
            "text/csv",
            as_attachment=True,
            download_name=f"{stem}-rejects.csv",
            conditional=False,
        )

    @expose("/mappings/", methods=("GET", "POST"))
    def mappings_view(self) -> Any:
        """The saved mappings. POST deletes one; what was imported by it stays."""
        if request.method == "POST":
            row_id = as_id(request.form.get("id", ""))
            mapping = db.session.get(ImportMapping, row_id) if row_id else None
            if mapping is not None:
                db.session.delete(mapping)
                db.session.commit()
                flash(f"The mapping {mapping.name} was deleted.", "success")
            return redirect(self.get_url(".mappings_view"))
        return self.render(
            "imports/mappings.html", mappings=list(db.session.scalars(saved.every()))
        )

    def asked_run(self, run: int) -> Row[Any]:
        """The run of the address; 404 when there is none."""
        row_id = as_id(str(run))
        noted = row_id and db.session.execute(asks.by_number(row_id)).one_or_none()
        if not noted:
            abort(404, "There is no such import.")
        return noted

    def refuse_state(self, noted: Row[Any]) -> Any:
        """Back to the run, which is not in the state that the request was made for."""
        flash("Nothing was done: by now the import is as you see it here.", "warning")
        return redirect(self.get_url(".run_view", run=noted.id))

    def _ask(self, run: int, ask: Callable[[Connection, int], bool]) -> Any:
        """Ask something of the run, have it done by a job, and show the run."""
        noted = self.asked_run(run)
        if request.method == "GET":  # somebody reloads the page or follows its address
            return redirect(self.get_url(".run_view", run=noted.id))
        if not ask(db.session.connection(), noted.id):
            db.session.rollback()
            return self.refuse_state(noted)
        db.session.commit()
        background.soon(noted.id)
        return redirect(self.get_url(".run_view", run=noted.id))


def written_between(preview: dict[str, Any], done: dict[str, Any]) -> bool:
    """Whether others wrote rows, which the import wrote then, after people had seen the check."""
    return bool(done.get("versions")) and any(
        preview.get(name) != done[name] for name in ("versions", "columns")
    )


def differing(preview: dict[str, Any], counts: dict[str, int]) -> dict[str, tuple[int, int]]:
    """Count -> what the check said and what came of it, where the data changed in between."""
    return {
        name: (preview[name], counts[name])
        for name in ledger.COUNTS
        if preview[name] != counts[name]
    }


def waits_for(noted: Row[Any]) -> Row[Any] | None:
    """The import that has to end before this one writes."""
    if noted.state != ledger.QUEUED or not noted.progress.get("waits"):
        return None
    return ledger.interrupted(db.session.connection(), KINDS[noted.kind])


def left_by(noted: Row[Any]) -> Undone | None:
    """What taking the run back did; None where that needs no telling."""
    told = undone(noted)
    stays = noted.state == ledger.CANCELLED and told.kept + told.impossible
    return told if stays or noted.state == ledger.UNDONE else None


def share_of(noted: Row[Any]) -> float | None:
    """How much of its present step is done, None where that cannot be told."""
    part, whole = 0, 0
    if noted.state == ledger.RUNNING:
        part, whole = noted.merged_line, noted.total
    elif noted.state in {ledger.CHECKING, ledger.QUEUED}:
        part, whole = noted.progress.get("read", 0), noted.progress.get("size", 0)
    elif noted.state in {ledger.UNDOING, ledger.CANCELLING}:
        told = noted.report.get("undo", {})
        part = sum(told.get(name, 0) for name in ("reversed", "kept", "impossible"))
        whole = noted.inserted + noted.updated
    return min(1.0, part / whole) if whole else None
