"""Power and cost of an hour of a chip in its cluster, each as value, low and high."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

from forkpoint.files import read_yaml
from forkpoint.perf.chip import Chip
from forkpoint.perf.cluster import Cluster

FILE = Path(__file__).with_name("economics.yaml")
HOURS_A_YEAR = 8766.0
"""Of 365.25 days."""


class Span(NamedTuple):
    """A figure with its range."""

    value: float
    low: float
    high: float


@cache
def assumptions() -> dict[str, Span]:
    """The assumptions of ``economics.yaml``."""
    return {k: Span(float(e["value"]), float(e["low"]), float(e["high"])) for k, e in read_yaml(FILE).items()}


def watts(chip: Chip, cluster: Cluster, busy: float) -> Span | None:
    """Facility power of one chip with its share of host and network while it computes ``busy`` of the time.

    Unknown where the catalogue does not know the chip's power limit.
    """
    if chip.tdp_w is None:
        return None
    a = assumptions()
    whole = chip.tdp_w * (1.0 + cluster.node_power)
    pairs = zip(a["idle_power"], a["pue"], strict=True)
    return Span(*(whole * (idle + (1.0 - idle) * busy) * pue for idle, pue in pairs))


def usd_per_hour(chip: Chip, power: Span | None) -> Span | None:
    """Cost of a chip-hour: hardware written off, and power. Unknown where price or power is unknown."""
    if chip.price_usd is None or power is None:
        return None
    a = assumptions()

    def cost(server: float, years: float, use: float, tariff: float, drawn: float) -> float:
        return chip.price_usd * (1.0 + server) / (years * HOURS_A_YEAR * use) + drawn / 1e3 * tariff  # type: ignore[operator]

    s, y, u, t = a["server_share"], a["life_years"], a["use"], a["power_usd_per_kwh"]
    return Span(
        cost(s.value, y.value, u.value, t.value, power.value),
        cost(s.low, y.high, u.high, t.low, power.low),
        cost(s.high, y.low, u.low, t.high, power.high),
    )
