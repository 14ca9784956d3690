"""The article's causal claims put to the model: what each carries over time, and what the past says without it.

A claim is measured by taking its cause away (``verdict.yaml``: a lever or a switch) and reading its effect: the run
as it was against the run without. Its loop is switched off the same way. All variants run as one batch.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.catalog import Observation
from forkpoint.errors import InputError, UnknownName
from forkpoint.files import read_yaml, require_keys
from forkpoint.world.loops import named_loops
from forkpoint.world.model import START, STEP, world
from forkpoint.world.observables import matched, observables, year
from forkpoint.world.reference import FOLDER
from forkpoint.world.results import quarter_name
from forkpoint.world.run import Trajectories, inputs, run
from forkpoint.world.scenario import DEFAULT, LOOPS, scenario

Floats: TypeAlias = NDArray[np.float64]
FELT = 1 / 20
"""Relative difference from which a cause is felt."""
STRICTNESS = "control_strictness"
STEPS = 10
"""Steps of the sweep over how strictly the controls hold."""
_OPTIONAL = {
    "loop": "the loop that closes over the claim",
    "without": "what is taken away",
    "effect": "variable that the claim says is moved",
    "at": "labels",
    "factor": "model unit → unit",
    "unit": "unit shown",
    "sign": "what the article says the cause does",
    "path": "variables between",
    "outside": "true where the model has no such variable",
}


@dataclass(frozen=True)
class Link:
    """A causal claim in the model; ``effect`` is empty where the model has no such variable."""

    claim: str
    loop: str = ""
    without: tuple[tuple[str, float], ...] = ()
    effect: str = ""
    at: tuple[tuple[str, str], ...] = ()
    factor: float = 1.0
    unit: str = ""
    sign: str = ""
    path: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measured:
    """A claim's measure in one scenario: its effect over time with its cause and without it, and without its loop."""

    link: Link
    time: Floats
    whole: Floats
    without_cause: Floats
    without_loop: Floats
    misfit: float
    """How much worse the run without the loop fits the past, in log-likelihood, not fitted again; below 0: better."""

    @property
    def felt_from(self) -> str:
        """The first quarter in which the cause moves the effect by more than a twentieth, or ''."""
        least = FELT * np.abs(self.whole).max()
        scale = np.maximum(np.abs(self.without_cause), max(float(least), np.finfo(float).tiny))
        apart = np.flatnonzero(np.abs(self.whole - self.without_cause) > FELT * scale)
        return quarter_name(float(self.time[apart[0]])) if len(apart) else ""

    def change(self, year: float) -> float:
        """Relative change of the effect that the cause makes over a year; NaN where there is none to compare with."""
        return _relative(self.over(self.whole, year), self.over(self.without_cause, year))

    def loop_change(self, year: float) -> float:
        """Relative change of the effect that the loop makes over a year."""
        return _relative(self.over(self.whole, year), self.over(self.without_loop, year))

    def over(self, path: Floats, year: float) -> float:
        """Mean of a path over a year."""
        inside = (self.time >= year - STEP / 2) & (self.time < year + 1 - STEP / 2)
        return float(path[inside].mean())

    @property
    def difference(self) -> Floats:
        """What the cause adds to the effect over time, in the effect's unit."""
        return np.asarray(self.whole - self.without_cause)


@dataclass(frozen=True)
class Sweep:
    """Chinese effective compute put to work a year, by how strictly the controls hold (time, strictness)."""

    time: Floats
    strictness: Floats
    whole: Floats
    without_limit: Floats
    """The same without the HBM and tool limit (B4)."""
    without_effort: Floats
    """The same without forced self-reliance (R1)."""


@dataclass(frozen=True)
class Verdict:
    """Every causal claim measured in a scenario, what each loop does to the past's fit, and the sweep over controls."""

    scenario: str
    measured: Mapping[str, Measured]
    outside: tuple[str, ...]
    misfits: Mapping[str, float]
    sweep: Sweep


@cache
def links() -> dict[str, Link]:
    """The claims of ``verdict.yaml`` by id. Raises InputError, UnknownName that name the entry."""
    found = {}
    for claim, entry in read_yaml(FOLDER / "verdict.yaml").items():
        where = f"verdict.yaml: {claim}"
        fields = require_keys(entry, where, required={}, optional=_OPTIONAL)
        if fields.pop("outside", False):
            found[claim] = Link(claim)
            continue
        if fields["loop"] not in LOOPS:
            raise UnknownName("loop", fields["loop"], LOOPS, where=where)
        for name in (*fields["path"], fields["effect"]):
            if name not in world().variables:
                raise UnknownName("variable", name, world().variables, where=where)
        found[claim] = Link(
            claim, fields["loop"], tuple(fields["without"].items()), fields["effect"],
            tuple(fields.get("at", {}).items()), float(fields["factor"]), fields["unit"], fields["sign"],
            tuple(fields["path"]),
        )  # fmt: skip
    return found


