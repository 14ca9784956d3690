"""Extreme-condition checks: settings at their extremes and the statement that must then hold, declared as data.

``checks.yaml`` holds the statements; every policy lever at both ends of its range is added by itself. All checks that
share a law and dated levers run as the draws of one batch. Source: Forrester & Senge 1980; Barlas 1996.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from forkpoint.dynamics.inputs import as_array, is_timed
from forkpoint.errors import InputError, UnknownName
from forkpoint.files import read_yaml, require_keys, write_atomically
from forkpoint.world.levers import levers, setting
from forkpoint.world.model import STEP, STOP, laws, world
from forkpoint.world.reference import FOLDER, labels, references
from forkpoint.world.run import Trajectories, inputs
from forkpoint.world.scenario import DEFAULT, Scenario, scenario

SOUND = "sound"
MARKS = ("<!-- checks: begin -->", "<!-- checks: end -->")
COMPARISONS = {
    "none": "is none",
    "above": "is above as-it-was",
    "below": "is below as-it-was",
    "same": "is as in as-it-was",
    "at most": "is at most",
    "at least": "is at least",
}
_REQUIRED = {"set": "settings", "variable": "variable", "must": "comparison"}
_OPTIONAL = {
    "at": "labels",
    "than": "number compared with",
    "from": "first year",
    "to": "last year",
    "law": "a variant of the law",
}


@dataclass(frozen=True)
class Check:
    """One statement: with these settings, the mean of a variable from a time on compares so."""

    name: str
    settings: tuple[tuple[str, float], ...]
    must: str
    variable: str = ""
    at: tuple[tuple[str, str], ...] = ()
    than: float = 0.0
    start: float = 0.0
    stop: float = STOP
    law: str = DEFAULT


@dataclass(frozen=True)
class Outcome:
    """A check's result: the value found, what it was compared with, and whether the statement holds."""

    check: Check
    found: float
    compared: float
    holds: bool


@cache
def checks() -> tuple[Check, ...]:
    """Declared checks, then every lever at both ends. Raises InputError and UnknownName that name the entry."""
    found = [_declared(name, entry) for name, entry in read_yaml(FOLDER / "checks.yaml").items()]
    for name, reference in levers().items():
        for end, value in (("least", reference.low), ("most", reference.high)):
            if value is not None:
                found.append(Check(f"{name} at its {end}, {value:g}", ((name, value),), SOUND))
    return tuple(found)


def _declared(name: str, entry: Any) -> Check:
    where = f"checks.yaml: {name}"
    fields = require_keys(entry, where, required=_REQUIRED, optional=_OPTIONAL)
    if fields["must"] not in COMPARISONS:
        raise UnknownName("comparison", fields["must"], COMPARISONS, where=where)
    if fields["variable"] not in world().variables:
        raise UnknownName("variable", fields["variable"], world().variables, where=where)
    if fields.get("law", DEFAULT) not in laws():
        raise UnknownName("law", fields["law"], laws(), where=where)
    for key, value in fields["set"].items():
        bare, _, chosen = key.rstrip("]").partition("[")
        setting(bare, value, None, chosen.split(",") if chosen else (), where=where)
    return Check(
        name, tuple(fields["set"].items()), fields["must"], fields["variable"], tuple(fields.get("at", {}).items()),
        float(fields.get("than", 0)), float(fields.get("from", 0)), float(fields.get("to", STOP)),
        fields.get("law", DEFAULT),
    )  # fmt: skip


def outcomes(chosen: Iterable[Check] | None = None) -> list[Outcome]:
    """Run the checks (all by default) in batches and say which hold."""
    wanted = list(checks() if chosen is None else chosen)
    plain = batch(Scenario("plain", "", ""), {}, [{}])
    given = inputs(scenario(DEFAULT))
    groups: dict[tuple[Any, ...], list[Check]] = {}
    for check in wanted:
        dated = tuple((n, v) for n, v in check.settings if is_timed(given.get(n.partition("[")[0])))
        groups.setdefault((check.law, dated), []).append(check)
    results = {}
    for (law, dated), members in groups.items():
        draws = [{n: v for n, v in c.settings if (n, v) not in dated} for c in members]
        values = batch(Scenario(law, "", "", law=law), dict(dated), draws)
        for draw, check in enumerate(members):
            results[check.name] = _judge(check, values, draw, plain)
    return [results[check.name] for check in wanted]


def batch(base: Scenario, dated: Mapping[str, float], draws: Sequence[Mapping[str, float]]) -> Trajectories:
    """One run for each mapping of settings in ``draws``, with ``dated`` settings in all of them."""
    given = inputs(base)
    for key, value in dated.items():
        given[key.partition("[")[0]] = _with(given, key, value)
    names = sorted({n.partition("[")[0] for d in draws for n in d}) or ["control_strictness"]
    values = {n: np.stack([_values(given, n, d) for d in draws], axis=-1) for n in names}
    given = {n: v for n, v in given.items() if n not in values}
    return Trajectories(base, world().run(given, draws=values, on_error="mark"))


def _values(given: Mapping[str, Any], name: str, draw: Mapping[str, float]) -> Any:
    model, declared = world(), world().parameters[name]
    value = np.array(as_array(model, declared, given.get(name, declared.value), base=declared.value), dtype=float)
    for key, number in draw.items():
        if key.partition("[")[0] == name:
            value[_place(key)] = number
    return value


