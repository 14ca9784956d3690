"""Who gets it: an end user by name or by kind, with headquarters, and since when a US list names it."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from forkpoint.errors import nearest
from forkpoint.files import read_yaml

DATA = Path(__file__).parent / "parties.yaml"
_SHORT = 4
"""Names up to this many letters are near to too many others: TSMC, SMIC."""


@dataclass(frozen=True, slots=True)
class Party:
    """An end user: ``key`` is what conditions call it ('' for one that is not in the data)."""

    name: str
    key: str = ""
    kind: str = ""
    hq: str | None = None
    listed_from: dt.date | None = None
    listed_cite: str = ""
    grade: str = ""

    def listed(self, on: dt.date) -> bool:
        """Whether the Entity List names it on a day, as far as the data go."""
        return self.listed_from is not None and on >= self.listed_from


NOBODY = Party("")


def party(name: str | None) -> Party:
    """The party that a name or kind of buyer means; one that the data do not hold keeps its name and no kind."""
    text = " ".join((name or "").split())
    if not text:
        return NOBODY
    index = _index()
    found = index.get(_folded(text))
    if found is not None:
        return found
    # 'Alibaba Cloud Singapore' is Alibaba, 'state-funded data centre (new)' is one: the longest known words win.
    named = [p for pattern, p in _patterns() if pattern.search(text.casefold())]
    return named[0] if named else Party(text)


def not_held(given: Party) -> str:
    """What to tell of a named end user that the data do not hold; '' for one that they do, or none."""
    if not given.name or given.key or given.kind:
        return ""
    long_enough = len(given.name) > _SHORT
    close = nearest(given.name, [s for e in _data()["parties"].values() for s in e["names"]], 1) if long_enough else []
    hint = f"did you mean {close[0]}? Else " if close else ""
    return f"no party held here is called '{given.name[:60]}': {hint}screen it elsewhere"


def kinds() -> list[str]:
    """The kinds of buyer that conditions know."""
    return sorted(_data()["kinds"])


@cache
def _index() -> dict[str, Party]:
    data = _data()
    index: dict[str, Party] = {}
    for kind, spellings in data["kinds"].items():
        index |= {_folded(s): Party(spellings[0], kind=kind) for s in [kind, *spellings]}
    for key, entry in data["parties"].items():
        listed = entry.get("listed") or {}
        found = Party(
            entry["names"][0],
            key,
            entry["kind"],
            entry["hq"],
            listed.get("from"),
            listed.get("cite", ""),
            listed.get("grade", ""),
        )
        index |= {_folded(s): found for s in [key, *entry["names"]]}
    return index


@cache
def _patterns() -> list[tuple[re.Pattern[str], Party]]:
    """Known spellings as whole words, parties before kinds, longest first."""
    data, index = _data(), _index()
    names = [s for entry in data["parties"].values() for s in entry["names"]]
    words = [s for spellings in data["kinds"].values() for s in spellings]
    ordered = [*sorted(names, key=len, reverse=True), *sorted(words, key=len, reverse=True)]
    return [(re.compile(rf"(?<!\w){re.escape(s.casefold())}(?!\w)"), index[_folded(s)]) for s in ordered]


@cache
def _data() -> dict[str, Any]:
    return dict(read_yaml(DATA))


def _folded(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())
