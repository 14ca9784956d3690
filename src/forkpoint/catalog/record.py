"""What every row of a catalogue file shares: a frozen, typed record whose fields are the file's columns.

Numbers carry their unit in the name; ``None`` is unknown, never zero. Every record keeps its source and grade.
"""

import datetime as dt
import json
import re
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

_PARTIAL_DATE = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")


def _partial_date(value: object) -> object:
    if not isinstance(value, str):
        return value
    wrong = PydanticCustomError("partial_date", "a date as YYYY, YYYY-MM or YYYY-MM-DD")
    if not _PARTIAL_DATE.fullmatch(value):
        raise wrong
    try:
        first_day(value)
    except ValueError:
        raise wrong from None
    return value


def _list_of(separator: str) -> BeforeValidator:
    def split(value: object) -> object:
        if value is None:
            return ()
        return tuple(v.strip() for v in value.split(separator) if v.strip()) if isinstance(value, str) else value

    return BeforeValidator(split)


def parse_json(value: object) -> object:
    """The value of a JSON cell."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise PydanticCustomError("json", "valid JSON: {problem}", {"problem": str(error)}) from None


PartialDate = Annotated[str, BeforeValidator(_partial_date)]
"""A date known to the year, month or day, as written: 2022, 2022-10 or 2022-10-21."""
CountryCode = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
"""A country as two capital letters (ISO 3166-1 alpha-2)."""
PositiveInt = Annotated[int, Field(gt=0)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
SemicolonList = Annotated[tuple[str, ...], _list_of(";")]
Sources = Annotated[tuple[str, ...], _list_of(";"), Field(min_length=1)]
"""Addresses, or a citation in words where there is none; no row without one."""
BarList = Annotated[tuple[str, ...], _list_of("|")]
Quality = Literal["primary", "secondary", "estimate", "A", "B", "C"]
"""How good a source is: read at its origin, in a report of it, or estimated; or A (best) to C (weak)."""


def unwrap(info: FieldInfo) -> tuple[Any, list[Any], bool]:
    """A field's bare type, what is annotated on it, and whether it may be empty."""
    annotation: Any = info.annotation
    metadata, optional = list(info.metadata), False
    while True:
        if get_origin(annotation) in (Union, UnionType):
            optional = True
            annotation = next(a for a in get_args(annotation) if a is not type(None))
        elif hasattr(annotation, "__metadata__"):
            metadata = [*metadata, *annotation.__metadata__]
            annotation = annotation.__origin__
        else:
            return annotation, metadata, optional


class Record(BaseModel):
    """A row of a catalogue file."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, defer_build=True)


def first_day(partial: str) -> dt.date:
    """The first day of a partial date: 2022 → 2022-01-01, 2022-10 → 2022-10-01."""
    year, month, day = ([int(p) for p in partial.split("-")] + [1, 1])[:3]
    return dt.date(year, month, day)


def last_day(partial: str) -> dt.date:
    """The last day of a partial date: 2022 → 2022-12-31, 2022-10 → 2022-10-31."""
    parts = [int(p) for p in partial.split("-")]
    if len(parts) == 3:
        return dt.date(*parts)
    year, month = (parts[0], 12) if len(parts) == 1 else (parts[0], parts[1])
    after = dt.date(year + month // 12, month % 12 + 1, 1)
    return after - dt.timedelta(days=1)
