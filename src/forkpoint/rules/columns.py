"""A table of questions as arrays of facts, for the sweep of many questions at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from forkpoint.errors import InputError, UnknownName
from forkpoint.rules.destinations import GROUPS, TREATED_AS, country_code, memberships
from forkpoint.rules.items import Item, find_items
from forkpoint.rules.parties import party
from forkpoint.rules.predicate import NO, Fact, Number, Truth, Word, truth
from forkpoint.rules.question import ask, day, purpose_of, segment_of, transaction_of

QUANTITIES = ("tpp", "performance_density", "aggregate_io_gbs", "dram_bw_gbs", "interconnect_bw_gbs", "transistors_bn")
"""The quantities of a hypothetical chip; one that is left out or NaN is unknown."""
_ABOUT = frozenset(
    {"chip", "sku", "to", "on", "known", "hq", "parent", "end_user", "transaction", "purpose", "segment"}
    | {*QUANTITIES, "datacenter", "vendor", "vendor_country", "certified", "volume_share"}
)

T = TypeVar("T", bound=Hashable)
Array = NDArray[Any]
Table = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class Codes:
    """An array of names as small integers; comparing it with a name gives an array of truths."""

    def __init__(self, codes: Array, names: Sequence[str]) -> None:
        self.names = tuple(dict.fromkeys(names))
        self._index = {name: i for i, name in enumerate(self.names)}
        self.codes = codes
        if len(self.names) < len(names):
            self.codes = np.array([self._index[n] for n in names])[codes]

    def __eq__(self, other: object) -> Any:
        code = self._index.get(other) if isinstance(other, str) else None
        return np.zeros(len(self.codes), bool) if code is None else self.codes == code

    __hash__ = None  # type: ignore[assignment]

    def take(self, rows: Array) -> Codes:
        """The names at some rows."""
        return Codes(self.codes[rows], self.names)


def take(fact: Fact, rows: Array) -> Fact:
    """A fact at some rows; one that is the same everywhere stays as it is."""
    match fact:
        case Number(low=low, high=high):
            return Number(_at(low, rows), _at(high, rows))
        case Truth(surely=surely, possibly=possibly):
            return Truth(_at(surely, rows), _at(possibly, rows))
        case Word(value=value, unknown=unknown):
            return Word(value.take(rows) if isinstance(value, Codes) else value, _at(unknown, rows))


def _at(value: Any, rows: Array) -> Any:
    return value[rows] if isinstance(value, np.ndarray) else value


def read_columns(table: Table) -> tuple[dict[str, list[Any]], int]:
    """A table as columns of one length. Raises InputError, UnknownName for a column that is none of a question's."""
    if isinstance(table, Mapping):
        columns = {k: list(v) if not isinstance(v, np.ndarray) else v.tolist() for k, v in table.items()}
    else:
        names = list(dict.fromkeys(name for keys in {tuple(row) for row in table} for name in keys))
        columns = {n: [row.get(n) for row in table] for n in names}
    sizes = {len(v) for v in columns.values()}
    if len(sizes) > 1:
        raise InputError(f"the columns of the table have different lengths: {sorted(sizes)}")
    for name in columns:
        if name not in _ABOUT:
            raise UnknownName("column", name, _ABOUT)
    return columns, sizes.pop() if sizes else 0


def item_facts(columns: Mapping[str, list[Any]], count: int) -> tuple[Array, dict[str, Fact], Array]:
    """The row of every world, the facts of its item, and whether it is a system."""
    if "chip" not in columns or "tpp" in columns:
        own: dict[str, Any] = {k: np.asarray(v) for k, v in columns.items() if k in {*QUANTITIES, "datacenter"}}
        own |= {k: columns[k] for k in ("vendor", "vendor_country", "chip") if k in columns}
        if "segment" in columns:
            own["datacenter"] = np.array([segment_of(s) in (None, "datacenter") for s in columns["segment"]])
        return np.arange(count), chip_facts(own, count), np.zeros(count, bool)
    asked = list(zip(*(columns.get(k) or [None] * count for k in ("chip", "sku", "segment")), strict=True))
    found: dict[tuple[Any, ...], int] = {}
    items: list[Item] = []
    spans: list[tuple[int, int]] = []
    for key in dict.fromkeys(asked):
        found[key] = len(spans)
        mine = find_items(str(key[0]), str(key[1] or ""), segment_of(key[2]))
        spans.append((len(items), len(mine)))
        items += mine
    which = np.array([found[key] for key in asked], dtype=np.int64)
    starts, sizes = np.array([s for s, _ in spans]), np.array([n for _, n in spans])
    worlds = np.repeat(np.arange(count), sizes[which])
    within = np.arange(len(worlds)) - np.repeat(np.cumsum(sizes[which]) - sizes[which], sizes[which])
    number = starts[which][worlds] + within
    facts = {name: take(_stacked([i.facts[name] for i in items]), number) for name in items[0].facts}
    return worlds, facts, np.array([bool(i.system) for i in items])[number]


