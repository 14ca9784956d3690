"""Data over time from a CSV file: a column ``time``, a column for each dimension, a column ``value``.

::

    time,region,value
    2020,north,12.5
    2020,south,3.0
    2021,north,14.0

``orders = read_series("orders.csv", dims=("region",), unit="item/year", hold="linear", doc="Orders placed.")``
declares a series. At every time that the file names, it must give a value for the same labels.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from forkpoint.dynamics.variables import Hold, Series, series
from forkpoint.errors import DataError, InputError, UnknownName
from forkpoint.files import read_text


def read_series(
    path: Path | str,
    *,
    dims: Sequence[str] = (),
    unit: str = "1",
    hold: Hold = "step",
    source: str = "",
    doc: str = "",
    name: str = "",
) -> Series:
    """A series with the points of a CSV file. Raises InputError, UnknownName, DataError naming file, row and column."""
    rows = csv.DictReader(io.StringIO(read_text(path)))
    columns = ["time", *dims, "value"]
    for column in rows.fieldnames or ():
        if column not in columns:
            raise UnknownName("column", column, columns, where=str(path))
    for column in columns:
        if column not in (rows.fieldnames or ()):
            raise InputError(f"{path}: the column '{column}' is missing")
    points: dict[float, Any] = {}
    for number, row in enumerate(rows, start=1):
        time = _number(path, number, "time", row["time"])
        value = _number(path, number, "value", row["value"])
        labels = [row[d] for d in dims]
        if not dims:
            if time in points:
                raise DataError(str(path), number, "time", row["time"], "a time that no other row has")
            points[time] = value
            continue
        part = points.setdefault(time, {})
        for label in labels[:-1]:
            part = part.setdefault(label, {})
        if labels[-1] in part:
            raise DataError(str(path), number, dims[-1], labels[-1], f"a label that no other row has at time {time:g}")
        part[labels[-1]] = value
    if not points:
        raise InputError(f"{path}: no rows of data")
    return series(points, dims=dims, unit=unit, hold=hold, source=source, doc=doc, name=name)


def _number(path: Path | str, row: int, column: str, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        raise DataError(str(path), row, column, text, "a number") from None
    if value - value != 0.0:
        raise DataError(str(path), row, column, text, "a finite number")
    return value
