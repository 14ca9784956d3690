"""All rows of a table through the law at once: stage by stage, clause by clause, on NumPy arrays.

Where a fact is unknown a row splits into every answer still possible; what all of them agree on is the answer.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from forkpoint.rules.clauses import Clause, Law
from forkpoint.rules.columns import Array, Codes, take
from forkpoint.rules.evaluate import net_of, ordered_sources, paragraph_of
from forkpoint.rules.finding import INDETERMINATE
from forkpoint.rules.predicate import NO, Fact, Truth, Word

FIELDS = (
    "eccn",
    "licence_required",
    "licence_source",
    "exception_available",
    "net_authorisation",
    "review_policy",
    "tariff_232",
    "fee",
    "prc_gate",
)


@dataclass(frozen=True)
class Answers:
    """The answers to many questions, one array of words a field (see :data:`FIELDS`)."""

    columns: Mapping[str, Array]

    def __getitem__(self, field: str) -> Array:
        return self.columns[field]

    def __len__(self) -> int:
        return len(self.columns["eccn"])

    def rows(self) -> list[dict[str, str]]:
        """The answers as a list of tables."""
        return [dict(zip(FIELDS, row, strict=True)) for row in zip(*(self[f] for f in FIELDS), strict=True)]

    @property
    def free(self) -> Array:
        """Where the item may surely ship with no licence and no notice."""
        return np.isin(self["net_authorisation"], ("none_needed", "exception_no_notice"))


class Sweep:
    """One passage of all rows through the law."""

    def __init__(
        self,
        of: Law,
        facts: dict[str, Fact],
        day: Array,
        known: Array,
        switches: Mapping[str, bool | None],
        system: Array,
    ) -> None:
        self.law, self.facts, self.day, self.known = of, facts, day, known
        self.switches, self.system = switches, system
        self.size = len(day)

    def run(self, rows: Array, count: int) -> Answers:
        """The answers for ``count`` rows; ``rows`` says which row each world belongs to."""
        self._define()
        eccn, index = self._branch([self._test(c) for c in self.law.stage("classify")])
        self._narrow(index)
        rows = rows[index]
        clauses = self.law.stage("classify")
        self._classified(clauses, eccn)
        bits, sources, index = self._requirements()
        rows, eccn = rows[index], eccn[index]
        exception, net, index, exceptions, nets = self._authorisations(bits, sources)
        self._narrow(index)
        rows, eccn, bits = rows[index], eccn[index], bits[index]
        self.facts["net"] = Word(Codes(net, nets))
        texts = {
            "eccn": self._paragraphs(clauses, eccn),
            "licence_required": _coded(bits != 0, ("no", "yes")),
            "licence_source": _source_names(bits, sources),
            "exception_available": (exception, exceptions),
            "net_authorisation": (net, nets),
            "review_policy": self._choice("review", "policy", "n/a"),
            "tariff_232": self._either("tariff"),
            "fee": self._choice("fee", "rate", ""),
            "prc_gate": self._choice("gate", "status", ""),
        }
        return Answers({field: _merge(codes, names, rows, count) for field, (codes, names) in texts.items()})

    def _in_force(self, clause: Clause) -> Array:
        begun = (self.known >= _ordinal(clause.published)) & (self.day >= _ordinal(clause.first_day))
        forced = self.switches.get(clause.switch) if clause.switch else None
        if forced is not None:
            return begun & forced
        if clause.last_day is None:
            return begun
        end_known = self.known >= _ordinal(clause.end_published or clause.last_day)
        return begun & ~((self.day > _ordinal(clause.last_day)) & end_known)

    def _test(self, clause: Clause) -> tuple[Array, Array]:
        """Where a clause surely and possibly applies."""
        force = self._in_force(clause)
        if not force.any():
            return force, force
        facts = self.facts
        absent = {n: NO for n in clause.when.names if n not in facts}
        answer = clause.when(facts | absent if absent else facts)
        surely = force & answer.surely if clause.applies_surely(self.switches) else force & False
        return surely, force & answer.possibly

    def _define(self) -> None:
        for clause in self.law.stage("define"):
            surely, possibly = self._test(clause)
            before = self.facts.get(str(clause.effect["define"]), NO)
            assert isinstance(before, Truth)
            self.facts[str(clause.effect["define"])] = Truth(before.surely | surely, before.possibly | possibly)

    def _branch(self, tests: Iterable[tuple[Array, Array]], last: bool = False) -> tuple[Array, Array]:
        """Every choice still possible where the first met clause wins: the choice and the world of each branch."""
        undecided = np.ones(self.size, bool)
        chosen, worlds = [], []
        number = -1
        for number, (surely, possibly) in enumerate(tests):
            found = np.flatnonzero(undecided & possibly)
            chosen.append(np.full(len(found), number))
            worlds.append(found)
            undecided &= ~surely
        if last:
            found = np.flatnonzero(undecided)
            chosen.append(np.full(len(found), number + 1))
            worlds.append(found)
        return np.concatenate(chosen), np.concatenate(worlds)

    def _narrow(self, index: Array) -> None:
        """Go on with the worlds of ``index``, one a branch."""
        if len(index) == self.size and bool((index == np.arange(self.size)).all()):
            return
        self.facts = {name: take(fact, index) for name, fact in self.facts.items()}
        self.day, self.known, self.system = self.day[index], self.known[index], self.system[index]
        self.size = len(index)

    def _classified(self, clauses: Sequence[Clause], eccn: Array) -> None:
        self.facts["eccn"] = Word(Codes(eccn, [str(c.effect["eccn"]) for c in clauses]))
        taken = {i for i, c in enumerate(clauses) if c.effect.get("datacenter")}
        if taken:
            forced = np.isin(eccn, list(taken))
            before = self.facts["datacenter"]
            assert isinstance(before, Truth)
            self.facts["datacenter"] = Truth(before.surely | forced, before.possibly | forced)

    def _requirements(self) -> tuple[Array, list[str], Array]:
        """Go on with one branch a set of requirements: the sets as bits, names by bit, the world of each branch."""
        clauses = self.law.stage("require")
        sources = list(dict.fromkeys(str(c.effect["source"]) for c in clauses))
        sure, possible = np.zeros(self.size, np.int64), np.zeros(self.size, np.int64)
        for clause in clauses:
            bit = 1 << sources.index(str(clause.effect["source"]))
            surely, possibly = self._test(clause)
            sure |= surely * bit
            possible |= possibly * bit
        split = np.flatnonzero(possible != sure)
        index = np.concatenate([np.arange(self.size), split])
        bits = np.concatenate([sure, possible[split]])
        self._narrow(index)
        for number, source in enumerate(sources):
            held = bits & (1 << number) != 0
            self.facts[f"by_{source}"] = Truth(held, held)
        return bits, sources, index

    def _authorisations(
        self, bits: Array, sources: Sequence[str]
    ) -> tuple[Array, Array, Array, tuple[str, ...], tuple[str, ...]]:
        """Exception and what remains, for every branch."""
        clauses = self.law.stage("exception")
        tests = []
        for clause in clauses:
            cures = sum(1 << i for i, s in enumerate(sources) if s in clause.effect["cures"])
            fits = (bits != 0) & (bits & ~cures == 0)
            surely, possibly = self._test(clause)
            tests.append((surely & fits, possibly & fits))
        choice, index = self._branch(tests, last=True)
        kept = net_of(self.law)
        names = (*(str(c.effect["exception"]) for c in clauses), "none")
        rest = ["none_needed", "licence", *dict.fromkeys(kept.values())]
        nets = (*(str(c.effect["net"]) for c in clauses), *rest)
        left = np.where(bits[index] == 0, 0, 1)
        for number, source in enumerate(sources):
            if source in kept:
                left = np.where(bits[index] & (1 << number) != 0, rest.index(kept[source]), left)
        none = len(clauses)
        return choice, np.where(choice == none, none + left, choice), index, names, nets

    def _paragraphs(self, clauses: Sequence[Clause], eccn: Array) -> tuple[Array, tuple[str, ...]]:
        plain = [str(c.effect["eccn"]) for c in clauses]
        inside = [paragraph_of(p, "system") for p in plain]
        return eccn + len(plain) * self.system, (*plain, *inside)

    def _choice(self, stage: str, key: str, otherwise: str) -> tuple[Array, tuple[str, ...]]:
        """The effect of the first clause met in a stage that nothing later asks about; open where two differ."""
        clauses = self.law.stage(stage)
        texts = [f"{c.effect[key]:.0%}" if key == "rate" else str(c.effect[key]) for c in clauses]
        names = tuple(dict.fromkeys([*texts, otherwise, INDETERMINATE]))
        low, high = np.full(self.size, len(names)), np.full(self.size, -1)
        undecided = np.ones(self.size, bool)
        for clause, text in zip(clauses, texts, strict=True):
            surely, possibly = self._test(clause)
            here, code = undecided & possibly, names.index(text)
            low, high = np.where(here, np.minimum(low, code), low), np.where(here, np.maximum(high, code), high)
            undecided &= ~surely
        code = names.index(otherwise)
        # The paragraph stages always end with a sure clause; where a review finds none there is none to apply for.
        empty = undecided & (high < 0) if key != "rate" else undecided
        low, high = np.where(empty, np.minimum(low, code), low), np.where(empty, np.maximum(high, code), high)
        return np.where(low == high, low, names.index(INDETERMINATE)), names

    def _either(self, stage: str) -> tuple[Array, tuple[str, ...]]:
        surely, possibly = np.zeros(self.size, bool), np.zeros(self.size, bool)
        for clause in self.law.stage(stage):
            s, p = self._test(clause)
            surely, possibly = surely | s, possibly | p
        return np.where(surely, 1, np.where(possibly, 2, 0)), ("no", "yes", INDETERMINATE)


def _merge(codes: Array, names: Sequence[str], rows: Array, count: int) -> Array:
    """One word a row: what all its branches say, ``indeterminate`` where they differ."""
    vocabulary = np.array([*names, INDETERMINATE], dtype=object)
    unique = {name: i for i, name in reversed(list(enumerate(vocabulary)))}
    same = np.array([unique[n] for n in vocabulary])
    codes = same[codes]
    if len(codes) == count and bool((rows == np.arange(count)).all()):
        return vocabulary[codes]
    order = np.argsort(rows, kind="stable")
    starts = np.searchsorted(rows[order], np.arange(count))
    low, high = np.minimum.reduceat(codes[order], starts), np.maximum.reduceat(codes[order], starts)
    return vocabulary[np.where(low == high, low, len(names))]


def _coded(mask: Array, names: tuple[str, str]) -> tuple[Array, tuple[str, ...]]:
    return mask.astype(np.int64), names


def _source_names(bits: Array, sources: Sequence[str]) -> tuple[Array, tuple[str, ...]]:
    sets, codes = np.unique(bits, return_inverse=True)
    names = []
    for mask in sets:
        held = [s for i, s in enumerate(sources) if mask & (1 << i)]
        names.append("+".join(ordered_sources(held)) or "n/a")
    return codes, tuple(names)


def _ordinal(day: dt.date) -> int:
    return day.toordinal()
