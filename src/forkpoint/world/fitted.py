"""The fitted set of parameters that ships: the posterior mode of one day's calibration, by name.

``forkpoint calibrate`` writes it; a run takes it unless asked for the reference values.
"""

from __future__ import annotations

import copy
import hashlib
from functools import cache
from typing import Any

from forkpoint.catalog import read_rows
from forkpoint.errors import InputError, UnknownName
from forkpoint.world import model
from forkpoint.world.model import SECTORS
from forkpoint.world.reference import FOLDER, common_factors, references

FITTED = FOLDER / "fitted"
DEFAULT = "2025-11-01"
COLUMNS = ("coordinate", "value", "z", "posterior_sd", "low", "high")


def fitted_sets() -> tuple[str, ...]:
    """Days whose calibration ships, as YYYY-MM-DD."""
    return tuple(sorted(p.stem for p in FITTED.glob("*.csv")))


@cache
def fitted_parameters(day: str = DEFAULT) -> dict[str, Any]:
    """The fitted parameters as numbers, or by label: reference values with the fitted factors on them.

    Raises UnknownName for a day that does not ship, InputError where the file is of another version of the model.
    """
    path = FITTED / f"{day}.csv"
    if not path.exists():
        raise UnknownName("fitted set", day, fitted_sets())
    values: dict[str, Any] = {}
    for row in read_rows(path, COLUMNS):
        name, _, label = str(row["coordinate"]).rstrip("]").partition("[")
        if name in common_factors():
            continue
        reference = references().get(name)
        if reference is None:
            raise InputError(f"{path.name}: '{name}' is no parameter of this version of the model: calibrate again")
        if not label:
            values[name] = float(row["value"] or "nan")
            continue
        table = values.setdefault(name, copy.deepcopy(reference.value))
        *outer, last = label.split(", ")
        for part in outer:
            table = table[part]
        table[last] *= float(row["value"] or "nan")
    return values


@cache
def model_version() -> str:
    """A hash of all that a run rests on: the sectors' equations, reference values, exogenous data and tables."""
    digest = hashlib.sha256()
    sectors = [FOLDER / f"{sector.__name__.rsplit('.', 1)[-1]}.py" for sector in (*SECTORS, model)]
    for path in sorted(
        [*sectors, FOLDER / "reference.yaml", *FOLDER.glob("exogenous/*.csv"), *FOLDER.glob("tables/*.csv")]
    ):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
