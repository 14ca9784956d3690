"""What the model says of one job: time, rates, memory, energy, cost, range, and what bounds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from forkpoint.perf.economics import Span
from forkpoint.trace import Quantity, Step

GROUPS = {
    "compute": ("compute", "attention"),
    "HBM": ("memory", "optimizer"),
    "TP traffic": ("tensor", "context"),
    "EP traffic": ("expert",),
    "DP traffic": ("data",),
    "PP traffic": ("pipeline",),
    "bubble": ("bubble",),
    "overhead": ("launch", "straggler"),
}
"""Parts of a training step by what bounds them."""


def shares_of(step: Any) -> dict[str, float]:
    """Share of a step's time for each group of ``GROUPS``, largest first."""
    parts = {name: float(value) for name, value in step._asdict().items()}
    total = sum(parts.values())
    grouped = {group: sum(parts[n] for n in names) / total for group, names in GROUPS.items()}
    return dict(sorted(grouped.items(), key=lambda item: -item[1]))


@dataclass(frozen=True)
class Prediction:
    """One job on one cluster. ``rate`` is tokens a second of all chips; ``unit_seconds`` a step (training), a prompt
    (prefill), a token (decode) or a request (serving); ``low`` and ``high`` bound the rate at 80 %.
    """

    job: str
    model: str
    chip: str
    chips: int
    precision: str
    plan: str
    cluster: str
    unit_seconds: float
    rate: float
    low: float
    high: float
    mfu: float | None
    hfu: float | None
    memory_gb: Mapping[str, float]
    memory_limit_gb: float
    watts_per_chip: Span | None
    usd_per_chip_hour: Span | None
    shares: Mapping[str, float]
    notes: tuple[str, ...] = field(default=())

    @property
    def bound_by(self) -> str:
        """What takes the largest share of time."""
        return max(self.shares, key=lambda k: self.shares[k])

    @property
    def rate_per_chip(self) -> float:
        """Tokens a second of one chip."""
        return self.rate / self.chips

    @property
    def joules_per_token(self) -> Span | None:
        """Facility energy of a token."""
        if self.watts_per_chip is None:
            return None
        each = self.rate_per_chip
        return Span(*(w / each for w in self.watts_per_chip))

    @property
    def usd_per_million_tokens(self) -> Span | None:
        """Cost of a million tokens; None where the chip's price or power is unknown."""
        if self.usd_per_chip_hour is None:
            return None
        each = self.rate_per_chip * 3600.0 / 1e6
        return Span(*(c / each for c in self.usd_per_chip_hour))

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form with the derived figures."""
        spans = ("watts_per_chip", "usd_per_chip_hour")
        plain = {k: v for k, v in asdict(self).items() if k not in spans}
        named = {k: getattr(self, k) for k in (*spans, "joules_per_token", "usd_per_million_tokens")}
        plain |= {k: None if v is None else v._asdict() for k, v in named.items()}
        return plain | {"bound_by": self.bound_by, "rate_per_chip": self.rate_per_chip}

    def explain(self) -> Step:
        """The prediction as steps: rate with range, where the time goes, memory, energy and cost."""
        units = {"train": "s a step", "prefill": "s a prompt", "decode": "s a token", "serve": "s a request"}
        numbers = {
            "time": Quantity(self.unit_seconds, units[self.job]),
            "rate": Quantity(self.rate, "tokens/s", self.low, self.high, source="80 % range of left-out sources"),
            "rate per chip": Quantity(self.rate_per_chip, "tokens/s"),
        }
        if self.mfu is not None:
            numbers["MFU"] = Quantity(round(100 * self.mfu, 1), "%")
        if self.hfu is not None:
            numbers["HFU"] = Quantity(round(100 * self.hfu, 1), "%")
        where = {k: Quantity(round(100 * v, 1), "% of the time") for k, v in self.shares.items() if v >= 0.0005}
        held = {k: Quantity(round(v, 2), "GB") for k, v in self.memory_gb.items()}
        total = sum(self.memory_gb.values())
        margin = 1.0 - total / self.memory_limit_gb
        return Step(
            name=f"{self.job} {self.model} on {self.chips:,} × {self.chip}",
            outcome=f"{self.rate:,.0f} tokens/s ({self.low:,.0f} to {self.high:,.0f}), bound by {self.bound_by}",
            detail="; ".join((self.plan, *self.notes)),
            numbers=numbers,
            children=(
                Step("where the time goes", self.bound_by, numbers=where),
                Step("memory", f"{total:,.1f} of {self.memory_limit_gb:,.0f} GB a chip", numbers=held, margin=margin),
                Step("energy and cost", self._energy_words(), numbers=self._money()),
            ),
        )

    def _energy_words(self) -> str:
        if self.watts_per_chip is None:
            return "unknown: the catalogue does not know the chip's power"
        return "known with assumptions" if self.usd_per_chip_hour else "energy known, price of the chip unknown"

    def _money(self) -> dict[str, Quantity]:
        spans = {
            "power per chip": (self.watts_per_chip, "W at the facility"),
            "energy": (self.joules_per_token, "J a token"),
            "chip-hour": (self.usd_per_chip_hour, "USD"),
            "cost": (self.usd_per_million_tokens, "USD a million tokens"),
        }
        source = "economics.yaml (assumptions)"
        return {k: Quantity(s.value, u, s.low, s.high, source) for k, (s, u) in spans.items() if s is not None}
