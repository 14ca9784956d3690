"""The quick way in for the files that ship with forkpoint.

The tests validate every shipped row in full and hold this way to the same result, so a run need not validate them
again: building pydantic's validators costs more than reading the rows. A user's files always go through validation.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BeforeValidator

from forkpoint.catalog.record import Record

_TRUE = frozenset({"1", "true", "True", "yes"})


def construct(kind: type[Record], rows: list[dict[str, str | None]]) -> list[Record]:
    """The records of ``rows`` without validation; the rows must be known to be valid."""
    converters = {name: _converter(f.annotation, list(f.metadata)) for name, f in kind.model_fields.items()}
    found = []
    for row in rows:
        values: dict[str, Any] = {name: converters[name](cell) for name, cell in row.items()}
        found.append(kind.model_construct(**values))
    return found


def _converter(annotation: Any, metadata: list[Any]) -> Callable[[str | None], Any]:
    """What turns a cell's text into the value of a field with this annotation."""
    optional = False
    while True:
        if get_origin(annotation) in (Union, UnionType):
            optional = True
            annotation = next(a for a in get_args(annotation) if a is not type(None))
        elif hasattr(annotation, "__metadata__"):
            metadata = [*metadata, *annotation.__metadata__]
            annotation = annotation.__origin__
        else:
            break
    before: list[Any] = [m.func for m in metadata if isinstance(m, BeforeValidator)]
    cast = _cast(annotation)

    def convert(cell: str | None) -> Any:
        value: Any = cell
        for function in before:
            value = function(value)
        return None if value is None and optional else cast(value)

    return convert


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
