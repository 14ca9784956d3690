"""Disagreement as input: what people hold to be true, run side by side, and which premises make the difference.

A premise set (``premises.yaml``) takes a stand on some topics; on the others it is left with what the data say. Every
set is run over the same draws. A premise's part in the disagreement is its Shapley value: of the difference between two
sets, or of the variance between all of them when only some topics may differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.dynamics.shapley import Shares, shapley_values
from forkpoint.errors import InputError, UnknownName
from forkpoint.files import read_yaml, require_keys
from forkpoint.uncertainty.futures import Question, sample
from forkpoint.world.levers import Setting, setting
from forkpoint.world.reference import references
from forkpoint.world.scenario import DEFAULT, Scenario, loop_setting, scenario

Floats: TypeAlias = NDArray[np.float64]
FILE = Path(__file__).parent / "premises.yaml"
REFERENCE = "the data alone"


@dataclass(frozen=True)
class Premise:
    """A stand on one topic: what it says, who says so, and what it sets in the model."""

    topic: str
    says: str
    source: str
    settings: tuple[Setting, ...]


@dataclass(frozen=True)
class PremiseSet:
    """The premises of one camp, by topic."""

    name: str
    title: str
    who: str
    premises: Mapping[str, Premise]

    def scenario(self, base: Scenario, topics: Iterable[str] | None = None) -> Scenario:
        """``base`` with the premises of some topics (all unless named) laid over it."""
        chosen = self.premises if topics is None else [t for t in self.premises if t in set(topics)]
        return base.with_settings(*(s for t in chosen for s in self.premises[t].settings))


@cache
def topics() -> dict[str, str]:
    """Topics that premises speak of, each as a question."""
    return dict(read_yaml(FILE)["topics"])


@cache
def premise_sets(path: Path = FILE) -> dict[str, PremiseSet]:
    """All premise sets of a file. Raises InputError, UnknownName that name file, set and topic."""
    found = {}
    for name, entry in read_yaml(path)["sets"].items():
        where = f"{path.name}: {name}"
        keys = require_keys(
            entry, where, required={"title": "its name", "who": "who holds it", "premises": "by topic"}, optional={}
        )
        premises = {t: _premise(t, words, f"{where}: {t}") for t, words in keys["premises"].items()}
        found[name] = PremiseSet(name, keys["title"], keys["who"], premises)
    return found


def premise_set(name: str) -> PremiseSet:
    """A premise set by name. Raises UnknownName."""
    if name not in premise_sets():
        raise UnknownName("premise set", name, premise_sets())
    return premise_sets()[name]


def side_by_side(
    question: Question, sets: Sequence[PremiseSet], base: str | Scenario = DEFAULT, *, draws: int = 500, seed: int = 0,
    posterior: str = "default",
) -> list[dict[str, Any]]:  # fmt: skip
    """Each set's answers: median and 90 % range of every output, and the change from the data alone, draw by draw."""
    z, start = sample(posterior, draws, seed), scenario(base)
    reference = question.ask(start, z)
    rows = []
    for one in (None, *sets):
        answers = reference if one is None else question.ask(one.scenario(start), z)
        for output, values, before in zip(question.outputs, answers, reference, strict=True):
            low, middle, high = np.nanquantile(values, [0.05, 0.5, 0.95])
            row: dict[str, Any] = {
                "set": one.name if one else REFERENCE,
                "title": one.title if one else "",
                "output": output.name,
            }
            change = values - before
            row |= {"median": float(middle), "p05": float(low), "p95": float(high), "unit": output.unit}
            row |= {"change": float(np.nanmedian(change)), "p_above": float(np.nanmean(change > 0))}
            rows.append(row)
    return rows


class Answers:
    """Mean answers of sets with only some of their premises, each run once."""

    def __init__(self, question: Question, base: Scenario, z: Floats) -> None:
        self.question, self.base, self.z = question, base, z
        self._found: dict[frozenset[tuple[str, str]], Floats] = {}

    def of(self, parts: Iterable[tuple[PremiseSet, str]]) -> Floats:
        """Mean of each output with premises taken from sets by topic."""
        chosen = [(s, t) for s, t in parts if t in s.premises]
        key = frozenset((s.name, t) for s, t in chosen)
        if key not in self._found:
            settings = [one for s, t in chosen for one in s.premises[t].settings]
            answers = self.question.ask(self.base.with_settings(*settings), self.z)
            self._found[key] = np.asarray(np.nanmean(answers, axis=1))
        return self._found[key]


def difference(first: PremiseSet, second: PremiseSet, answers: Answers) -> Shares:
    """How much of ``second`` − ``first`` each topic makes, when topics change from one set's stand to the other's."""
    disputed = [t for t in topics() if _stand(first, t) != _stand(second, t)]
    if not disputed:
        raise InputError(f"{first.name} and {second.name} take the same stand on every topic")

    def evaluate(sets: Iterable[frozenset[str]]) -> dict[frozenset[str], Any]:
        return {s: answers.of((second if t in s else first, t) for t in topics()) for s in sets}

    return shapley_values(disputed, evaluate)


def drivers(sets: Sequence[PremiseSet], answers: Answers) -> Shares:
    """How much of the variance of answers between sets each topic makes, when only some topics may differ."""
    if len(sets) < 2:
        raise InputError("a disagreement needs at least two premise sets")
    disputed = [t for t in topics() if len({_stand(s, t) for s in sets}) > 1]

    def evaluate(chosen: Iterable[frozenset[str]]) -> dict[frozenset[str], Any]:
        return {c: np.var([answers.of((s, t) for t in sorted(c)) for s in sets], axis=0) for c in chosen}

    return shapley_values(disputed, evaluate, exact_up_to=12)


def _stand(one: PremiseSet, topic: str) -> tuple[Setting, ...]:
    return one.premises[topic].settings if topic in one.premises else ()


def _premise(topic: str, entry: Any, where: str) -> Premise:
    if topic not in topics():
        raise UnknownName("topic", topic, topics(), where=where)
    optional = {"parameters": "parameters, levers", "loops": "loops on or off"}
    keys = require_keys(entry, where, required={"says": "in words", "source": "who says so"}, optional=optional)
    settings = [_setting(name, value, where) for name, value in keys.get("parameters", {}).items()]
    settings += [loop_setting(name, state, where) for name, state in keys.get("loops", {}).items()]
    if not settings:
        raise InputError(f"{where}: a premise sets at least one parameter or loop")
    return Premise(topic, keys["says"], str(keys["source"]), tuple(settings))


def _setting(name: str, value: Any, where: str) -> Setting:
    """A number, or the low or high end of the parameter's own range."""
    if value in ("low", "high"):
        reference = references().get(name)
        if reference is None:
            raise UnknownName("parameter", name, references(), where=where)
        value = reference.low if value == "low" else reference.high
        if value is None:
            raise InputError(f"{where}: {name} has no range in reference.yaml; write a number")
    return setting(name, value, None, where=where)
