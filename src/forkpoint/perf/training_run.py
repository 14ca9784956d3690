"""A whole training run: days, chip-hours, energy and cost, with the time that failures and checkpoints take.

A run of ``n`` chips that fail every ``M`` chip-hours and is saved every ``τ`` loses C/τ to saving and (τ/2 + R) n/M to
work done again and restarts; the best interval is √(2 C M/n) (Young 1974, Communications of the ACM 17:9).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from forkpoint.errors import InputError
from forkpoint.perf.economics import Span, assumptions
from forkpoint.perf.prediction import Prediction
from forkpoint.trace import Quantity, Step


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """A run of ``tokens`` tokens. ``low`` and ``high`` of each span combine the step's range and the goodput's."""

    tokens: float
    goodput: Span
    interval_minutes: float
    days: Span
    chip_hours: Span
    energy_mwh: Span | None
    cost_usd: Span | None

    def explain(self) -> Step:
        """The run as a step of an explanation."""
        spans = {
            "days": (self.days, "days"),
            "chip-hours": (self.chip_hours, "hours"),
            "goodput": (self.goodput, ""),
            "energy": (self.energy_mwh, "MWh"),
            "cost": (self.cost_usd, "USD"),
        }
        numbers = {k: Quantity(s.value, u, s.low, s.high) for k, (s, u) in spans.items() if s is not None}
        saved = f"saved every {self.interval_minutes:,.0f} minutes"
        return Step(f"a run of {self.tokens:.3g} tokens", f"{self.days.value:,.1f} days, {saved}", numbers=numbers)


def goodput(chips: int) -> tuple[Span, float]:
    """Share of a run's time that trains, and the best interval between checkpoints in minutes.

    The range varies one assumption at a time and adds the deviations as independent ones.
    """
    a = assumptions()

    def share(mtbf: float, saving: float, restart: float, other: float) -> tuple[float, float]:
        between = mtbf * 3600.0 / chips
        interval = math.sqrt(2.0 * saving * between)
        lost = saving / interval + (interval / 2.0 + restart * 60.0) / between
        return max(0.0, 1.0 - lost) * (1.0 - other), interval / 60.0

    names = ("chip_mtbf_hours", "checkpoint_seconds", "restart_minutes", "other_loss")
    usual = {n: a[n].value for n in names}
    value, interval = share(*usual.values())
    ends = [[share(*(usual | {n: end}).values())[0] for end in a[n][1:]] for n in names]
    down = math.hypot(*(value - min(e) for e in ends))
    up = math.hypot(*(max(e) - value for e in ends))
    return Span(value, max(value - down, 0.05), min(value + up, 1.0)), interval


def training_run(prediction: Prediction, tokens: float) -> TrainingRun:
    """The run of ``tokens`` tokens behind a predicted step. Raises InputError for a job that does not train."""
    if prediction.job != "train":
        raise InputError(f"a run of tokens needs a training job; this one is {prediction.job}")
    if not tokens > 0:
        raise InputError(f"a run needs more than {tokens:g} tokens")
    share, interval = goodput(prediction.chips)
    if share.value <= 0.0:
        raise InputError(f"{prediction.chips:,} chips fail faster than a run can be saved")
    hours = Span(
        tokens / prediction.rate / 3600.0 / share.value,
        tokens / prediction.high / 3600.0 / share.high,
        tokens / prediction.low / 3600.0 / share.low,
    )
    chip_hours = Span(*(h * prediction.chips for h in hours))
    watts, price = prediction.watts_per_chip, prediction.usd_per_chip_hour
    energy = None if watts is None else Span(*(w * h / 1e6 for w, h in zip(watts, chip_hours, strict=True)))
    cost = None if price is None else Span(*(u * h for u, h in zip(price, chip_hours, strict=True)))
    return TrainingRun(tokens, share, interval, Span(*(h / 24.0 for h in hours)), chip_hours, energy, cost)
