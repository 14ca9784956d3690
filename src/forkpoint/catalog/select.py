"""Choosing rows: which accelerators, events and claims a person asks for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from forkpoint.catalog.names import words
from forkpoint.errors import InputError, UnknownName

if TYPE_CHECKING:
    from forkpoint.catalog.evidence import Claim
    from forkpoint.catalog.hardware import Accelerator
    from forkpoint.catalog.law import Event
    from forkpoint.catalog.record import Record

T = TypeVar("T", bound="Record")


def select_accelerators(
    chips: Iterable[Accelerator],
    *,
    name: str = "",
    vendor: str | None = None,
    country: str | None = None,
    segment: str | None = None,
    family: str | None = None,
    released_by: dt.date | None = None,
) -> list[Accelerator]:
    """The accelerators that meet every condition given; ``name`` is a part of a name, a vendor or a family.

    Raises UnknownName where no accelerator has that name, vendor, country, segment or family.
    """
    every = list(chips)
    wanted = words(name)
    chosen = [c for c in every if _holds(wanted, (c.id, c.name, c.name_zh, c.vendor, c.vendor_zh, c.family))]
    if every and not chosen:
        raise UnknownName("accelerator", name, [n for c in every for n in (c.name, c.id)])
    chosen = _having(chosen, "vendor", vendor)
    chosen = _having(chosen, "vendor_country", country)
    chosen = _having(chosen, "segment", segment)
    chosen = _having(chosen, "family", family)
    if released_by is not None:
        chosen = [c for c in chosen if c.released is not None and c.released <= released_by]
    return chosen


def select_events(
    events: Iterable[Event],
    *,
    text: str = "",
    jurisdiction: str | None = None,
    kind: str | None = None,
    chip: str | None = None,
    since: dt.date | None = None,
    until: dt.date | None = None,
) -> list[Event]:
    """The events that meet every condition given, by day of announcement.

    Raises UnknownName where no event at all has that jurisdiction or kind.
    """
    chosen = _having(_having(list(events), "jurisdiction", jurisdiction), "type", kind)
    if chip:
        wanted = words(chip)
        chosen = [e for e in chosen if any(_holds(wanted, (c,)) for c in e.affected_chips)]
    chosen = [e for e in chosen if _holds(words(text), (e.title, e.event_id))]
    chosen = [e for e in chosen if since is None or e.date_announced >= since]
    chosen = [e for e in chosen if until is None or e.date_announced <= until]
    return sorted(chosen, key=lambda e: (e.date_announced, e.event_id))


def select_claims(claims: Iterable[Claim], *, verdict: str | None = None, kind: str | None = None) -> list[Claim]:
    """The claims of that verdict and kind, in the article's order."""
    return _having(_having(list(claims), "verdict", verdict), "type", kind)


def sort_records(records: Sequence[T], column: str, *, descending: bool = False) -> list[T]:
    """``records`` by one column, unknown values last. Raises UnknownName for a column they do not have."""
    if not records:
        return []
    columns = type(records[0]).model_fields
    if column not in columns:
        raise UnknownName("column", column, columns)
    known = [r for r in records if getattr(r, column) is not None]
    try:
        ordered = sorted(known, key=lambda r: getattr(r, column), reverse=descending)
    except TypeError as error:
        raise InputError(f"the column '{column}' has no order") from error
    return ordered + [r for r in records if getattr(r, column) is None]


def _having(records: list[T], column: str, wanted: str | None) -> list[T]:
    """The records whose ``column`` is ``wanted``, or begins with it as a word."""
    if not wanted:
        return records
    values = {str(getattr(r, column)) for r in records}
    folded = words(wanted)
    meant = {v for v in values if words(v) == folded} or {v for v in values if words(v)[: len(folded)] == folded}
    meant = meant or {v for v in values if folded and set(folded) <= set(words(v))}
    if not meant:
        if records:
            raise UnknownName(column.replace("_", " "), wanted, values)
        return []
    return [r for r in records if str(getattr(r, column)) in meant]


def _holds(wanted: Sequence[str], names: Iterable[str | None]) -> bool:
    """Whether every word wanted is part of one of the names."""
    text = " ".join("".join(words(n)) + " " + " ".join(words(n)) for n in names if n)
    return all(w in text for w in wanted)