def _stacked(facts: Sequence[Fact]) -> Fact:
    """One fact of arrays from many single ones."""
    first = facts[0]
    if isinstance(first, Number):
        pairs = [(f.low, f.high) for f in facts if isinstance(f, Number)]
        return Number(np.array([a for a, _ in pairs], float), np.array([b for _, b in pairs], float))
    if isinstance(first, Truth):
        answers = [(f.surely, f.possibly) for f in facts if isinstance(f, Truth)]
        return Truth(np.array([a for a, _ in answers], bool), np.array([b for _, b in answers], bool))
    words = [f for f in facts if isinstance(f, Word)]
    return Word(codes([w.value for w in words]), np.array([bool(w.unknown) for w in words]))


def codes(values: Sequence[str]) -> Codes:
    """Names as an array of codes."""
    names = list(dict.fromkeys(values))
    index = {name: i for i, name in enumerate(names)}
    return Codes(np.array([index[v] for v in values], dtype=np.int64), names)


def chip_facts(chips: Mapping[str, Any], count: int) -> dict[str, Fact]:
    """The facts of hypothetical chips from columns of quantities."""
    valid = {*QUANTITIES, "datacenter", "vendor", "vendor_country", "chip"}
    for name in chips:
        if name not in valid:
            raise UnknownName("quantity", name, valid)
    facts: dict[str, Fact] = {}
    for name in QUANTITIES:
        values = np.broadcast_to(np.asarray(chips.get(name, np.nan), float), (count,))
        unknown = np.isnan(values)
        facts[name] = Number(np.where(unknown, 0.0, values), np.where(unknown, np.inf, values))
    datacenter = np.broadcast_to(np.asarray(chips.get("datacenter", True), bool), (count,))
    facts["datacenter"] = Truth(datacenter, datacenter)
    shown = facts["transistors_bn"]
    assert isinstance(shown, Number)
    facts["transistors_shown_bn"] = Number(shown.high, shown.high)
    facts |= {"is_ic": truth(True), "is_memory": NO, "advanced_node": truth(True), "copackaged_hbm": truth(None)}
    facts["memory_bandwidth_density"] = Number(np.nan, np.nan)
    for name in ("vendor", "vendor_country", "chip"):
        given = chips.get(name, "own" if name == "chip" else None)
        names = [given] * count if given is None or isinstance(given, str) else list(given)
        missing = np.array([n is None for n in names])
        facts[name] = Word(codes([n or "" for n in names]), missing)
    return facts


def designer_facts(facts: Mapping[str, Fact], day: Array) -> dict[str, Fact]:
    """Facts on the designer's country, for the foundry presumption."""
    country = facts["vendor_country"]
    assert isinstance(country, Word)
    assert isinstance(country.value, Codes)
    known = [n if n in memberships() else "" for n in country.value.names]
    groups = _groups(Codes(country.value.codes, known), day)
    trusted = groups["A1"] | groups["A5"] | (country.value == "TW")
    unknown = country.unknown
    return {
        "designer_a1_a5_taiwan": Truth(trusted & ~unknown, trusted | unknown),
        "designer_d5_or_macau": Truth(groups["d5_or_macau"] & ~unknown, groups["d5_or_macau"] | unknown),
    }


def _groups(places: Codes, day: Array) -> dict[str, Array]:
    """Country groups of coded places on coded days."""
    names = (*GROUPS, "d5_or_macau", "tier_1")
    result = {name: np.zeros(len(day), bool) for name in names}
    if not places.names:
        return result
    rows = [memberships().get(TREATED_AS.get(n, n), ()) for n in places.names]
    for number in range(max(len(r) for r in rows)):
        has = np.array([len(r) > number for r in rows])
        first = np.array([r[number].first_day.toordinal() if len(r) > number else 0 for r in rows])
        here = has[places.codes] & ((day >= first[places.codes]) | (number == 0))
        for name in names:
            value = np.array([_has(r[number], name) if len(r) > number else False for r in rows])
            result[name] = np.where(here, value[places.codes], result[name])
    return result


