"""Scenarios: a question, a variant of the law, levers over time, switches of loops. One YAML file each.

::

    title: H20 with a fee of 15 %
    question: What if the deal of August 2025 had held?
    law: as-it-was                      # a variant in tables/offers.csv
    based_on: as-it-was                 # optional: start from another scenario
    levers:
      licence_fee: {2025Q3: 0.15}
      chinese_refusal: {2025Q3: 0.0}
    parameters: {growth_long: 0.05}     # any parameter of reference.yaml, undated or dated
    loops: {R7: off}                    # loops and rival structures held at their reference
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from forkpoint.errors import InputError, UnknownName
from forkpoint.files import read_yaml, require_keys
from forkpoint.world.levers import Setting, parse_date, setting
from forkpoint.world.model import laws
from forkpoint.world.reference import FOLDER

DEFAULT = "as-it-was"
_REQUIRED = {"title": "a short name", "question": "the question that the scenario answers"}
_OPTIONAL = {
    "law": "a variant of the law",
    "based_on": "another scenario",
    "levers": "policy levers",
    "parameters": "other parameters",
    "loops": "loops to switch on or off",
    "title_zh": "the title in Chinese",
    "question_zh": "the question in Chinese",
}
LOOPS = {
    "B1": "switch_b1", "R1": "switch_r1", "R2": "switch_r2", "R3": "switch_r3", "R3′": "switch_r3_prime",
    "R4": "switch_r4", "R5": "switch_r5", "R6": "switch_r6", "R7": "switch_r7", "R8": "switch_r8", "B2": "switch_b2",
    "B3": "switch_b3", "B4": "switch_b4", "B5": "switch_b5", "B6": "switch_b6", "B7": "switch_b7", "B8": "switch_b8",
    "R9": "switch_r9", "B9": "switch_b9",
}  # fmt: skip
"""Loop name → the switch that holds its closing link at its reference."""


@dataclass(frozen=True)
class Scenario:
    """What a run is asked: a variant of the law and settings laid over history."""

    name: str
    title: str
    question: str
    law: str = DEFAULT
    settings: tuple[Setting, ...] = ()
    title_zh: str = ""
    question_zh: str = ""

    def with_settings(self, *settings: Setting) -> Scenario:
        """The same scenario with more settings."""
        return replace(self, settings=(*self.settings, *settings))


@cache
def scenario_names() -> tuple[str, ...]:
    """Names of the scenarios that ship."""
    return tuple(sorted(p.stem for p in (FOLDER / "scenarios").glob("*.yaml")))


def scenario(name: str | Path | Scenario) -> Scenario:
    """A scenario by name or from a file. Raises UnknownName, InputError in words."""
    if isinstance(name, Scenario):
        return name
    if str(name).endswith((".yaml", ".yml")):
        return read_scenario(Path(name))
    if str(name) not in scenario_names():
        raise UnknownName("scenario", str(name), scenario_names())
    return read_scenario(FOLDER / "scenarios" / f"{name}.yaml")


def read_scenario(path: Path) -> Scenario:
    """A scenario file. Raises InputError that names file, key and value."""
    where = path.name
    fields = require_keys(read_yaml(path), where, required=_REQUIRED, optional=_OPTIONAL)
    base = scenario(str(fields["based_on"])) if "based_on" in fields else None
    law = str(fields.get("law", base.law if base else DEFAULT))
    if law not in laws():
        raise UnknownName("variant of the law", law, laws(), where=where)
    found = list(base.settings) if base else []
    for part in ("levers", "parameters"):
        for name, value in _table(fields.get(part), f"{where}: {part}").items():
            found += _settings(str(name), value, f"{where}: {part}: {name}")
    for loop, state in _table(fields.get("loops"), f"{where}: loops").items():
        found.append(loop_setting(str(loop), state, where))
    words = {k: str(fields[k]) for k in ("title", "question", "title_zh", "question_zh") if k in fields}
    return Scenario(path.stem, law=law, settings=tuple(found), **words)


def loop_setting(loop: str, state: Any, where: str) -> Setting:
    """The setting that switches a loop on or off. Raises UnknownName, InputError."""
    name = loop.replace("'", "′")
    if name not in LOOPS:
        raise UnknownName("loop", loop, LOOPS, where=where)
    if state not in (True, False, "on", "off", 0, 1):
        raise InputError(f"{where}: loop {loop} is on or off, not {state!r}")
    return setting(LOOPS[name], float(state in (True, "on", 1)), None, where=where)


def _table(value: Any, where: str) -> Mapping[Any, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InputError(f"{where} is a table of name: value")
    return value


def _settings(name: str, value: Any, where: str) -> list[Setting]:
    """Settings from a number, a table of dates, or a table of labels (each a number or a table of dates)."""
    if not isinstance(value, Mapping):
        return [setting(name, value, None, where=where)]
    found = []
    for key, part in value.items():
        text = str(key)
        if text.startswith("20"):
            found.append(setting(name, part, parse_date(text, where), where=where))
            continue
        label = tuple(text.split(","))
        dated = part.items() if isinstance(part, Mapping) else [(None, part)]
        for date, number in dated:
            when = None if date is None else parse_date(str(date), where)
            found.append(setting(name, number, when, label, where=where))
    return found
