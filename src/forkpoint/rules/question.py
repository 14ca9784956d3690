"""The question: which item, to whom, where, what for, on which day, as known on which day."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from forkpoint.errors import InputError, UnknownName, nearest
from forkpoint.rules.clauses import parse_day
from forkpoint.rules.destinations import TREATED_AS, Membership, country_code, membership
from forkpoint.rules.items import SEGMENTS
from forkpoint.rules.parties import Party, party
from forkpoint.rules.predicate import NO, Fact, Number, Word, exactly, truth

TRANSACTIONS = {
    "export_from_us": "export from the United States",
    "reexport": "reexport from a third country",
    "export_from_abroad": "export of a foreign-made item",
    "transfer_in_country": "transfer within the destination",
    "import_to_us": "import into the United States",
    "deemed_export": "release of technology to a foreign person",
    "foundry_export": "export by a front-end fabricator",
    "osat_export": "export by an assembly and test house",
    "use": "use, service or finance of an item that is already there, remote access included",
}
PURPOSES = {
    "": "not stated",
    "us_data_centre": "for a US data centre",
    "us_test_then_export": "tested in the US, then exported",
    "us_repair_replacement": "repair or replacement in the US",
    "us_research": "research and development in the US",
    "us_startup": "for a US start-up",
    "non_dc_consumer": "consumer use outside data centres",
    "non_dc_civil_industrial": "civil industrial use outside data centres",
    "us_public_sector": "US public sector",
    "supercomputer": "for a supercomputer",
    "military": "military end use or user",
    "military_intelligence": "military-intelligence end use or user",
    "wmd": "nuclear, missile, chemical or biological weapons",
    "model_training": "training of AI models",
    "technical_analysis": "technical analysis or destructive test only",
    "other": "something else",
}
_SEGMENT_WORDS = {
    **dict.fromkeys(("datacent", "dc", "server", "cloud", "hpc", "enterprise"), "datacenter"),
    **dict.fromkeys(("consumer", "gaming", "desktop", "laptop", "notebook", "mobile", "embedded"), "consumer"),
    **dict.fromkeys(("automotive", "edge", "nondatacent", "notdatacent"), "consumer"),
    **dict.fromkeys(("workstation", "professional", "pro"), "workstation"),
    **dict.fromkeys(("memory", "hbm", "system", "na", "none", "unknown"), None),
}
"""How a segment begins as people write it; None leaves it to the catalogue."""
_DENIALS = frozenset({"non", "not", "no"})
_US = frozenset({"us", "usa", "states", "america"})
_TRANSACTION_SIGNS: tuple[tuple[frozenset[str], str], ...] = (
    *((frozenset({w}), "deemed_export") for w in ("deemed", "release")),
    *((frozenset({w}), "foundry_export") for w in ("foundry", "fab", "fabricator")),
    *((frozenset({w}), "osat_export") for w in ("osat", "packager")),
    *((frozenset(w), "reexport") for w in (("reexport",), ("reexported",), ("re", "export"), ("re", "exported"))),
    *((frozenset(w), "transfer_in_country") for w in (("transfer",), ("retransfer",), ("in", "country"), ("resale",))),
    *((frozenset({w}), "use") for w in ("use", "service", "servicing", "finance", "financing", "cloud", "iaas")),
    *((frozenset(w), "use") for w in (("remote", "access"), ("rental",))),
    *((frozenset(w), "export_from_abroad") for w in (("abroad",), ("foreign", "export"))),
    *((frozenset({w}), "export_from_us") for w in ("export", "sale", "shipment", "purchase")),
)
"""Words that tell a kind of transaction however it is phrased, the first that fits."""
_PURPOSE_SIGNS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"test", "export"}), "us_test_then_export"),
    (frozenset({"testing", "export"}), "us_test_then_export"),
    (frozenset({"military", "intelligence"}), "military_intelligence"),
    *((frozenset({w}), "military") for w in ("military", "pla")),
    *((frozenset({w}), "wmd") for w in ("wmd", "nuclear", "missile", "missiles", "chemical", "biological")),
    *((frozenset(w), "technical_analysis") for w in (("destructive",), ("teardown",), ("reverse", "engineering"))),
    (frozenset({"supercomputer"}), "supercomputer"),
    (frozenset({"training"}), "model_training"),
    (frozenset({"consumer"}), "non_dc_consumer"),
    (frozenset({"industrial"}), "non_dc_civil_industrial"),
    (frozenset({"repair"}), "us_repair_replacement"),
    (frozenset({"replacement"}), "us_repair_replacement"),
    (frozenset({"research"}), "us_research"),
    *((frozenset(w), "us_research") for w in (("us", "rd"), ("r", "d"))),
    (frozenset({"startup"}), "us_startup"),
    (frozenset({"start", "up"}), "us_startup"),
    (frozenset({"public", "sector"}), "us_public_sector"),
    (frozenset({"us", "government"}), "us_public_sector"),
    *((frozenset({"us", w}), "us_data_centre") for w in ("center", "centre", "datacenter", "datacentre")),
)
"""Words that tell a purpose however it is phrased, the first that fits."""
SWITCHES = {
    "diffusion_enforced": "the AI Diffusion rule of January 2025 applies from its compliance date",
    "affiliates_rule": "the 50 % Affiliates rule applies (true) or is stayed (false)",
    "letter_datacenter_only": "the letters of April 2025 reach data-centre parts only",
}
"""Scenario switches: None leaves each to its dates."""
OLDEST_DAY = dt.date(2000, 1, 1)
"""First day of the oldest clauses."""
STATUS_DATE = dt.date(2026, 11, 23)
"""Last day that the sources were searched."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the law. ``hq`` and ``parent`` are ISO codes; without ``hq`` the end user's or destination's."""

    to: str = "CN"
    on: dt.date = STATUS_DATE
    known: dt.date | None = None
    hq: str | None = None
    parent: str | None = None
    end_user: Party = field(default_factory=lambda: party(None))
    transaction: str = "export_from_us"
    purpose: str = ""
    certified: bool = True
    volume_share: float | None = None
    listed_ownership: float | None = None
    approved_designer: bool = False
    order_tpp: float | None = None
    country_tpp: float | None = None
    switches: Mapping[str, bool | None] = field(default_factory=dict)

    @property
    def headquarters(self) -> str:
        """The end user's headquarters: as given, else as known of the name, else the destination."""
        return self.hq or self.end_user.hq or self.to

    @property
    def known_as_of(self) -> dt.date:
        """The day whose knowledge of the law counts; by default all that is known."""
        return dt.date.max if self.known is None else self.known

    def group(self, iso2: str) -> Membership:
        """A country's groups on the day of the question, by what was known."""
        return membership(iso2, min(self.on, self.known_as_of))

    def facts(self) -> dict[str, Fact]:
        """The facts of the question that conditions test."""
        to, hq = self.group(self.to), self.group(self.headquarters)
        owners = [hq] + ([self.group(self.parent)] if self.parent else [])
        allied = all(o.iso2 == "US" or o.groups & {"A5", "A6"} for o in owners)
        facts: dict[str, Fact] = {
            "destination": Word(TREATED_AS.get(self.to, self.to)),
            "destination_as_named": Word(self.to),
            "destination_d5_or_macau": truth(to.d5_or_macau),
            "destination_tier_1": truth(to.tier == 1),
            "hq": Word(self.headquarters),
            "hq_d5_or_macau": truth(any(o.d5_or_macau for o in owners)),
            "hq_us_a5_a6": truth(allied),
            "hq_tier_1": truth(all(o.tier == 1 for o in owners)),
            "end_user": Word(self.end_user.key),
            "buyer_kind": Word(self.end_user.kind),
            "entity_listed": truth(self.end_user.listed(self.on)),
            "listed_ownership": exactly(self.listed_ownership or 0.0),
            "transaction": Word(self.transaction),
            "purpose": Word(self.purpose),
            "certified": truth(self.certified),
            "volume_share": exactly(self.volume_share or 0.0),
            "approved_designer": truth(self.approved_designer),
            "order_tpp": _amount(self.order_tpp),
            "country_tpp": exactly(self.country_tpp or 0.0),
        }
        for group in ("D1", "D4", "D5", "A1", "A5", "A6", "E1", "E2"):
            facts[f"destination_{group.lower()}"] = truth(group in to.groups)
        for switch in SWITCHES:
            facts.setdefault(switch, truth(self.switches.get(switch)) if self.switches.get(switch) else NO)
        return facts


