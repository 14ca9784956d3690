"""Levers: what a person may turn, each with unit, range and meaning, and how a setting is written.

A setting is ``licence_fee=0.25``, ``licence_fee=0.25@2026Q1`` (from that quarter on),
``software_openness[cann]=2@2026``. Policy levers are the ``levers`` and ``switches`` of ``reference.yaml``; every
other parameter may be set too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from forkpoint.errors import InputError, UnknownName
from forkpoint.world.model import START, STOP
from forkpoint.world.reference import Reference, labels, references

_SETTING = re.compile(r"^(?P<name>[a-z_0-9]+)(\[(?P<labels>[^\]]+)\])?=(?P<value>[^@]+)(@(?P<date>.+))?$")
_DATE = re.compile(r"^(?P<year>[0-9]{4})(Q(?P<quarter>[1-4])|-(?P<month>0[1-9]|1[0-2])(-[0-3][0-9])?)?$")
MONTHS_PER_QUARTER, QUARTERS_PER_YEAR = 3, 4


@dataclass(frozen=True)
class Setting:
    """One turn of a lever: from ``date`` on (None: always), at some labels (none: all)."""

    name: str
    value: float
    date: float | None = None
    labels: tuple[str, ...] = ()


@cache
def levers() -> dict[str, Reference]:
    """The policy levers and the switches of loops."""
    return {n: r for n, r in references().items() if r.sector in ("levers", "switches")}


def settable() -> dict[str, Reference]:
    """Everything that a setting may name: all parameters but definitions."""
    return {n: r for n, r in references().items() if r.sector != "definitions"}


def parse_date(text: str, where: str) -> float:
    """Time in years of "2026", "2026Q1", "2026-03" or "2026-03-15" (the quarter that holds it). Raises InputError, also
    for a day outside the years that the model runs."""
    found = _DATE.match(str(text).strip())
    if not found:
        raise InputError(f"{where}: '{text}' is no date; write 2026, 2026Q1, 2026-03 or 2026-03-15")
    if not START <= int(found["year"]) < STOP:
        raise InputError(f"{where}: {text} is outside the years of the model, {START:.0f} to {STOP - 1:.0f}")
    quarter = int(found["quarter"] or 1)
    if found["month"]:
        quarter = (int(found["month"]) - 1) // MONTHS_PER_QUARTER + 1
    return int(found["year"]) + (quarter - 1) / QUARTERS_PER_YEAR


def parse_setting(text: str) -> Setting:
    """A setting as typed. Raises UnknownName (with the nearest lever) and InputError."""
    where = f"lever '{text}'"
    found = _SETTING.match(text.replace(" ", ""))
    if not found:
        raise InputError(f"{where}: write NAME=VALUE, NAME=VALUE@DATE or NAME[LABEL]=VALUE@DATE")
    chosen = tuple(found["labels"].split(",")) if found["labels"] else ()
    date = parse_date(found["date"], where) if found["date"] else None
    return setting(found["name"], found["value"], date, chosen, where=where)


def setting(name: str, value: Any, date: float | None, chosen: Iterable[str] = (), *, where: str) -> Setting:
    """A checked setting. Raises UnknownName for name or label, InputError for what is no number or out of range."""
    if name not in settable():
        raise UnknownName("lever", name, settable(), where=where)
    reference = references()[name]
    chosen = tuple(chosen)
    if len(chosen) > len(reference.dims):
        raise InputError(f"{where}: {name} varies over {', '.join(reference.dims) or 'nothing'}, not over {chosen}")
    for label in chosen:
        if not any(label in labels(d) for d in reference.dims):
            raise UnknownName("label", label, [x for d in reference.dims for x in labels(d)], where=where)
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InputError(f"{where}: '{value}' is not a number") from None
    if not number == number or number in (float("inf"), float("-inf")):
        raise InputError(f"{where}: {value} is not a finite number")
    low, high = reference.low, reference.high
    if name in levers() and low is not None and high is not None and not low <= number <= high:
        raise InputError(f"{where}: {number:g} is outside {low:g} to {high:g} {reference.unit}".removesuffix(" 1"))
    return Setting(name, number, date, chosen)


def apply(settings: Iterable[Setting], values: dict[str, Any]) -> dict[str, Any]:
    """Values of a run with settings laid over them, later settings over earlier ones, by date."""
    result = dict(values)
    for one in settings:
        declared = references()[one.name].value
        before = result.get(one.name, declared)
        if one.date is None and not one.labels:
            result[one.name] = one.value
        elif one.date is None:
            result[one.name] = _map_points(before, lambda value, s=one: _placed(value, s))
        else:
            points = dict(before) if _timed(before) else {}
            earlier = {t: v for t, v in points.items() if t < one.date}
            later = {t: _placed(v, one) for t, v in points.items() if t > one.date} if one.labels else {}
            last = earlier[max(earlier)] if earlier else (declared if _timed(before) else before)
            start = {} if earlier or _timed(before) else {float("-inf"): before}
            result[one.name] = {**start, **earlier, one.date: _placed(last, one), **later}
    return result


def _timed(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(isinstance(k, int | float) for k in value)


def _map_points(value: Any, change: Any) -> Any:
    return {t: change(v) for t, v in value.items()} if _timed(value) else change(value)


def _placed(value: Any, one: Setting) -> Any:
    """``value`` with the setting's number at its labels (all labels where it names none)."""
    if not isinstance(value, Mapping):
        if not one.labels:
            return one.value
        value = _spread(value, references()[one.name].dims)
    result = {}
    for label, part in value.items():
        rest = tuple(x for x in one.labels if x != label)
        here = [x for x in one.labels if x in value]
        if here and label not in here:
            result[label] = part
        else:
            result[label] = (
                _placed(part, Setting(one.name, one.value, None, rest)) if isinstance(part, Mapping) else one.value
            )
    return result


def _spread(value: float, dims: tuple[str, ...]) -> Any:
    return value if not dims else {label: _spread(value, dims[1:]) for label in labels(dims[0])}
