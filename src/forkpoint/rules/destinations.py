"""Dated country groups (15 CFR part 740, Supp. 1): who is in D:1, D:4, D:5, A:1, A:5, A:6 on a day.

Hong Kong is China for licence requirements (85 FR 83765). Macau is in no D:5, but every advanced-computing
provision says "Macau or D:5".
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache

from forkpoint.catalog import catalog
from forkpoint.errors import InputError, UnknownName

GROUPS = ("D1", "D4", "D5", "A1", "A5", "A6", "E1", "E2")
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
    """The ISO code of a country given by code or name. Raises UnknownName with the nearest."""
    text = name.strip()
    if not text:
        raise InputError(f"the {what} is empty; expected a country, such as CN or China")
    known = memberships()
    if text.upper() in known:
        return text.upper()
    names = _names()
    found = names.get(text.casefold())
    if found is None:
        spelled = [m[0].country for m in known.values()]
        raise UnknownName("country", text[:60], spelled if len(text) > 2 else known, where=what)
    return found


@cache
def _names() -> dict[str, str]:
    names = {rows[0].country.casefold(): iso for iso, rows in memberships().items()}
    extra = {"prc": "CN", "mainland china": "CN", "hong kong": "HK", "macao": "MO", "uk": "GB", "great britain": "GB"}
    extra |= {"usa": "US", "uae": "AE", "south korea": "KR", "korea": "KR", "中国": "CN", "香港": "HK", "澳门": "MO"}
    extra |= {"russia": "RU", "vietnam": "VN", "iran": "IR", "north korea": "KP", "america": "US"}
    return names | {k: v for k, v in extra.items() if v in memberships()}
