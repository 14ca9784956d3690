"""Does an item need a licence: for thousands of hypothetical chips at once, by the same clauses as a single check.

Facts are arrays; a clause's condition gives arrays; nothing here knows a paragraph.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forkpoint.rules.clauses import Clause, Law
from forkpoint.rules.predicate import NO, Fact, Truth, Word
from forkpoint.rules.question import Question


@dataclass(frozen=True)
class Screen:
    """The clauses that decide a licence requirement for one question, ready for arrays of facts."""

    question: Question
    define: tuple[Clause, ...]
    classify: tuple[Clause, ...]
    require: tuple[Clause, ...]
    asked: Mapping[str, Fact]

    @classmethod
    def of(cls, question: Question, law: Law) -> Screen:
        """The screen of one question under one law."""

        def clauses(stage: str) -> tuple[Clause, ...]:
            return law.in_force(stage, question.on, question.known_as_of, question.switches)

        return cls(question, clauses("define"), clauses("classify"), clauses("require"), question.facts())

    def __call__(self, facts: Mapping[str, Fact], count: int) -> NDArray[np.bool_]:
        """Whether each of ``count`` chips may need a licence; what is open counts as needed."""
        known = self._defined({**self.asked, **facts})
        possibly = np.zeros(count, dtype=bool)
        undecided = np.ones(count, dtype=bool)
        for clause in self.classify:
            answer = clause.when(known)
            here = undecided & np.broadcast_to(answer.possibly, (count,))
            if here.any():
                possibly |= here & self._required(known, clause, count)
            undecided &= ~np.broadcast_to(answer.surely, (count,))
        return possibly

    def paragraphs(self, facts: Mapping[str, Fact], count: int) -> NDArray[np.str_]:
        """The paragraph of each of ``count`` chips; where facts leave it open, the first that may hold."""
        known = self._defined({**self.asked, **facts})
        names = np.full(count, "", dtype="<U32")
        for clause in self.classify:
            here = (names == "") & np.broadcast_to(clause.when(known).possibly, (count,))
            names[here] = str(clause.effect["eccn"])
        return names

    def complete(self, facts: Mapping[str, Fact]) -> dict[str, Fact]:
        """One chip's facts with all that the clauses define, its paragraph included."""
        known = self._defined({**self.asked, **facts})
        for paragraph in self.classify:
            if paragraph.when(known).possibly:
                return self._with(known, paragraph)
        return {**known, "eccn": Word(None)}

    def deciding(self, facts: Mapping[str, Fact]) -> list[Clause]:
        """The clauses met on the way to a requirement, for one chip: paragraph, requirement, and their definitions."""
        known = self._defined({**self.asked, **facts})
        for paragraph in self.classify:
            if paragraph.when(known).possibly:
                met = [c for c in self.require if c.when(self._with(known, paragraph)).possibly]
                names = {n for c in met for n in c.when.names}
                used = [c for c in self.define if c.effect["define"] in names and c.when(known).possibly]
                return [paragraph, *met, *used]
        return []

    def _required(self, known: dict[str, Fact], paragraph: Clause, count: int) -> Any:
        facts = self._with(known, paragraph)
        needed = np.zeros(count, dtype=bool)
        for clause in self.require:
            needed |= np.broadcast_to(clause.when(facts).possibly, (count,))
        return needed

    def _with(self, known: dict[str, Fact], paragraph: Clause) -> dict[str, Fact]:
        facts: dict[str, Fact] = {**known, "eccn": Word(paragraph.effect["eccn"])}
        if "datacenter" in paragraph.effect:
            facts["datacenter"] = Truth(bool(paragraph.effect["datacenter"]), bool(paragraph.effect["datacenter"]))
        return facts

    def _defined(self, facts: dict[str, Fact]) -> dict[str, Fact]:
        for clause in self.define:
            name = str(clause.effect["define"])
            before = facts.get(name, NO)
            assert isinstance(before, Truth)
            answer = clause.when(facts | {n: NO for n in clause.when.names if n not in facts})
            facts[name] = Truth(before.surely | answer.surely, before.possibly | answer.possibly)
        for clause in (*self.classify, *self.require):
            for name in clause.when.names - facts.keys() - {"eccn"}:
                facts[name] = NO
        return facts