def _with(given: Mapping[str, Any], key: str, number: float) -> Any:
    name = key.partition("[")[0]
    if "[" not in key:
        return number
    declared = world().parameters[name]
    value = np.array(as_array(world(), declared, declared.value), dtype=float)
    value[_place(key)] = number
    return value


def _place(key: str) -> tuple[Any, ...]:
    name, _, chosen = key.rstrip("]").partition("[")
    wanted = chosen.split(",")
    return tuple(
        next((labels(d).index(w) for w in wanted if w in labels(d)), slice(None)) for d in references()[name].dims
    )


def _judge(check: Check, values: Trajectories, draw: int, plain: Trajectories) -> Outcome:
    if check.must == SOUND:
        worst = max(balances(values, draw).values())
        # The engine marks a draw with a value that is not finite or a stock that turns negative.
        return Outcome(check, worst, 0.0, draw not in values.trajectory.failed and worst <= tolerance("balance"))
    found, base = (_mean(check, of, number) for of, number in ((values, draw), (plain, 0)))
    close = tolerance("none")
    compared = base if check.must in ("above", "below", "same") else check.than
    holds = {
        "none": abs(found) <= close * max(abs(base), np.finfo(float).tiny),
        "above": found > base * (1 + tolerance("sign")),
        "below": found < base * (1 - tolerance("sign")),
        "same": abs(found - base) <= tolerance("balance") * abs(base),
        "at most": found <= check.than,
        "at least": found >= check.than,
    }[check.must]
    return Outcome(check, found, compared, bool(holds))


def _mean(check: Check, values: Trajectories, draw: int) -> float:
    inside = (values.time >= check.start - STEP / 2) & (values.time < check.stop - STEP / 2)
    if not inside.any():
        raise InputError(f"checks.yaml: {check.name}: no quarter lies from {check.start:g} to {check.stop:g}")
    path = np.asarray(values.at(check.variable, None, **dict(check.at)))[inside][..., draw]
    return float(path.reshape(len(path), -1).sum(axis=1).mean())


def tolerance(name: str) -> float:
    """A tolerance of the checks: ``none`` (part of as-it-was that counts as nothing), ``sign``, ``balance``."""
    return float(read_yaml(FOLDER / "checks_tolerance.yaml")[name])


def balances(values: Trajectories, draw: int) -> dict[str, float]:
    """Largest imbalance of chips, dies, money and compute in a draw, relative to what there was."""

    def total(name: str) -> Any:
        path = np.asarray(values[name])[..., draw]
        return path.reshape(len(path), -1).sum(axis=1)

    def gained(name: str) -> Any:
        return np.concatenate([[0.0], np.cumsum(total(name)[:-1] * STEP)])

    def off(held: Sequence[str], came: Sequence[str], went: Sequence[str] = ()) -> float:
        level = sum(total(n) for n in held)
        moved = sum(gained(n) for n in came) - sum((gained(n) for n in went), np.zeros(len(level)))
        return float(np.max(np.abs(level - level[0] - moved)) / max(1.0, float(np.max(np.abs(level)))))

    money = ["backlog", "receipts", "government_receipts", "grey_receipts", "spending_withdrawn"]
    return {
        "chips": off(["inventory", "cards", "cards_written_off", "cards_scrapped"], ["production"]),
        "dies": off(["die_bank"], ["foreign_dies", "smic_dies"], ["die_use"]),
        "stacks": off(["hbm_stock"], ["hbm_imports", "hbm_output"], ["hbm_use"]),
        "money": off(money, ["budget_release"]),
        "people": off(["developers"], ["developer_entry"]),
        "compute": off(["installed"], ["new_compute", "small_card_compute"], ["retirement"]),
        "research": off(["research_in_progress", "knowledge", "knowledge_obsolete"], ["research_start"]),
    }


def table(results: Iterable[Outcome]) -> str:
    """The results in Markdown."""
    lines = ["| with | must hold | result |", "|---|---|---|"]
    for one in results:
        check = one.check
        given = ", ".join(f"{n} = {v:g}" for n, v in check.settings) + (
            f", law {check.law}" if check.law != DEFAULT else ""
        )
        if check.must == SOUND:
            continue
        where = "".join(f"[{v}]" for _, v in check.at)
        number = f" {check.than:g}" if check.must.startswith("at ") else ""
        says = f"{check.name}: `{check.variable}{where}` {COMPARISONS[check.must]}{number}"
        lines.append(f"| {given} | {says} | {'holds' if one.holds else 'fails'} |")
    sound = [one for one in results if one.check.must == SOUND]
    kept = sum(one.holds for one in sound)
    lines.append(f"| every lever at both ends ({len(sound)}) | finite, conserved, never negative | {kept} hold |")
    return "\n".join(lines)


def write_page(path: Path) -> None:
    """Put the results between the marks of a Markdown page. Raises InputError where it has none."""
    head, opened, rest = path.read_text(encoding="utf-8").partition(MARKS[0])
    _, closed, tail = rest.partition(MARKS[1])
    if not opened or not closed:
        raise InputError(f"{path}: no '{MARKS[0]}' and '{MARKS[1]}'")
    write_atomically(path, f"{head}{MARKS[0]}\n\n{table(outcomes())}\n\n{MARKS[1]}{tail}")


if __name__ == "__main__":
    write_page(Path(sys.argv[1]))
