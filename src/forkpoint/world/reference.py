"""Reading ``reference.yaml``: every parameter with value, range, unit and source, as the engine's declarations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from forkpoint.dynamics.variables import Dimension, Parameter
from forkpoint.errors import InputError, UnknownName
from forkpoint.files import read_yaml, require_keys

FOLDER = Path(__file__).parent

VENDORS = (
    "nvidia", "amd", "us_custom", "huawei", "cambricon", "hygon", "kunlunxin", "t_head", "biren", "moore_threads",
    "metax", "enflame", "iluvatar", "denglin",
)  # fmt: skip
DIMENSIONS = (
    Dimension("vendor", VENDORS, "Designers of accelerators; us_custom: TPU, Trainium and the like."),
    Dimension("region", ("us", "cn", "row"), "United States and allies, China, swing markets."),
    Dimension("platform", ("cuda", "other_us", "cann", "other_cn"), "Software platforms."),
    Dimension("vintage", ("new", "old"), "Age of installed accelerators."),
    Dimension("axis", ("compute", "memory", "links"), "What makes a chip's worth."),
    Dimension("lab", ("baichuan", "zhipu", "moonshot", "minimax", "deepseek", "others"), "Chinese model labs."),
)

_REQUIRED = {"value": "central value", "unit": "unit", "source": "source", "doc": "meaning"}
_OPTIONAL = {
    "dims": "dimensions",
    "low": "lower end of the 90 % range",
    "high": "upper end",
    "spread": "factor up and down, for a value by label",
    "distribution": "shape of the prior",
    "floor": "least value that means something",
    "ceiling": "greatest value that means something",
    "factor": "common factor that moves it",
    "loading": "correlation with that factor",
}


@dataclass(frozen=True)
class Reference:
    """One parameter of ``reference.yaml``; ``spread`` is the factor by which each label of an array may differ."""

    name: str
    sector: str
    value: Any
    unit: str
    source: str
    doc: str
    dims: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    spread: float | None = None
    distribution: str = ""
    floor: float | None = None
    ceiling: float | None = None
    factor: str = ""
    loading: float = 0.0

    @property
    def uncertain(self) -> bool:
        """Whether a range says that the value might be another (definitions, switches and levers have none to
        learn).
        """
        return self.sector not in ("definitions", "switches", "levers", "smoothing") and (
            self.spread is not None or (self.low is not None and self.low != self.high)
        )

    def declaration(self) -> Parameter:
        """The engine's parameter."""
        return Parameter(
            name=self.name, dims=self.dims, unit=self.unit, meaning=self.doc, source=self.source,
            where=f"reference.yaml: {self.sector}", sector=self.sector, value=self.value, low=self.low,
            high=self.high, distribution=self.distribution,
        )  # fmt: skip


@dataclass(frozen=True)
class CommonFactor:
    """Something unknown that several parameters hang on: a standard normal number."""

    name: str
    doc: str
    source: str


@cache
def common_factors() -> dict[str, CommonFactor]:
    """The common factors by name."""
    wanted = {"doc": "meaning", "source": "source"}
    entries = read_yaml(FOLDER / "reference.yaml")["common_factors"]
    return {
        name: CommonFactor(name, **require_keys(entry, f"reference.yaml: {name}", required=wanted, optional={}))
        for name, entry in entries.items()
    }


@cache
def references() -> dict[str, Reference]:
    """All parameters by name. Raises InputError where an entry lacks a key or its value misses a label."""
    found: dict[str, Reference] = {}
    for sector, entries in read_yaml(FOLDER / "reference.yaml").items():
        for name, entry in entries.items() if sector != "common_factors" else ():
            where = f"reference.yaml: {name}"
            fields = require_keys(entry, where, required=_REQUIRED, optional=_OPTIONAL)
            dims = tuple(fields.get("dims", ()))
            value = _over(fields["value"], dims, where)
            if fields.get("factor", "") not in ("", *common_factors()):
                raise UnknownName("common factor", fields["factor"], common_factors(), where=where)
            found[name] = Reference(**{**fields, "name": name, "sector": sector, "dims": dims, "value": value})
    return found


def labels(dimension: str) -> tuple[str, ...]:
    """Labels of one of the world's dimensions."""
    return next(d.labels for d in DIMENSIONS if d.name == dimension)


def _over(value: Any, dims: tuple[str, ...], where: str) -> Any:
    """A value given by label, with ``default`` filled in, as nested mappings over all labels."""
    if not dims:
        return float(value)
    if not isinstance(value, Mapping):
        raise InputError(f"{where}: a value over {', '.join(dims)} is given by label")
    names = labels(dims[0])
    unknown = [k for k in value if k not in (*names, "default")]
    missing = [k for k in names if k not in value and "default" not in value]
    if unknown or missing:
        raise InputError(f"{where}: labels of {dims[0]} are {', '.join(names)}; unknown {unknown}, missing {missing}")
    return {n: _over(value.get(n, value.get("default")), dims[1:], where) for n in names}
