"""The generated part of ``docs/catalog.md``: every file, how many rows of which grade, every column.

``python -m forkpoint.catalog.document docs/catalog.md`` writes it anew; a test holds the page to it.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args, get_origin

from forkpoint.catalog.datapackage import field_notes
from forkpoint.catalog.load import catalog
from forkpoint.catalog.record import unwrap
from forkpoint.catalog.tables import FILES
from forkpoint.errors import InputError
from forkpoint.files import read_text, write_atomically

BEGIN = "<!-- generated from the records and data/fields.csv: python -m forkpoint.catalog.document docs/catalog.md -->"
END = "<!-- end of the generated part -->"
_KINDS: dict[object, str] = {bool: "yes/no", int: "whole number", float: "number"}
_GRADES = ("quality", "confidence", "evidence", "verdict")


def generated() -> str:
    """The generated part, markers included."""
    return "\n".join([BEGIN, "", *_overview(), *(line for file in FILES for line in _columns(file)), END])


def renewed(page: str, name: str) -> str:
    """``page`` with its generated part made anew. Raises InputError where the markers are missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise InputError(f"{name}: the markers of the generated part are missing")
    return before + generated() + after


def _overview() -> Iterator[str]:
    known = catalog()
    yield "| file | rows | one row | key | grades |"
    yield "|---|---|---|---|---|"
    for file, table in FILES.items():
        rows = known.table(file)
        column = next((c for c in _GRADES if c in table.record.model_fields), "")
        counts = Counter(getattr(r, column) for r in rows) if column else {}
        grades = ", ".join(f"{grade} {count}" for grade, count in sorted(counts.items()))
        key = ", ".join(table.key[:3]) + (", …" if len(table.key) > 3 else "")
        yield f"| `{file}` | {len(rows)} | {table.title} | {key} | {grades} |"
    yield ""


def _columns(file: str) -> Iterator[str]:
    table, notes = FILES[file], field_notes()
    yield f"### {file}"
    yield ""
    summary = " ".join((table.record.__doc__ or "").split())
    yield summary
    yield ""
    yield "| column | unit or values | meaning |"
    yield "|---|---|---|"
    for name, info in table.record.model_fields.items():
        unit, meaning = notes[file, name]
        annotation, _, optional = unwrap(info)
        values = ", ".join(map(str, get_args(annotation))) if get_origin(annotation) is Literal else ""
        required = "" if optional or not info.is_required() else " *"
        yield f"| `{name}`{required} | {values or unit or _KINDS.get(annotation, '')} | {meaning} |"
    yield ""


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        write_atomically(path, renewed(read_text(path), str(path)))
