"""One explanation object, the same in law, machine and world: ``forkpoint.trace.v1``.

An answer is a tree of steps. A step says what was asked, what came out, the numbers that decided it,
how far they are from the line, where the rule or formula stands, and how good the evidence is.
The terminal, JSON, the report and the page all render this one form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

SCHEMA = "forkpoint.trace.v1"
SCALES = ((1e9, "bn"), (1e6, "million"))
"""Sizes from which a number is said in billions or millions, up to thousands of billions."""


def scale(size: float) -> tuple[float, str]:
    """What to divide numbers of this size by, and the word for it (none below a million, or past all words)."""
    return next(((least, word) for least, word in SCALES if least <= abs(size) < 1e4 * SCALES[0][0]), (1.0, ""))


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number in a step: value (or interval), unit, the source it came from and that source's grade."""

    value: float | str | bool | None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    source: str = ""
    quality: str = ""

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form without empty fields."""
        return _without_empty(
            {
                "value": self.value,
                "unit": self.unit,
                "low": self.low,
                "high": self.high,
                "source": self.source,
                "quality": self.quality,
            }
        )

    def __str__(self) -> str:
        unit = "" if self.unit == "1" else self.unit
        if self.low is not None and self.high is not None and self.low != self.high:
            divisor, word = scale(self.high)
            text = f"{self.low / divisor:g}–{self.high / divisor:g} {word}"
        elif isinstance(self.value, float):
            divisor, word = scale(self.value)
            grouped = "" if unit == "year" else ","
            text = f"{self.value / divisor:{grouped}.6g} {word}"
        else:
            text = "unknown" if self.value is None else str(self.value)
        return f"{text.rstrip()} {unit}".rstrip()


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an explanation: a question, its outcome, the numbers, the citation, and its parts."""

    name: str
    outcome: str
    detail: str = ""
    numbers: Mapping[str, Quantity] = field(default_factory=dict)
    margin: float | None = None
    """Signed relative distance to the nearest line: 0.1 means 10 % below it, -0.1 means 10 % beyond it."""
    citation: str = ""
    grade: str = ""
    children: tuple[Step, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form without empty fields."""
        return _without_empty(
            {
                "name": self.name,
                "outcome": self.outcome,
                "detail": self.detail,
                "numbers": {k: q.to_dict() for k, q in self.numbers.items()},
                "margin": self.margin,
                "citation": self.citation,
                "grade": self.grade,
                "children": [c.to_dict() for c in self.children],
            }
        )

    def walk(self, depth: int = 0) -> Iterator[tuple[int, Step]]:
        """This step and all below it, each with its depth, in reading order."""
        yield depth, self
        for child in self.children:
            yield from child.walk(depth + 1)


def document(root: Step) -> dict[str, Any]:
    """The whole explanation as a versioned document."""
    return {"schema": SCHEMA, **root.to_dict()}


def _without_empty(fields: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in fields.items() if v is not None and v != "" and v != {} and v != []}
