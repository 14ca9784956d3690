"""How chips are wired: a scale-up domain, the network beyond it, and the block structure of that network."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from forkpoint.errors import InputError, UnknownName
from forkpoint.files import read_yaml, require_keys
from forkpoint.perf.chip import Chip

FILE = Path(__file__).with_name("clusters.yaml")

_REQUIRED = {"nic_gbs": "gigabytes per second and chip beyond the scale-up domain, one way"}
_OPTIONAL = {
    "chips": "beginnings of chip ids",
    "domain": "chips in a scale-up domain",
    "link_gbs": "gigabytes per second and chip inside it, one way",
    "pod": "chips below one block of the network",
    "oversubscription": "of the tier above the block",
    "node_power": "watts of host and network for each watt of chip",
    "torus": "dimensions of the torus that the domain is (1: every chip reaches every other at full rate)",
    "source": "where the figures come from",
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """Tiers of a cluster of one chip, rates in bytes per second and chip, one way."""

    name: str
    domain: int
    link: float
    nic: float
    pod: int = 1 << 30
    oversubscription: float = 1.0
    node_power: float = 0.6
    torus: int = 1
    source: str = ""


@cache
def presets() -> dict[str, dict[str, Any]]:
    """The reference clusters of ``clusters.yaml``."""
    return {name: dict(fields) for name, fields in read_yaml(FILE)["clusters"].items()}


def for_chip(chip: Chip, name: str | Path | None = None, domain: int | None = None) -> Cluster:
    """The cluster ``name`` (a reference cluster or a user's YAML file) of this chip; by default its usual one.

    ``domain`` overrides the size of the scale-up domain. Raises UnknownName, or InputError on a malformed file.
    """
    if name is None:
        usual = ((n, f) for n, f in presets().items() if any(chip.id.startswith(c) for c in f["chips"]))
        title, fields = next(usual)
    elif str(name) in presets():
        title, fields = str(name), presets()[str(name)]
    elif str(name).endswith((".yaml", ".yml")):
        title, fields = Path(name).stem, read_yaml(name)
        require_keys(fields, str(name), required=_REQUIRED, optional=_OPTIONAL)
    else:
        raise UnknownName("cluster", str(name), presets())
    return _build(title, fields, chip, domain)


def _build(title: str, fields: object, chip: Chip, domain: int | None) -> Cluster:
    given = require_keys(fields, title, required=_REQUIRED, optional=_OPTIONAL)
    numbers = {k: _positive(title, k, v) for k, v in given.items() if k not in ("chips", "source")}
    return Cluster(
        name=title,
        domain=domain or int(numbers.get("domain", chip.domain)),
        link=numbers["link_gbs"] * 1e9 if "link_gbs" in numbers else chip.link,
        nic=numbers["nic_gbs"] * 1e9,
        pod=int(numbers.get("pod", 1 << 30)),
        oversubscription=numbers.get("oversubscription", 1.0),
        node_power=numbers.get("node_power", 0.6),
        torus=int(numbers.get("torus", 1)),
        source=str(given.get("source", "")),
    )


def _positive(title: str, key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise InputError(
            f"{title}: the key '{key}' is {value!r}; expected a positive number ({(_REQUIRED | _OPTIONAL)[key]})"
        )
    return float(value)
