"""The answer: what the law says of one question, with every clause that was tried."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from forkpoint.trace import Step, document

INDETERMINATE = "indeterminate"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One outcome, in the vocabulary of the published cases."""

    eccn: str
    licence_required: str
    licence_source: str
    exception_available: str
    net_authorisation: str
    review_policy: str
    tariff_232: str
    fee: str
    prc_gate: str


@dataclass(frozen=True)
class Finding:
    """What the law says, as far as it is modelled. Never a clearance; not legal advice.

    ``settles`` are the facts that would turn ``indeterminate`` into an answer; ``outcomes`` all outcomes that the
    missing or rival facts leave open; ``grade`` the weakest grade among the clauses that decided.
    """

    item: str
    name: str
    to: str
    on: dt.date
    known: dt.date | None
    outcome: Outcome
    outcomes: tuple[Outcome, ...]
    settles: tuple[str, ...]
    flags: tuple[str, ...]
    assumptions: tuple[str, ...]
    grade: str
    trace: Step

    def __getattr__(self, name: str) -> Any:
        """The outcome's fields are the finding's: ``finding.eccn``."""
        if name in Outcome.__dataclass_fields__:
            return getattr(self.outcome, name)
        raise AttributeError(name)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form, the explanation included."""
        return {
            "item": self.item,
            "name": self.name,
            "to": self.to,
            "on": self.on.isoformat(),
            "known": self.known.isoformat() if self.known else None,
            **asdict(self.outcome),
            "grade": self.grade,
            "settles": list(self.settles),
            "flags": list(self.flags),
            "assumptions": list(self.assumptions),
            "outcomes": [asdict(o) for o in self.outcomes],
            "trace": document(self.trace),
        }


def merge(outcomes: Iterable[Outcome]) -> Outcome:
    """One outcome from all that are possible: what they agree on, and ``indeterminate`` elsewhere."""
    rows = [asdict(o) for o in outcomes]
    return Outcome(**{k: _agreed({r[k] for r in rows}) for k in rows[0]})


def _agreed(values: set[str]) -> str:
    return next(iter(values)) if len(values) == 1 else INDETERMINATE


def weakest(grades: Iterable[str]) -> str:
    """The weakest of some grades: C after B after A."""
    return max((g for g in grades if g), default="")