def ask(
    *,
    to: str = "CN",
    on: str | dt.date | None = None,
    known: str | dt.date | None = None,
    hq: str | None = None,
    parent: str | None = None,
    end_user: str | None = None,
    transaction: str | None = None,
    purpose: str | None = None,
    certified: bool = True,
    exported_tpp: float | None = None,
    us_tpp: float | None = None,
    listed_ownership: float | None = None,
    approved_designer: bool = False,
    order_tpp: float | None = None,
    country_tpp: float | None = None,
    switches: Mapping[str, bool | None] | None = None,
) -> Question:
    """A question from words as people type them. Raises InputError that names the option, the value and the nearest.

    ``exported_tpp`` and ``us_tpp`` are the running sums of the January 2026 volume test.
    """
    chosen = dict(switches or {})
    for name in chosen:
        if name not in SWITCHES:
            raise UnknownName("switch", name, SWITCHES)
    return Question(
        to=country_code(to, "destination"),
        on=day(on, "the day of the question") or dt.date.today(),
        known=day(known, "the known-as-of day"),
        hq=country_code(hq, "headquarters") if hq else None,
        parent=country_code(parent, "ultimate parent's headquarters") if parent else None,
        end_user=party(end_user),
        transaction=transaction_of(transaction or "export_from_us"),
        purpose=purpose_of(purpose or ""),
        certified=certified,
        volume_share=_share(exported_tpp, us_tpp),
        listed_ownership=_fraction(listed_ownership),
        approved_designer=approved_designer,
        order_tpp=_finite(order_tpp, "order_tpp"),
        country_tpp=_finite(country_tpp, "country_tpp"),
        switches=chosen,
    )


