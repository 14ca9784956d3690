"""What an ensemble keeps: scalar paths over time, each a variable of the world at labels of its dimensions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from forkpoint.errors import InputError, UnknownName
from forkpoint.world.model import world
from forkpoint.world.results import headline

EIGHT = (
    "nvidia_china_revenue", "domestic_share_units", "domestic_share_compute", "shipments[huawei,cn]",
    "usable_compute[cn]", "compute_ratio", "adaptation_lag[cann]", "developers[cn,cann]",
)  # fmt: skip
"""Kept unless others are asked for: eight rows of ``world/tables/headline.csv``."""
HEADLINE = "headline"
"""Stands for every row of ``world/tables/headline.csv``."""
_WORDS = re.compile(r"^\s*(?P<variable>\w+)\s*(?:\[(?P<labels>[^\]]+)\])?\s*$")


@dataclass(frozen=True)
class Output:
    """One path: a variable at a label of each of its dimensions."""

    variable: str
    labels: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As typed: ``usable_compute[cn]``."""
        return f"{self.variable}[{','.join(self.labels)}]" if self.labels else self.variable

    @property
    def key(self) -> str:
        """The name as a part of a path: ``usable_compute.cn``."""
        return ".".join((self.variable, *self.labels))

    @property
    def unit(self) -> str:
        """The variable's unit."""
        return str(world()[self.variable].unit)

    @property
    def index(self) -> tuple[int, ...]:
        """Positions of the labels."""
        dims = world()[self.variable].dims
        return tuple(world().dimensions[d].position(label) for d, label in zip(dims, self.labels, strict=True))


def outputs_of(words: str | Iterable[str] | None) -> tuple[Output, ...]:
    """Outputs from words ("compute_ratio", "usable_compute[cn]", "usable_compute": every region; "headline").

    Raises UnknownName for a variable or label that the world does not have, InputError for what is no output.
    """
    named = EIGHT if words is None else (words,) if isinstance(words, str) else tuple(words)
    found: list[Output] = []
    for word in named:
        found += headline_outputs() if word == HEADLINE else _expanded(word)
    if not found:
        raise InputError("an ensemble keeps at least one output")
    return tuple(dict.fromkeys(found))


def headline_outputs() -> list[Output]:
    """The outputs behind the rows of the summary table, in its order."""
    return [headline_output(row) for row in headline()]


def headline_output(row: dict[str, str]) -> Output:
    """The output behind one row of the summary table."""
    labels = dict(part.split("=") for part in row["labels"].split(";") if part)
    return Output(row["variable"], tuple(labels[d] for d in world()[row["variable"]].dims))


def _expanded(word: str) -> list[Output]:
    """Every output that a word stands for: dimensions without a label are spread over all of theirs."""
    found = _WORDS.match(word)
    if not found:
        raise InputError(f"output '{word}': write VARIABLE or VARIABLE[LABEL,LABEL]")
    model, name = world(), found["variable"]
    kept = (*model.stocks, *model.order, *model.series)
    if name not in kept:
        raise UnknownName("stock, flow, auxiliary or series", name, kept)
    given = [label.strip() for label in (found["labels"] or "").split(",") if label.strip()]
    choices = []
    for dim in model[name].dims:
        labels = tuple(model.dimensions[dim].labels)
        here = [label for label in given if label in labels]
        given = [label for label in given if label not in here]
        choices.append(here[:1] or labels)
    if given:
        valid = [label for d in model[name].dims for label in model.dimensions[d].labels]
        raise UnknownName(f"label of '{name}'", given[0], valid)
    return [Output(name, labels) for labels in product(*choices)]
