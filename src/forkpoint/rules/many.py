"""A hundred thousand questions at once, and one question about thousands of hypothetical chips.

The same law and the same stages as :func:`forkpoint.rules.evaluate.check`, on arrays; the tests hold them together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from forkpoint.rules.clauses import Law, law
from forkpoint.rules.columns import (
    QUANTITIES,
    Table,
    chip_facts,
    designer_facts,
    item_facts,
    question_facts,
    read_columns,
    take,
)
from forkpoint.rules.predicate import Fact, truth
from forkpoint.rules.question import SWITCHES, Question
from forkpoint.rules.sweep import FIELDS, Answers, Sweep

__all__ = ["FIELDS", "QUANTITIES", "Answers", "check_many", "evaluate_many"]


def evaluate_many(chips: Mapping[str, Any], question: Question, of: Law | None = None) -> Answers:
    """One question about many hypothetical chips.

    ``chips`` holds arrays of :data:`QUANTITIES` (NaN unknown), and optionally ``datacenter``, ``vendor``,
    ``vendor_country``, ``chip`` as one value or an array. Raises UnknownName for another column.
    """
    count = max((len(v) for v in chips.values() if isinstance(v, list | tuple | np.ndarray)), default=1)
    day = np.full(count, question.on.toordinal())
    facts: dict[str, Fact] = {**question.facts(), **chip_facts(chips, count)}
    facts |= designer_facts(facts, day)
    known = np.full(count, question.known_as_of.toordinal())
    return Sweep(of or law(), facts, day, known, question.switches, np.zeros(count, bool)).run(np.arange(count), count)


def check_many(
    table: Table,
    *,
    switches: Mapping[str, bool | None] | None = None,
    law_of: Law | None = None,
) -> Answers:
    """The law's answer to every row of a table (columns, or a list of rows).

    Columns: ``chip`` (with ``sku``) or :data:`QUANTITIES` with ``vendor``, ``vendor_country``, ``datacenter``; then
    ``to``, ``on``, ``known``, ``hq``, ``parent``, ``end_user``, ``transaction``, ``purpose``, ``segment``.
    Raises InputError that names the column and the value.
    """
    columns, count = read_columns(table)
    worlds, facts, system = item_facts(columns, count)
    asked = question_facts(columns, count)
    day, known = asked.pop("day"), asked.pop("known")
    facts |= {name: take(fact, worlds) for name, fact in asked.items()}
    facts |= designer_facts(facts, day[worlds])
    for switch in SWITCHES:
        facts[switch] = truth(bool((switches or {}).get(switch)))
    sweep = Sweep(law_of or law(), facts, day[worlds], known[worlds], switches or {}, system)
    return sweep.run(worlds, count)
