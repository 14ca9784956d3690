"""Rows about law and politics: dated events, dated country groups."""

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from forkpoint.catalog.record import Record, SemicolonList, Sources, parse_json


class Event(Record):
    """A dated legal or political event, with its parameters and how sure it is."""

    event_id: str
    date_announced: dt.date
    effective_date: dt.date | None = None
    end_date: dt.date | None = None
    jurisdiction: str
    type: str
    title: str
    parameters_json: Annotated[dict[str, Any], BeforeValidator(parse_json)]
    affected_chips: SemicolonList = ()
    source_urls: Sources
    confidence: Literal["A", "B", "C"]


class Country(Record):
    """A country's membership of the EAR country groups (15 CFR part 740, Supplement 1) over a span of days."""

    iso2: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    country: str
    D1: bool
    D4: bool
    D5: bool
    A1: bool
    A5: bool
    A6: bool
    macau_flag: bool
    d5_or_macau: bool
    licence_scope_b_flag: bool
    ai_diffusion_tier: int
    E1: bool
    E2: bool
    valid_from: dt.date
    valid_to: dt.date | None = None
    note: str | None = None
    source: str