def segment_of(text: str | None) -> str | None:
    """A segment as people type it, or None. Raises UnknownName."""
    if not text or not text.strip():
        return None
    folded = "".join(c for c in text.casefold() if c.isalnum())
    for start, segment in _SEGMENT_WORDS.items():
        if folded.startswith(start):
            return segment
    raise UnknownName("segment", text[:60], SEGMENTS)


def transaction_of(text: str) -> str:
    """A kind of transaction as people type it. Raises UnknownName."""
    folded = _folded(text)
    if folded in TRANSACTIONS:
        return folded
    words = folded.split("_")
    if "import" in words and (_US & set(words) or words == ["import"]):
        return "import_to_us"
    if words[:2] == ["export", "from"] and not _US & set(words):
        return "export_from_abroad"
    meant = _signed(words, _TRANSACTION_SIGNS)
    if meant is None:
        raise UnknownName("transaction", text[:60], TRANSACTIONS)
    return meant


def purpose_of(text: str) -> str:
    """A purpose as people type it; one that no clause asks about is ``other``. Raises UnknownName for a slip."""
    folded = _folded(text)
    words = folded.split("_")
    meant = folded if folded in PURPOSES else _signed(words, _PURPOSE_SIGNS)
    if meant is None and not _DENIALS & set(words) and nearest(folded, PURPOSES, 1):
        raise UnknownName("purpose", text[:60], [p for p in PURPOSES if p])
    return "other" if meant is None else meant


def _signed(words: list[str], signs: Iterable[tuple[frozenset[str], str]]) -> str | None:
    """What the words tell; one that follows 'non' or 'not' tells nothing."""
    said = {w for w, before in zip(words, ["", *words], strict=False) if before not in _DENIALS}
    return next((meant for needed, meant in signs if needed <= said), None)


def day(value: str | dt.date | None, what: str) -> dt.date | None:
    """A day from text, ``today`` included. Raises InputError, also for a day before the oldest law described."""
    if value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        value = dt.date.today() if text.casefold() == "today" else parse_day(text, what)
    if value < OLDEST_DAY:
        raise InputError(f"{what}: {value} lies before {OLDEST_DAY}, the oldest law described here")
    return value


def on_day(question: Question, on: dt.date) -> Question:
    """The same question on another day."""
    return replace(question, on=on)


def _folded(text: str) -> str:
    return "_".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())


def _share(exported: float | None, shipped: float | None) -> float | None:
    if exported is None and shipped is None:
        return None
    if exported is None or shipped is None:
        raise InputError("the volume test needs both sums: TPP exported to China and Macau, and TPP shipped in the US")
    a, b = _finite(exported, "exported_tpp"), _finite(shipped, "us_tpp")
    assert a is not None
    return a / b if b else (math.inf if a else 0.0)


def _fraction(value: float | None) -> float | None:
    if value is not None and not 0 <= value <= 1:
        raise InputError(f"the share owned by listed parties is {value}, not between 0 and 1")
    return value


def _finite(value: float | None, what: str) -> float | None:
    if value is not None and not (math.isfinite(value) and value >= 0):
        raise InputError(f"{what} is {value}, not a finite number of at least zero")
    return value


def _amount(value: float | None) -> Number:
    # An order of unstated size claims no size-bound exception.
    return exactly(math.nan if value is None else value)
