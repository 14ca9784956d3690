"""Results as people and other tools take them: a summary, long rows, IAMC, NetCDF, JSON; and where scenarios part."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from forkpoint.dynamics.extras import load
from forkpoint.errors import InputError
from forkpoint.files import write_atomically
from forkpoint.world.model import QUARTERS_PER_YEAR, world
from forkpoint.world.reference import FOLDER
from forkpoint.world.run import Trajectories
from forkpoint.world.tables import csv_text, rows

MODEL_NAME = "forkpoint"
LONG = ("scenario", "variable", "labels", "quarter", "value", "unit")
PARTED = 1 / 20
"""Relative difference at which two scenarios have parted."""


def quarter_name(time: float) -> str:
    """ "2025Q2" for 2025.25."""
    year = int(np.floor(time + 1 / (2 * QUARTERS_PER_YEAR)))
    return f"{year}Q{round((time - year) * QUARTERS_PER_YEAR) + 1}"


def headline() -> list[dict[str, str]]:
    """The rows of the summary: ``tables/headline.csv`` says which variable at which labels, how and in which unit."""
    return rows("tables/headline.csv")


def headline_values(run: Trajectories, row: dict[str, str]) -> Any:
    """One headline quantity by year (amounts of the year, or the mean over it)."""
    labels = dict(part.split("=") for part in row["labels"].split(";") if part)
    value = np.asarray(run.at(row["variable"], None, **labels), dtype=np.float64) * float(row["factor"])
    years = len(value) // QUARTERS_PER_YEAR
    by_year = value[: years * QUARTERS_PER_YEAR].reshape(years, QUARTERS_PER_YEAR, *value.shape[1:])
    if row["how"] == "end":
        return np.asarray(by_year[:, -1])
    return np.asarray(by_year.mean(axis=1))


def summary(run: Trajectories, years: Sequence[str]) -> list[dict[str, Any]]:
    """Headline quantities of one run at some years."""
    first = int(run.time[0])
    found = []
    for row in headline():
        values = headline_values(run, row)
        shown = {y: float(values[int(y) - first]) for y in years if 0 <= int(y) - first < len(values)}
        found.append({"quantity": row["title"], "unit": row["unit"], **shown})
    return found


def partings(runs: Sequence[Trajectories]) -> list[dict[str, Any]]:
    """For each headline quantity the quarter at which a scenario parts from the first by more than a twentieth."""
    base, found = runs[0], []
    for row in headline():
        labels = dict(part.split("=") for part in row["labels"].split(";") if part)
        entry: dict[str, Any] = {"quantity": row["title"], "from": base.scenario.name}
        ours = np.asarray(base.at(row["variable"], None, **labels), dtype=np.float64)
        for other in runs[1:]:
            theirs = np.asarray(other.at(row["variable"], None, **labels), dtype=np.float64)
            count = min(len(ours), len(theirs))
            scale = np.maximum(np.abs(ours[:count]), np.finfo(float).tiny)
            apart = np.flatnonzero(np.abs(theirs[:count] - ours[:count]) > PARTED * scale)
            entry[other.scenario.name] = quarter_name(float(base.time[apart[0]])) if len(apart) else "never"
        found.append(entry)
    return found


def long_rows(run: Trajectories) -> Iterator[dict[str, Any]]:
    """Every variable, label and quarter of a run."""
    model = world()
    for name in run:
        value: Any = np.asarray(run[name])
        for index in product(*(range(n) for n in value.shape[1:])):
            labels = ";".join(
                f"{d}={model.dimensions[d].labels[i]}" for d, i in zip(run.dims(name), index, strict=True)
            )
            for time, number in zip(run.time, value[(slice(None), *index)], strict=True):
                yield {
                    "scenario": run.scenario.name, "variable": name, "labels": labels, "quarter": quarter_name(time),
                    "value": float(number), "unit": run.unit(name),
                }  # fmt: skip


def iamc_rows(runs: Iterable[Trajectories]) -> Iterator[dict[str, Any]]:
    """IAMC long format, years: model, scenario, region, variable, unit, year, value (Huppmann et al. 2021).

    A variable's labels follow its name ("Shipments|nvidia"); a region label becomes the region. Rates are a
    year's mean,
    stocks its last quarter.
    """
    model = world()
    regions = {"us": "United States and allies", "cn": "China", "row": "Swing markets"}
    for run in runs:
        years = len(run.time) // QUARTERS_PER_YEAR
        for name in run:
            value = np.asarray(run[name])[: years * QUARTERS_PER_YEAR]
            by_year = value.reshape(years, QUARTERS_PER_YEAR, *value.shape[1:])
            reduced = by_year[:, -1] if model[name].kind == "stock" else by_year.mean(axis=1)
            for index in product(*(range(n) for n in value.shape[1:])):
                labels = {d: model.dimensions[d].labels[i] for d, i in zip(run.dims(name), index, strict=True)}
                region = regions[labels.pop("region")] if "region" in labels else "World"
                variable = "|".join([name.replace("_", " ").capitalize(), *labels.values()])
                for year in range(years):
                    yield {
                        "model": MODEL_NAME, "scenario": run.scenario.name, "region": region, "variable": variable,
                        "unit": run.unit(name) if run.unit(name) != "1" else "dimensionless",
                        "year": int(run.time[0]) + year, "value": float(reduced[(year, *index)]),
                    }  # fmt: skip


def to_json(run: Trajectories) -> dict[str, Any]:
    """A run as plain values: scenario, times, and every variable with unit, dimensions, labels and values."""
    model = world()
    return {
        "schema": "forkpoint.run.v1",
        "scenario": run.scenario.name,
        "title": run.scenario.title,
        "question": run.scenario.question,
        "law": run.scenario.law,
        "settings": [vars(s) if hasattr(s, "__dict__") else s for s in run.scenario.settings],
        "quarters": [quarter_name(t) for t in run.time],
        "variables": {
            name: {
                "unit": run.unit(name),
                "meaning": model[name].meaning,
                "dims": list(run.dims(name)),
                "labels": [list(model.dimensions[d].labels) for d in run.dims(name)],
                "values": np.asarray(run[name]).tolist(),
            }
            for name in run
        },
    }


def write(runs: Sequence[Trajectories], folder: Path, *, csv: bool, netcdf: bool, iamc: bool, json: bool) -> list[Path]:
    """Write runs to a folder (made if missing); without any format asked for, CSV.

    Raises InputError where it cannot be written, MissingExtra before anything is made.
    """
    if netcdf:
        load("xarray")
        load("h5netcdf")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {folder}: {error.strerror or error}") from error
    written = []
    for run in runs:
        name = run.scenario.name
        if csv or not (netcdf or iamc or json):
            written.append(write_atomically(folder / f"{name}.csv", csv_text(LONG, long_rows(run))))
        if netcdf:
            written.append(write_atomically(folder / f"{name}.nc", _netcdf(run)))
        if json:
            import json as text

            written.append(write_atomically(folder / f"{name}.json", text.dumps(to_json(run), ensure_ascii=False)))
    if iamc:
        columns = ("model", "scenario", "region", "variable", "unit", "year", "value")
        written.append(write_atomically(folder / "iamc.csv", csv_text(columns, iamc_rows(runs))))
    return written


def _netcdf(run: Trajectories) -> bytes:
    dataset = run.trajectory.to_xarray()
    dataset.attrs.update({"scenario": run.scenario.name, "title": run.scenario.title, "source": str(FOLDER.name)})
    stream = io.BytesIO()
    dataset.to_netcdf(stream, engine="h5netcdf")
    return stream.getvalue()
