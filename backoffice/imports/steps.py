"""The first two steps of an import in the browser: the file, then which column is what."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from flask import current_app, redirect, request, url_for
from flask_admin import expose
from flask_login import current_user
from sqlalchemy import Row
from werkzeug.datastructures import CombinedMultiDict
from werkzeug.wrappers import Response

from backoffice.access import Action, may
from backoffice.database import db
from backoffice.grid.record import as_id
from backoffice.imports import asks, background, jobs, ledger, matching, saved, uploads, values
from backoffice.imports.chosen import Chosen
from backoffice.imports.forms import ReadingForm, RowsForm, UploadForm
from backoffice.imports.kinds import KINDS, Kind
from backoffice.imports.ledger import RunRefusedError
from backoffice.imports.mapping import FieldMap
from backoffice.imports.matching import Proposal
from backoffice.imports.offered import candidates, offered
from backoffice.imports.read import FileRefused, Reading, rows
from backoffice.imports.told import cut
from backoffice.imports.values import Pairs
from backoffice.imports.words import for_people
from backoffice.models import ImportMapping

SMALL = 256 * 1024
"""Bytes of a file that is checked while somebody waits; a larger one by a job."""

SMALL_WORKBOOK = 32 * 1024
EXAMPLES = 3
LONGEST_EXAMPLE = 60


def allow_upload(*_: Any) -> None:
    """Let the one request that brings a file be as large as a file may be.

    Called before anything reads the body; of a stranger's, no more is read than of any other.
    """
    if request.endpoint != "imports.new_view" or request.method != "POST":
        return
    # The body comes as slowly as the network is: nobody may wait for a lock meanwhile.
    db.session.connection(execution_options={"begins_reading": True})
    if may(current_user, Action.IMPORT):
        request.max_content_length = current_app.config["UPLOAD_BYTES"]
    db.session.commit()


class StepPages:
    """Adds the pages that come before an import."""

    needs: ClassVar[dict[str, Action]] = dict.fromkeys(
        ("new_view", "map_view", "check_view"), Action.IMPORT
    )

    # What the declaring view adds.
    render: Any
    get_url: Any
    asked_run: Any
    refuse_state: Any

    @expose("/new/", methods=("GET", "POST"))
    def new_view(self) -> Any:
        """Take a file and look what it is."""
        if request.method == "GET":
            return self._show_upload(UploadForm(request.args))
        with closing(request):  # what was received lies in a file of its own
            return self._take()

    def _take(self) -> Any:
        form = UploadForm(CombinedMultiDict([request.form, request.files]))
        if not form.validate():
            return self._show_upload(form), 422
        upload = form.file.data
        name = uploads.shown_name(upload.filename)
        with uploads.received(upload) as path:
            try:
                source = looked_at(path, name, form.reading)
            except FileRefused as refusal:
                form.file.errors = [for_people(f"{name} {refusal}")]
                return self._show_upload(form), 422
            mappings = self._candidates(form)
            offer = offered(mappings, source, lambda reading: looked_at(path, name, reading))
            digest = ledger.digest(path)
            connection = db.session.connection()
            run = asks.add(connection, form.kind.data, name, digest, source)
            if offer is not None:
                mapping, source = offer
                choices = next(row.choices for row in mappings if row.id == mapping)
                asks.fill(connection, run, source, choices, mapping)
            path.rename(uploads.path_of(run))
            place = str(uploads.path_of(run))
            ledger.note(connection, run, path=place)
            db.session.commit()
        return redirect(self.get_url(".map_view", run=run))

    def _candidates(self, form: UploadForm) -> list[Row[Any]]:
        """The saved mappings to choose from; none where people said how the file is read."""
        if form.reading != Reading():
            return []
        found = list(db.session.execute(candidates(form.kind.data)))
        db.session.commit()  # nobody waits for a lock while the file is looked at
        return found

    @expose("/<int:run>/map/", methods=("GET", "POST"))
    def map_view(self, run: int) -> Any:
        """Say which column of the file sets which field, and what becomes of the rows."""
        noted = self.asked_run(run)
        if noted.state not in asks.MAPPABLE or not uploads.path_of(run).is_file():
            return self.refuse_state(noted)
        kind, header = KINDS[noted.kind], noted.report["source"]["header"]
        if request.method == "GET":
            how = Chosen.of(noted.choices)
            known = how.mapping if is_mapped(how.mapping) else None
            proposal = matching.proposed(kind, header, known)
            return self._show_map(noted, proposal, RowsForm.over(how.how))
        if request.form.get("do") == "read":
            return self._read_anew(noted, ReadingForm(request.form))
        if request.form.get("do") == "fill":
            return self._fill(noted)
        proposal, form = matching.chosen(kind, header, request.form), RowsForm(request.form)
        problems = matching.problems(kind, header, proposal)
        wrong = values.wrong(
            db.session(),
            kind,
            matching.ours(proposal),
            create_missing=form.how["create_missing"],
        )
        problems += [f"{matching.label(field)}: {complaint}." for field, complaint in wrong]
        if problems or not form.validate():
            return self._show_map(noted, proposal, form, problems=problems), 422
        chosen = Chosen(
            reading=Chosen.of(noted.choices).reading,
            mapping=matching.as_mapping(kind, header, proposal),
            how={name: form.how[name] for name in Chosen().how},
        )
        name = " ".join(request.form.get("save_as", "").split())[: saved.LONGEST_NAME]
        keep = {"name": name, "choices": chosen.as_kept()} if name else None
        return self._check(noted, chosen, keep)

    @expose("/<int:run>/check/", methods=("GET", "POST"))
    def check_view(self, run: int) -> Any:
        """Check once more: by now the data may be another, or the good rows are to go alone."""
        noted = self.asked_run(run)
        if request.method == "GET":  # somebody reloads the page or follows its address
            return redirect(self.get_url(".run_view", run=noted.id))
        chosen = Chosen.of(noted.choices)
        if request.form.get("skip"):
            chosen.how["skip_refused"] = True
        return self._check(noted, chosen, noted.report.get("keep"))

    def _check(self, noted: Row[Any], chosen: Chosen, keep: dict[str, Any] | None) -> Response:
        path = uploads.path_of(noted.id)
        is_there = path.is_file()
        if not is_there or not asks.check(db.session.connection(), noted, chosen, keep or None):
            db.session.rollback()
            return self.refuse_state(noted)  # type: ignore[no-any-return]
        db.session.commit()
        db.session.remove()
        if path.stat().st_size <= (SMALL_WORKBOOK if _is_zip(path) else SMALL):
            jobs.work(noted.id)
        else:
            background.soon(noted.id)
        return redirect(self.get_url(".run_view", run=noted.id))

    def _read_anew(
        self, noted: Row[Any], form: ReadingForm, mapping: ImportMapping | None = None
    ) -> Any:
        """Read the file as ``form`` says, and propose what ``mapping`` says."""
        kind, header = KINDS[noted.kind], noted.report["source"]["header"]
        how = RowsForm.over(Chosen.of(noted.choices).how)
        proposal = matching.proposed(kind, header)
        if not form.validate():
            return self._show_map(noted, proposal, how, reading=form), 422
        kept = (mapping.choices, mapping.id) if mapping else None
        db.session.commit()  # nobody waits for a lock while the file is looked at
        try:
            source = looked_at(uploads.path_of(noted.id), noted.file, form.reading)
        except FileRefused as refusal:
            problems = [for_people(str(refusal))]
            return self._show_map(noted, proposal, how, reading=form, problems=problems), 422
        connection = db.session.connection()
        if kept is not None:
            done = asks.fill(connection, noted.id, source, *kept)
        else:
            done = asks.read_anew(connection, noted, source)
        if not done:
            return self.refuse_state(noted)
        db.session.commit()
        return redirect(self.get_url(".map_view", run=noted.id))

    def _fill(self, noted: Row[Any]) -> Any:
        """Take the saved mapping that was chosen: it also says how the file is read."""
        mapping = self._mapping(noted, request.form.get("mapping", ""))
        if mapping is None:
            return redirect(self.get_url(".map_view", run=noted.id))
        return self._read_anew(noted, ReadingForm.over(mapping.choices["reading"]), mapping)

    def _mapping(self, noted: Row[Any], number: str) -> ImportMapping | None:
        row_id = as_id(number)
        mapping = db.session.get(ImportMapping, row_id) if row_id else None
        return mapping if mapping and mapping.kind == noted.kind else None

    def _show_upload(self, form: UploadForm) -> Any:
        limit = current_app.config["UPLOAD_BYTES"] / 1024**2
        return self.render("imports/new.html", form=form, limit=f"{limit:,.0f} MB")

    def _show_map(
        self,
        noted: Row[Any],
        proposal: Proposal,
        form: RowsForm,
        *,
        reading: ReadingForm | None = None,
        problems: list[str] | None = None,
    ) -> Any:
        source = noted.report["source"]
        kind, told = KINDS[noted.kind], noted.report.get("problem")
        tables = [kind.fields[name].reference for name in sorted(kind.creates)]
        names = " and ".join(column.table.name for column in tables if column is not None)
        form.create_missing.label.text = f"Add unknown {names}, named by their key"
        return self.render(
            "imports/map.html",
            noted=noted,
            kind=kind,
            source=source,
            columns=_columns(source),
            unlisted=max(0, len(source["header"]) - matching.MOST_COLUMNS),
            proposal=proposal,
            words=values.shown(kind, proposal.values, _refused(noted)),
            ours=values.translatable(kind),
            lookups=lookups(kind),
            form=form,
            reading=reading or ReadingForm.over(noted.choices["reading"]),
            problems=problems or ([for_people(told)] if told else []),
            kept=self._mapping(noted, str(noted.report.get("mapping", ""))),
            mappings=list(db.session.scalars(saved.of_kind(noted.kind))),
            save_as=request.form.get("save_as", noted.report.get("keep", {}).get("name", "")),
            longest_name=saved.LONGEST_NAME,
            needed=needed_fields(kind),
            begins_below=begins_below(source),
        )


def is_mapped(mapping: FieldMap) -> bool:
    """Whether anybody said anything."""
    return bool(mapping.columns or mapping.constants or mapping.ignored)


def begins_below(source: dict[str, Any]) -> bool:
    """Whether what stands in the header's place is rather a title above the table."""
    widest: int = source.get("widest", 0)
    return sum(map(bool, source["header"])) <= 1 < widest


