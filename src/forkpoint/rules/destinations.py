"""Dated country groups (15 CFR part 740, Supp. 1): who is in D:1, D:4, D:5, A:1, A:5, A:6 on a day.

Hong Kong is China for licence requirements (85 FR 83765). Macau is in no D:5, but every advanced-computing
provision says "Macau or D:5".
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from forkpoint.catalog import catalog, read_rows
from forkpoint.errors import InputError, UnknownName

GROUPS = ("D1", "D4", "D5", "A1", "A5", "A6", "E1", "E2")
NAMES = Path(__file__).parent / "country_names.csv"
"""Spellings beyond the Country Chart's own: ISO alpha-3, official, common and Chinese names (ISO 3166-1, CLDR)."""
TREATED_AS = {"HK": "CN"}
"""Places without groups of their own, and whose groups apply."""


@dataclass(frozen=True, slots=True)
class Membership:
    """A country's groups over a span of days, and where that stands."""

    iso2: str
    country: str
    first_day: dt.date
    last_day: dt.date | None
    groups: frozenset[str]
    tier: int
    source: str

    @property
    def d5_or_macau(self) -> bool:
        """Whether the provisions on 'Macau or D:5' reach it."""
        return "D5" in self.groups or self.iso2 == "MO"


@cache
def memberships() -> dict[str, tuple[Membership, ...]]:
    """Every country's dated memberships by ISO code, oldest first."""
    found: dict[str, list[Membership]] = {}
    for row in catalog().countries:
        groups = frozenset(g for g in GROUPS if getattr(row, g))
        entry = Membership(
            row.iso2, row.country, row.valid_from, row.valid_to, groups, row.ai_diffusion_tier, row.source
        )
        found.setdefault(row.iso2, []).append(entry)
    return {iso: tuple(sorted(rows, key=lambda m: m.first_day)) for iso, rows in found.items()}


def membership(iso2: str, on: dt.date) -> Membership:
    """A country's groups on a day. Before its first dated row the first row is taken (the groups are older)."""
    rows = memberships()[TREATED_AS.get(iso2, iso2)]
    return next((m for m in reversed(rows) if m.first_day <= on), rows[0])


def country_code(name: str, what: str = "destination") -> str:
    """The ISO code of a country given by code or name. Raises UnknownName with the nearest.

    A territory that the Country Chart does not list has the code of the country that it belongs to (15 CFR 738.3(b)).
    """
    text = name.strip()
    if not text:
        raise InputError(f"the {what} is empty; expected a country, such as CN or China")
    known = memberships()
    if text.upper() in known:
        return text.upper()
    spoken = _words(text)
    found = _names().get(spoken) or _names().get(frozenset({"".join(_in_order(text))}))
    if found is None:
        spelled = [m[0].country for m in known.values()]
        raise UnknownName("country", text[:60], spelled if len(text) > 2 else known, where=what)
    return found


@cache
def _names() -> dict[frozenset[str], str]:
    """Every spelling, as a set of words and as one word, with its code."""
    spellings = {rows[0].country: iso for iso, rows in memberships().items()}
    for row in read_rows(NAMES, ("iso2", "names", "belongs_to")):
        code = row["belongs_to"] or row["iso2"] or ""
        spellings |= dict.fromkeys([row["iso2"] or "", *(row["names"] or "").split(";")], code)
    joined = {frozenset({"".join(_in_order(s))}): code for s, code in spellings.items()}
    return joined | {_words(s): code for s, code in spellings.items()}


def _words(text: str) -> frozenset[str]:
    """The words of a country's name in no order: 'Korea, Republic of' is 'the Republic of Korea'."""
    return frozenset(_in_order(text))


def _in_order(text: str) -> list[str]:
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return [w for w in re.findall(r"\w+", re.sub("['\u2019]", "", plain)) if w not in ("the", "of", "and")]
