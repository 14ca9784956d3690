"""One way through the law: the facts so far, the clauses tried, and what stayed open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from forkpoint.rules.account import attempt
from forkpoint.rules.clauses import Clause
from forkpoint.rules.finding import weakest
from forkpoint.rules.predicate import NO, Fact, Truth
from forkpoint.trace import Step


@dataclass
class Walk:
    """One way through the law for one item: the facts so far, the clauses tried, what stayed open."""

    clauses: Mapping[str, Sequence[Clause]]
    switches: Mapping[str, bool | None]
    facts: dict[str, Fact]
    tried: dict[str, list[Step]] = field(default_factory=dict)
    decided: list[str] = field(default_factory=list)
    open: set[str] = field(default_factory=set)
    explain: bool = True
    defined: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict)
    """Every term that may hold: the weakest grade among its clauses, and the facts that keep it open."""

    def fork(self, **facts: Fact) -> Walk:
        """The same way, going on under further facts."""
        return Walk(
            self.clauses,
            self.switches,
            {**self.facts, **facts},
            {k: list(v) for k, v in self.tried.items()},
            list(self.decided),
            self.open,
            self.explain,
            self.defined,
        )

    def test(self, clause: Clause) -> Truth:
        """Whether a clause's condition holds; the attempt is recorded."""
        answer = clause.when(self.facts)
        if not clause.applies_surely(self.switches):
            answer = Truth(False, answer.possibly)
        if answer.possibly and not answer.surely:
            self.open |= self.unsettled(clause) or {f"the reach of {clause.id}"}
        self.record(clause, answer)
        return answer

    def record(self, clause: Clause, answer: Truth) -> None:
        """Keep the attempt for the explanation."""
        if self.explain:
            self.tried.setdefault(clause.stage, []).append(attempt(clause, answer, self.facts))

    def define(self, clause: Clause) -> None:
        """Let a term hold where this clause says so; several clauses may say so."""
        name = str(clause.effect["define"])
        before = self.facts.get(name, NO)
        assert isinstance(before, Truth)
        answer = clause.when(self.facts)
        self.facts[name] = Truth(before.surely | answer.surely, before.possibly | answer.possibly)
        self.record(clause, answer)
        if answer.possibly:
            grade, facts = self.defined.get(name, ("", frozenset()))
            self.defined[name] = (weakest((grade, clause.grade)), facts | self.unsettled(clause))

    def unsettled(self, clause: Clause) -> frozenset[str]:
        """The facts that keep a clause open, terms resolved into the facts behind them."""
        names = clause.when.unsettled(self.facts)
        behind = [self.defined[n][1] if n in self.defined else frozenset({n}) for n in names]
        return frozenset().union(*behind)

    def grades(self, clause: Clause) -> list[str]:
        """The grade of a clause and of the terms that it uses."""
        return [clause.grade, *(self.defined[n][0] for n in clause.when.names if n in self.defined)]

    def choices(self, stage: str) -> Iterator[Clause]:
        """The clauses that may decide a stage where the first met one wins, ending with a sure one."""
        for clause in self.clauses[stage]:
            answer = self.test(clause)
            if answer.possibly:
                yield clause
            if answer.surely:
                return

    def fill_absent(self) -> None:
        """Names that no clause in force defines are false: a definition has no value before its first day."""
        named = {n for clauses in self.clauses.values() for c in clauses for n in c.when.names}
        for name in named - self.facts.keys() - {"eccn", "net"}:
            self.facts[name] = NO

    def surely(self, clause: Clause) -> bool:
        """Whether a clause applies whatever is still open."""
        return bool(clause.when(self.facts).surely) and clause.applies_surely(self.switches)
