"""A mapping that was saved in the browser, taken by a command."""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource

from backoffice.database import begins_reading, db
from backoffice.imports.chosen import Chosen
from backoffice.imports.kinds import Kind
from backoffice.imports.mapping import FieldMap
from backoffice.imports.offered import candidates


def apply_saved(kind: Kind, options: dict[str, Any]) -> FieldMap | None:
    """The mapping that --saved-mapping names, None without one.

    It also says how the file is read and what becomes of its rows: that goes into ``options``,
    where the command line says nothing else.

    :raises click.UsageError: there is none of that name, or a file is named as well.
    """
    name = options["saved_mapping"]
    if name is None:
        return None
    if options["mapping"] is not None:
        raise click.UsageError("--mapping and --saved-mapping: give one of them")
    with begins_reading(db.engine).connect() as connection:
        known = {row.name: row.choices for row in connection.execute(candidates(kind.name))}
    if name not in known:
        names = ", ".join(map(repr, sorted(known))) or "none is, so far"
        raise click.UsageError(f"{name!r} is not saved as a mapping for {kind.name}: {names}")
    chosen = Chosen.of(known[name])
    formats, how = chosen.reading.formats, chosen.how
    kept = {
        "encoding": chosen.reading.encoding,
        "delimiter": chosen.reading.delimiter,
        "skip_lines": chosen.reading.skip_lines,
        "sheet": chosen.reading.sheet,
        "decimal": formats.decimal,
        "thousands": formats.thousands,
        "dates": formats.dates,
        "create_missing": how["create_missing"],
        "on_error": "skip" if how["skip_refused"] else "stop",
        "blank": "clear" if how["clears"] else "keep",
    }
    source_of = click.get_current_context().get_parameter_source
    typed = {option for option in kept if source_of(option) is ParameterSource.COMMANDLINE}
    options |= {option: value for option, value in kept.items() if option not in typed}
    return chosen.mapping
