"""The quick way in for the files that ship with forkpoint.

The tests validate every shipped row in full and hold this way to the same result, so a run need not validate them
again: building pydantic's validators costs more than reading the rows. A user's files always go through validation.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from forkpoint.catalog.record import Record, unwrap

_TRUE = frozenset({"1", "true", "True", "yes"})


def construct(kind: type[Record], rows: list[dict[str, str | None]]) -> list[Record]:
    """The records of ``rows`` without validation; the rows must be known to be valid."""
    converters = {name: _converter(info) for name, info in kind.model_fields.items()}
    never_none = {name for name, info in kind.model_fields.items() if not unwrap(info)[2]}
    found = []
    for row in rows:
        values: dict[str, Any] = {
            name: None if cell is None and name not in never_none else converters[name](cell)
            for name, cell in row.items()
        }
        found.append(kind.model_construct(**values))
    return found


def _converter(info: FieldInfo) -> Callable[[str | None], Any]:
    """What turns a cell's text into the value of a field."""
    annotation, metadata, _ = unwrap(info)
    before: list[Any] = [m.func for m in metadata if isinstance(m, BeforeValidator)]
    cast = _cast(annotation)

    def convert(cell: str | None) -> Any:
        value: Any = cell
        for function in before:
            value = function(value)
        return cast(value)

    return convert if before else cast


def _cast(annotation: Any) -> Callable[[Any], Any]:
    if annotation is float:
        return float
    if annotation is int:
        return int
    if annotation is bool:
        return _TRUE.__contains__
    if annotation is dt.date:
        return dt.date.fromisoformat
    if annotation is str:
        return str.strip
    return lambda value: value.strip() if isinstance(value, str) else value
