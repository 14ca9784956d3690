"""Who gets it: an end user by name or by kind, with headquarters, and since when a US list names it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from forkpoint.files import read_yaml

DATA = Path(__file__).parent / "parties.yaml"


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
    found = _index().get(_folded(text))
    return Party(text) if found is None else found


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
def _data() -> dict[str, Any]:
    return dict(read_yaml(DATA))


def _folded(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())