def needed_fields(kind: Kind) -> list[str]:
    """What a new row cannot do without."""
    return [field.name for field in kind.fields.values() if field.needed]


def looked_at(path: Path, name: str, reading: Reading) -> dict[str, Any]:
    """What the file at ``path`` is, and its first rows, as a run keeps it.

    :raises FileRefused: it is nothing that an import takes.
    """
    try:
        source = uploads.opened(path, name=name, reading=reading)
    except RunRefusedError as busy:
        raise FileRefused(1, str(busy)) from busy
    first = [cells for _, cells in islice(rows(source), EXAMPLES)]
    return {
        "asked": asdict(reading),
        "header": list(source.header),
        "read_as": source.told,
        "widest": max((sum(map(bool, cells)) for cells in first), default=0),
        "examples": [
            [cut(cell, LONGEST_EXAMPLE) for cell in cells[: len(source.header)]] for cells in first
        ],
    }


def lookups(kind: Kind) -> dict[str, str]:
    """Field -> the page that suggests the codes of what it refers to."""
    tables = ((field.name, field.reference) for field in kind.fields.values())
    return {
        name: url_for(f"{key.table.name}.lookup_view") for name, key in tables if key is not None
    }


def _refused(noted: Row[Any]) -> dict[str, Pairs]:
    """The values that the last check refused."""
    told = noted.report.get("preview") or noted.report.get("done") or {}
    mapping = Chosen.of(noted.choices).mapping
    return values.refused(KINDS[noted.kind], mapping.columns, told)


def _columns(source: dict[str, Any]) -> list[tuple[int, str, list[str]]]:
    """Place, name and first values of each column that can be mapped."""
    return [
        (place, name, [row[place] for row in source["examples"] if len(row) > place and row[place]])
        for place, name in enumerate(source["header"][: matching.MOST_COLUMNS])
    ]


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"PK"
