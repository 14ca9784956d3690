"""The question: which item, to whom, where, what for, on which day, as known on which day."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
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
    "datacent": "datacenter",
    "dc": "datacenter",
    "server": "datacenter",
    "consumer": "consumer",
    "gaming": "consumer",
    "workstation": "workstation",
    "professional": "workstation",
    "pro": "workstation",
    "memory": None,
    "hbm": None,
    "na": None,
}
_TRANSACTION_STARTS = {
    "reexport": "reexport",
    "re_export": "reexport",
    "export_from": "export_from_abroad",
    "transfer": "transfer_in_country",
    "in_country": "transfer_in_country",
    "import": "import_to_us",
    "deemed": "deemed_export",
    "fab": "foundry_export",
}
_TRANSACTION_WORDS = {
    **dict.fromkeys(("service", "servicing", "finance", "financing", "cloud", "iaas", "remote_access"), "use"),
    "export": "export_from_us",
    "re_export": "reexport",
}
_PURPOSE_SIGNS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"test", "export"}), "us_test_then_export"),
    (frozenset({"testing", "export"}), "us_test_then_export"),
    (frozenset({"consumer"}), "non_dc_consumer"),
    (frozenset({"industrial"}), "non_dc_civil_industrial"),
    (frozenset({"repair"}), "us_repair_replacement"),
    (frozenset({"replacement"}), "us_repair_replacement"),
    (frozenset({"research"}), "us_research"),
    (frozenset({"startup"}), "us_startup"),
    (frozenset({"start", "up"}), "us_startup"),
    (frozenset({"public", "sector"}), "us_public_sector"),
    (frozenset({"us", "center"}), "us_data_centre"),
    (frozenset({"us", "centre"}), "us_data_centre"),
    (frozenset({"supercomputer"}), "supercomputer"),
    (frozenset({"military"}), "military"),
)
"""Words that tell a purpose however it is phrased."""
_PURPOSE_WORDS = {
    "us_data_center": "us_data_centre",
    "us_datacenter": "us_data_centre",
    "us_datacentre": "us_data_centre",
    "us_repair": "us_repair_replacement",
    "us_replacement": "us_repair_replacement",
    "us_repair_or_replacement": "us_repair_replacement",
    "us_rd": "us_research",
    "us_r_d": "us_research",
    "us_research_and_development": "us_research",
    "us_research_development": "us_research",
    "us_start_up": "us_startup",
    "consumer": "non_dc_consumer",
    "us_consumer": "non_dc_consumer",
    "non_data_centre_consumer": "non_dc_consumer",
    "non_data_center_consumer": "non_dc_consumer",
    "civil_industrial": "non_dc_civil_industrial",
    "us_civil_industrial": "non_dc_civil_industrial",
    "non_data_center_civil_industrial": "non_dc_civil_industrial",
    "non_data_centre_civil_industrial": "non_dc_civil_industrial",
    "public_sector": "us_public_sector",
    "us_government": "us_public_sector",
    "training": "model_training",
    "test_then_export": "us_test_then_export",
}
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
    if folded not in TRANSACTIONS:
        if "foundry" in folded or "fabricator" in folded:
            return "foundry_export"
        if "osat" in folded.split("_") or "packager" in folded:
            return "osat_export"
        for start, kind in _TRANSACTION_STARTS.items():
            if folded.startswith(start) and folded not in _TRANSACTION_WORDS:
                return kind
    return _word(text, "transaction", TRANSACTIONS, _TRANSACTION_WORDS)


def purpose_of(text: str) -> str:
    """A purpose as people type it; one that no clause asks about is ``other``. Raises UnknownName for a slip."""
    folded = _folded(text)
    known = {**PURPOSES, **_PURPOSE_WORDS}
    if folded not in known:
        words = set(folded.split("_"))
        for needed, meant in _PURPOSE_SIGNS:
            if needed <= words:
                return meant
        if not nearest(folded, known, 1):
            return "other"
    return _word(text, "purpose", PURPOSES, _PURPOSE_WORDS)


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


def _word(text: str, what: str, valid: Mapping[str, str], other: Mapping[str, str]) -> str:
    folded = _folded(text)
    folded = other.get(folded, folded)
    if folded not in valid:
        raise UnknownName(what, text[:60], [v for v in valid if v])
    return folded


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