def verdict(observations: Iterable[Observation], *, as_of: dt.date, name: str = DEFAULT) -> Verdict:
    """Measure every claim in a scenario; the past's fit uses the figures public on ``as_of``."""
    claims = {c: link for c, link in links().items() if link.effect}
    settings: list[Mapping[str, float]] = [{}]
    settings += [{loop.switch: 0.0} for loop in named_loops().values()]
    settings += [dict(link.without) for link in claims.values()]
    outputs = {link.effect for link in claims.values()} | {v for o in observables() for v in o.variables}
    batch = variants(name, settings, sorted(outputs))
    loops = {loop: row for row, loop in enumerate(named_loops(), start=1)}
    fits = misfits(batch, observations, as_of)
    worse = {loop: float(fits[row] - fits[0]) / 2 for loop, row in loops.items()}
    measured = {}
    for row, (claim, link) in enumerate(claims.items(), start=1 + len(loops)):
        paths = link.factor * np.asarray(batch.at(link.effect, None, **dict(link.at)))
        time = np.asarray(batch.time)
        measured[claim] = Measured(
            link, time, paths[:, 0], paths[:, row], paths[:, loops[link.loop]], worse[link.loop]
        )  # fmt: skip
    outside = tuple(c for c, link in links().items() if not link.effect)
    return Verdict(name, measured, outside, worse, sweep(name))


def variants(name: str, settings: Sequence[Mapping[str, float]], outputs: Sequence[str]) -> Trajectories:
    """One run for each of ``settings`` (parameters held constant), as the draws of one batch.

    A run that leaves the region in which the equations hold is NaN: its claim is then unmeasured.

    Raises InputError for a parameter whose path over time the scenario gives: a constant would hide its history.
    """
    given = inputs(scenario(name))
    names = sorted({n for s in settings for n in s})
    dated = [n for n in names if n in given]
    if dated:
        raise InputError(f"{name}: {', '.join(dated)} has a path of its own; it cannot be held constant in a batch")
    parameters = world().parameters
    draws = {n: np.array([s.get(n, parameters[n].value) for s in settings], dtype=float) for n in names}
    return run(name, draws=draws, outputs=tuple(outputs), on_error="mark")


def misfits(batch: Trajectories, observations: Iterable[Observation], as_of: dt.date) -> Floats:
    """Sum of squared scaled residuals of every draw over the fitted figures that were public on a day."""
    known = [
        o
        for o in observations
        if o.actual_or_estimate_or_forecast != "forecast"
        and o.known_from <= as_of
        and o.period_end <= as_of
        and year(o.period_start) >= START
    ]
    total: Any = 0.0
    for observable, group in matched(known).items():
        if not observable.fit:
            continue
        weights = observable.weights(group, np.asarray(batch.time), STEP)
        predicted = observable.transformed(np.asarray(observable.predict(batch, world(), weights)))
        seen = observable.transformed(np.array([float(o.value or 0.0) for o in group]))
        total = total + (((predicted - seen[:, None]) / observable.error) ** 2).sum(axis=0)
    return np.asarray(total, dtype=float)


def sweep(name: str = DEFAULT) -> Sweep:
    """What Chinese designs add to effective compute, from no controls to the dated ones, with and without two loops."""
    strict = np.linspace(0, 1, STEPS + 1)
    cases: list[dict[str, float]] = [{}, {LOOPS["B4"]: 0.0}, {LOOPS["R1"]: 0.0}]
    settings = [{STRICTNESS: float(s), **case} for case in cases for s in strict]
    batch = variants(name, settings, ("new_compute", "software_efficiency"))
    added = domestic_compute(batch).reshape(len(batch.time), len(cases), len(strict))
    return Sweep(np.asarray(batch.time), strict, added[:, 0], added[:, 1], added[:, 2])


def domestic_compute(values: Mapping[str, Any]) -> Floats:
    """Effective compute on Chinese platforms newly put to work in China, H100e a year (time[, draw])."""
    regions, platforms = (world().dimensions[d] for d in ("region", "platform"))
    home = [platforms.position(p) for p in ("cann", "other_cn")]
    added = np.asarray(values["new_compute"])[:, regions.position("cn")] * np.asarray(values["software_efficiency"])
    return np.asarray(added[:, home].sum(axis=1))


def _relative(value: float, other: float) -> float:
    return value / other - 1.0 if other else float("nan")
