"""Parameters from a file: every number with value, range, distribution, unit, source and meaning.

::

    contact_rate:
      value: 5.0
      unit: person/day
      low: 3.0
      high: 8.0
      distribution: triangular
      source: Kermack & McKendrick 1927
      meaning: Contacts of one person in a day.

``read_parameters(path)`` gives a sector: a mapping that ``Model(…)`` takes like a module.
"""

from __future__ import annotations

from pathlib import Path

from forkpoint.dynamics.variables import Parameter, parameter
from forkpoint.errors import InputError
from forkpoint.files import read_yaml, require_keys

REQUIRED = {"value": "number, or label → number", "unit": "unit, 1 for none", "meaning": "what it is"}
OPTIONAL = {
    "dims": "dimensions", "low": "lower end", "high": "upper end", "distribution": "its form", "source": "where from",
    "quality": "grade of the source",
}  # fmt: skip


def read_parameters(path: Path | str) -> dict[str, Parameter]:
    """Read a YAML file of parameters. Raises InputError and UnknownName naming file, parameter and key."""
    table = read_yaml(path)
    if not isinstance(table, dict):
        raise InputError(f"{path}: expected a table of parameters, got {type(table).__name__}")
    found = {}
    for name, fields in table.items():
        where = f"{path}: parameter '{name}'"
        known = require_keys(fields, where, required=REQUIRED, optional=OPTIONAL)
        for bound in ("low", "high"):
            if known.get(bound) is not None and not isinstance(known[bound], int | float):
                raise InputError(f"{where}: {bound} is {known[bound]!r}, expected a number")
        value, low, high = known["value"], known.get("low"), known.get("high")
        if isinstance(value, int | float) and not ((low is None or low <= value) and (high is None or value <= high)):
            raise InputError(f"{where}: value {value} lies outside its range {low} … {high}")
        found[str(name)] = parameter(
            value, dims=tuple(known.get("dims", ())), unit=str(known["unit"]), low=low, high=high,
            distribution=str(known.get("distribution", "")), source=str(known.get("source", "")),
            quality=str(known.get("quality", "")), doc=str(known["meaning"]), name=str(name),
        )  # fmt: skip
    return found