def _has(entry: Any, name: str) -> bool:
    if name == "d5_or_macau":
        return bool(entry.d5_or_macau)
    return entry.tier == 1 if name == "tier_1" else name in entry.groups


def question_facts(columns: Mapping[str, list[Any]], count: int) -> dict[str, Any]:
    """The facts of every row's question, and its two days as ordinals."""
    default = ask()
    on = _days(columns.get("on"), count, default.on, "on")
    known = _days(columns.get("known"), count, dt.date.max, "known")
    group_day = np.minimum(on, known)
    parties = _mapped(columns.get("end_user"), count, party(None), party)
    to = _mapped(columns.get("to"), count, "CN", lambda v: country_code(v, "destination"))
    asked = _mapped(columns.get("hq"), count, "", lambda v: country_code(v, "headquarters"))
    hq = [h or p.hq or t for h, p, t in zip(asked, parties, to, strict=True)]
    parent = _mapped(columns.get("parent"), count, "", lambda v: country_code(v, "ultimate parent's headquarters"))
    at_to, at_hq = _groups(codes(to), group_day), _groups(codes(hq), group_day)
    at_parent = _groups(codes([p or h for p, h in zip(parent, hq, strict=True)]), group_day)
    transactions = _mapped(columns.get("transaction"), count, "export_from_us", transaction_of)
    purposes = _mapped(columns.get("purpose"), count, "", purpose_of)
    owner = [p or h for p, h in zip(parent, hq, strict=True)]
    allied = (codes(hq) == "US") | at_hq["A5"] | at_hq["A6"]
    allied &= (codes(owner) == "US") | at_parent["A5"] | at_parent["A6"]
    certified = np.array([v is not False for v in columns.get("certified") or [True] * count])
    share = np.array([v or 0.0 for v in columns.get("volume_share") or [0.0] * count], float)
    listed = np.array([p.listed_from.toordinal() if p.listed_from else np.inf for p in parties], float)
    facts: dict[str, Any] = {
        "day": on,
        "known": known,
        "destination": Word(codes([TREATED_AS.get(t, t) for t in to])),
        "destination_as_named": Word(codes(to)),
        "destination_d5_or_macau": _flag(at_to["d5_or_macau"]),
        "destination_tier_1": _flag(at_to["tier_1"]),
        "hq": Word(codes(hq)),
        "hq_d5_or_macau": _flag(at_hq["d5_or_macau"] | at_parent["d5_or_macau"]),
        "hq_us_a5_a6": _flag(allied),
        "hq_tier_1": _flag(at_hq["tier_1"] & at_parent["tier_1"]),
        "end_user": Word(codes([p.key for p in parties])),
        "buyer_kind": Word(codes([p.kind for p in parties])),
        "entity_listed": _flag(on >= listed),
        "transaction": Word(codes(transactions)),
        "purpose": Word(codes(purposes)),
        "certified": _flag(certified),
        "volume_share": Number(share, share),
    }
    facts |= {f"destination_{g.lower()}": _flag(at_to[g]) for g in GROUPS}
    rest = default.facts()
    return facts | {n: rest[n] for n in ("listed_ownership", "approved_designer", "order_tpp", "country_tpp")}


def _flag(answers: Array) -> Truth:
    return Truth(answers, answers)


def _days(values: Sequence[Any] | None, count: int, default: dt.date, column: str) -> Array:
    if values is None:
        return np.full(count, default.toordinal())
    seen: dict[Any, int] = {None: default.toordinal(), "": default.toordinal()}
    for value in dict.fromkeys(values):
        if value not in seen:
            read = day(value if isinstance(value, dt.date) else str(value), f"column '{column}'")
            assert read is not None
            seen[value] = read.toordinal()
    return np.array([seen[v] for v in values])


def _mapped(values: Sequence[Any] | None, count: int, default: T, read: Callable[[str], T]) -> list[T]:
    """A column of words read once each; empty cells take the default."""
    if values is None:
        return [default] * count
    seen = {v: read(str(v)) if v not in (None, "") else default for v in dict.fromkeys(values)}
    return [seen[v] for v in values]
