"""What holds over whole files and between them: keys, sources, dates in order, references that lead somewhere."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forkpoint.catalog.load import catalog, check_file
from forkpoint.catalog.record import first_day
from forkpoint.catalog.tables import FILES
from forkpoint.errors import DataError, ForkpointError, InputError

if TYPE_CHECKING:
    from forkpoint.catalog.record import Record

_ADDRESS = re.compile(r"https?://[^\s/:@]+\.[^\s/:@]{2,}(:\d+)?(/\S*)?$")


_NEEDS_NO_SOURCE = frozenset({"unverifiable", "opinion", "not_found"})
"""Verdicts that say that nothing was found, or that nothing could be."""


@dataclass(frozen=True)
class Report:
    """What came of checking one file."""

    path: str
    name: str
    rows: int = 0
    errors: list[ForkpointError] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form: each error with file, row, column, value, expectation."""
        return {"file": self.path, "rows": self.rows, "errors": [_error(e) for e in self.errors]}


def check_folder(folder: Path) -> list[Report]:
    """Every catalogue file of a folder. Raises InputError where it holds none."""
    found = [check_one(folder / name) for name in FILES if (folder / name).exists()]
    if not found:
        raise InputError(f"{folder} holds none of {', '.join(FILES)}")
    return found


def check_one(path: Path) -> Report:
    """One catalogue file: every cell, every source's address, dates in order, references to other files."""
    try:
        records, errors = check_file(path)
    except InputError as error:
        return Report(str(path), path.name, 0, [error])
    found: list[ForkpointError] = [*errors]
    for number, record in enumerate(records, start=1) if not errors else ():
        found += [DataError(str(path), number, *wrong) for wrong in _wrong(path.name, record, path.parent)]
    return Report(str(path), path.name, len(records), found)


Wrong = tuple[str, object, str]
"""Column, value, what was expected."""


def _wrong(file: str, record: Record, folder: Path) -> Iterator[Wrong]:
    yield from _sources(file, record)
    checks: dict[str, Callable[[Any, Path], Iterator[Wrong]]] = {
        "accelerator_alternatives.csv": _alternative,
        "systems.csv": _system,
        "hbm_stacks.csv": _stack,
        "events.csv": _event,
        "observations.csv": _observation,
        "country_groups.csv": _country,
    }
    if file in checks:
        yield from checks[file](record, folder)


def _sources(file: str, record: Record) -> Iterator[Wrong]:
    columns = FILES[file].sources
    cells: list[str] = []
    for column in columns:
        value = getattr(record, column)
        cells += value if isinstance(value, tuple) else [value] if value else []
    if not cells and getattr(record, "verdict", "") not in _NEEDS_NO_SOURCE:
        yield columns[0], "", "a source: an address, or a citation in words"
    for cell in cells:
        for address in (a for a in re.split(r"[;\s]+", cell) if "://" in a):
            if not _ADDRESS.match(address.strip("(),")):
                yield columns[0], address, "an address as https://host/path"


def _chips(folder: Path) -> set[str]:
    """The keys of accelerators, the folder's own among them."""
    return set(catalog(folder).accelerators)


def _alternative(row: Any, folder: Path) -> Iterator[Wrong]:
    from forkpoint.catalog.hardware import OTHER_FIELDS, Accelerator

    if row.id not in _chips(folder):
        yield "id", row.id, "the id of an accelerator"
    elif row.field in Accelerator.model_fields:
        used = getattr(catalog(folder).accelerators[row.id], row.field)
        if not same_value(used, row.used):
            yield "used", row.used, f"what accelerators.csv holds: {used}"
        if same_value(used, row.alternative):
            yield "alternative", row.alternative, "another value than the one used"
    elif row.field not in OTHER_FIELDS:
        yield "field", row.field, f"a column of accelerators.csv or one of {', '.join(OTHER_FIELDS)}"


def same_value(used: object, text: str | None) -> bool:
    """Whether a cell's text says the value used: numbers by value, all else by spelling."""
    if used is None or text is None:
        return used is None and text is None
    if isinstance(used, float):
        try:
            return float(text) == used
        except ValueError:
            return False
    return str(used) == text


def _system(row: Any, folder: Path) -> Iterator[Wrong]:
    if row.accelerator_id not in _chips(folder):
        yield "accelerator_id", row.accelerator_id, "the id of an accelerator"


def _stack(row: Any, folder: Path) -> Iterator[Wrong]:
    implied = row.pin_rate_gbps * row.io_width_bits / 8
    if abs(row.bandwidth_gbs / implied - 1) > 0.01:
        yield "bandwidth_gbs", row.bandwidth_gbs, f"pin rate x width / 8 = {implied:g}"
    low, area, high = row.package_area_low_mm2, row.package_area_mm2, row.package_area_high_mm2
    if None not in (low, area, high) and not low <= area <= high:
        yield "package_area_mm2", area, f"between {low:g} and {high:g}"


def _event(row: Any, folder: Path) -> Iterator[Wrong]:
    if row.effective_date and row.end_date and row.end_date < row.effective_date:
        yield "end_date", row.end_date, f"on or after the effective date {row.effective_date}"


def _observation(row: Any, folder: Path) -> Iterator[Wrong]:
    if row.period_end < row.period_start:
        yield "period_end", row.period_end, f"on or after the period's start {row.period_start}"
    if row.low is not None and row.high is not None and row.low > row.high:
        yield "low", row.low, f"at most the high value {row.high:g}"
    reported = row.actual_or_estimate_or_forecast == "actual"
    if reported and row.known_from < first_day(str(row.period_start.year)) - dt.timedelta(days=366):
        yield "published", row.published, "not a year before the period that it reports"


def _country(row: Any, folder: Path) -> Iterator[Wrong]:
    if row.valid_to and row.valid_to < row.valid_from:
        yield "valid_to", row.valid_to, f"on or after {row.valid_from}"


def _error(error: ForkpointError) -> dict[str, Any]:
    if isinstance(error, DataError):
        return {
            "row": error.row,
            "column": error.column,
            "value": error.value,
            "expected": error.expected,
            "message": str(error),
        }
    return {"message": str(error)}
