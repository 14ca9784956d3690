"""What is asked about: the chips that a name can mean, the chip in a system, a memory stack, a chip of one's own.

An item carries the facts that conditions test. Rival figures make rival items; a missing figure stays an interval.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forkpoint.catalog import catalog
from forkpoint.errors import InputError, UnknownName
from forkpoint.files import read_yaml, require_keys
from forkpoint.rules import metrics
from forkpoint.rules.destinations import country_code
from forkpoint.rules.predicate import NO, YES, Fact, Number, Truth, Word, truth, word

if TYPE_CHECKING:
    from forkpoint.catalog import Accelerator, Catalog, HbmStack

DATA = Path(__file__).parent / "items.yaml"
SEGMENTS = ("datacenter", "workstation", "consumer")
NUMBERS = {
    "tpp": ("TPP", ""),
    "performance_density": ("performance density", "TPP/mm²"),
    "aggregate_io_gbs": ("aggregate I/O (2022)", "GB/s"),
    "dram_bw_gbs": ("total DRAM bandwidth", "GB/s"),
    "interconnect_bw_gbs": ("interconnect bandwidth", "GB/s"),
    "memory_bandwidth_density": ("memory bandwidth density", "GB/s/mm²"),
    "transistors_bn": ("transistors", "bn"),
}
"""The quantities of an item: what people call them, and their unit."""
_FIGURES = {
    **dict.fromkeys(metrics.BIT_LENGTHS, "dense peak rate, TFLOPS or TOPS"),
    "logic_die_area_mm2": "area of all logic dies on non-planar nodes",
    "planar": "whether all logic dies are planar",
    "process_node": "such as 7nm",
    "transistors_bn": "billions of transistors",
    "mem_type": "such as HBM3 or GDDR6",
    "mem_bw_gbs": "total DRAM bandwidth",
    "link_name": "name of the fabric",
    "link_bw_gbs": "fabric bandwidth, bidirectional total",
    "pcie": "such as PCIe 5.0 x16",
    "interconnect_bw_gbs": "aggregate of all links with PCIe, instead of link_bw_gbs and pcie",
}
OWN_FIGURES = _FIGURES | {
    "vendor": "NVIDIA, AMD, Intel, …: letters reach firms",
    "vendor_country": "ISO code of the designer",
    "tpp": "instead of the rates",
    "performance_density": "instead of the area",
}
"""What a person may say of a chip of their own: key → meaning."""


@dataclass(frozen=True)
class Item:
    """One thing to classify: who designed it, what it is part of, and its measured facts with their sources."""

    id: str
    name: str
    vendor: str | None
    vendor_country: str | None
    segment: str
    figures: Mapping[str, Any]
    facts: Mapping[str, Fact]
    system: str = ""
    sources: tuple[str, ...] = ()
    quality: str = ""
    variant: str = ""
    notes: tuple[str, ...] = ()


def find_items(chip: str, sku: str = "", segment: str | None = None) -> list[Item]:
    """Every item that ``chip`` (with ``sku``) can mean, rivals included. Raises UnknownName, AmbiguousName."""
    stacks = _memory_stack(chip, sku)
    if stacks:
        return stacks
    mark, inside = _system(chip)
    chips = _accelerators(inside, sku)
    return [replace(i, system=mark) for a in chips for i in items_of(a, segment)]


def items_of(chip: Accelerator, segment: str | None = None) -> list[Item]:
    """A catalogue chip as an item, and one more item for every rival figure that the law's definitions admit."""
    figures = {name: getattr(chip, name) for name in _FIGURES if hasattr(chip, name)}
    named = _data()["segments"].get(chip.id, {})
    chosen = segment or chip.segment
    notes: tuple[str, ...] = ()
    datacenter = chosen == "datacenter"
    if chosen == "workstation" and named:
        datacenter, notes = bool(named["datacenter"]), (str(named["why"]),)
    base = Item(
        chip.id,
        chip.name,
        chip.vendor,
        chip.vendor_country,
        chosen,
        figures,
        facts_of(figures, datacenter=datacenter, chip=chip.id, vendor=chip.vendor, vendor_country=chip.vendor_country),
        sources=chip.source_urls,
        quality=chip.quality,
        notes=notes,
    )
    return [base, *_rivals(base, datacenter)]


def own_item(specs: object, where: str, segment: str | None = None) -> Item:
    """A chip of the user's own from a table of figures. Raises InputError that names file and key."""
    optional = OWN_FIGURES | {
        "id": "a catalogue id, where clauses name it",
        "segment": " or ".join(SEGMENTS),
        "notes": "free text",
    }
    table = require_keys(specs, where, required={"name": "what to call it"}, optional=optional)
    table["vendor"], home = _vendor(table.get("vendor"))
    country = table.get("vendor_country")
    table["vendor_country"] = country_code(str(country), f"{where}: designer's country") if country else home
    chosen = segment or table.get("segment", "datacenter")
    if chosen not in SEGMENTS:
        raise UnknownName("segment", str(chosen), SEGMENTS, where=where)
    for key in filter(is_quantity, table):
        if table[key] is not None:
            table[key] = _positive(table[key], f"{where}: '{key}'")
    facts = dict(
        facts_of(
            table,
            datacenter=chosen == "datacenter",
            chip=str(table.get("id", "own")),
            vendor=table.get("vendor"),
            vendor_country=table.get("vendor_country"),
        )
    )
    if table.get("tpp") is not None:
        tpp = Number(table["tpp"], table["tpp"])
        facts |= {"tpp": tpp, "performance_density": metrics.performance_density(table, tpp)}
    if table.get("performance_density") is not None:
        facts["performance_density"] = Number(table["performance_density"], table["performance_density"])
    return Item(
        str(table.get("id", "own")),
        str(table["name"]),
        table.get("vendor"),
        table.get("vendor_country"),
        chosen,
        table,
        facts,
        sources=(where,),
    )


def _vendor(name: object) -> tuple[str | None, str | None]:
    """A firm and its country as the catalogue has them, where it does: letters name firms."""
    typed = str(name or "").strip()
    known = {a.vendor.casefold(): (a.vendor, a.vendor_country) for a in catalog().accelerators.values()}
    folded = typed.casefold()
    return known.get(folded) or known.get(folded.split(" ")[0]) or (typed or None, None)


def is_quantity(figure: str) -> bool:
    """Whether one of ``OWN_FIGURES`` is a number."""
    return figure.endswith(("_tflops", "_tops", "_gbs", "_mm2", "_bn", "tpp", "performance_density"))


def unknown_item(name: str, segment: str | None = None) -> Item:
    """A chip of which nothing is known but its name."""
    chosen = segment or "datacenter"
    facts = facts_of({}, datacenter=chosen == "datacenter", chip="unknown", vendor=None, vendor_country=None)
    return Item("unknown", name, None, None, chosen, {}, facts)


def facts_of(
    figures: Mapping[str, Any], *, datacenter: bool, chip: str, vendor: str | None, vendor_country: str | None
) -> dict[str, Fact]:
    """The facts of a chip that conditions test."""
    tpp = metrics.total_processing_performance(figures)
    transistors = figures.get("transistors_bn")
    return {
        "tpp": tpp,
        "performance_density": metrics.performance_density(figures, tpp),
        "aggregate_io_gbs": metrics.aggregate_io_2022(figures),
        "dram_bw_gbs": metrics.dram_bandwidth(figures),
        "interconnect_bw_gbs": metrics.interconnect_bandwidth(figures),
        "memory_bandwidth_density": Number(math.nan, math.nan),
        "transistors_bn": Number(0.0, math.inf) if transistors is None else Number(transistors, transistors),
        # A presumption stands until it is overcome: an unknown count shows nothing.
        "transistors_shown_bn": Number(*[math.inf if transistors is None else transistors] * 2),
        "datacenter": truth(datacenter),
        "is_ic": YES,
        "is_memory": NO,
        "advanced_node": truth(not metrics.is_planar(figures)),
        "copackaged_hbm": truth(metrics.has_copackaged_hbm(figures)),
        "chip": Word(chip),
        "vendor": word(vendor),
        "vendor_country": word(vendor_country),
    }


def _rivals(base: Item, datacenter: bool) -> list[Item]:
    found = []
    barred = _barred()
    for row in _alternatives().get(base.id, ()):
        if row.standing != "open" or row.field not in metrics.MEASURED or (row.id, row.field) in barred:
            continue
        value = _rate(row.alternative)
        if value is None:
            continue
        figures = {**base.figures, row.field: value}
        facts = facts_of(
            figures, datacenter=datacenter, chip=base.id, vendor=base.vendor, vendor_country=base.vendor_country
        )
        label = f"{row.field} {row.alternative} instead of {row.used}"
        found.append(replace(base, figures=figures, facts=facts, variant=label, sources=(row.source_url,)))
    return found


@cache
def _alternatives() -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row in catalog().alternatives:
        found.setdefault(row.id, []).append(row)
    return found


@cache
def _renamed() -> dict[str, str]:
    return {_folded(k): v for k, v in _data()["renamed"].items()}


@cache
def _barred() -> frozenset[tuple[str, str]]:
    return frozenset((r["id"], r["field"]) for r in _data()["rivals_not_counted"])


def _accelerators(chip: str, sku: str) -> list[Accelerator]:
    known = catalog()
    renamed = _renamed()
    for text in (f"{chip} {sku}", chip):
        if _folded(text) in renamed:
            return [known.accelerators[renamed[_folded(text)]]]
    found: dict[str, Accelerator] = {}
    for part in [p for p in re.split(r"[/,;]", sku) if p.strip()]:
        for candidate in _narrowed(known, chip, part):
            found[candidate.id] = candidate
    if found:
        return list(found.values())
    try:
        return [known.accelerator(chip)]
    except UnknownName:
        raise
    except InputError:
        return known.accelerator_candidates(chip)


def _narrowed(known: Catalog, chip: str, sku: str) -> list[Accelerator]:
    """The chips that the whole name can mean; words of the SKU that fit none are left out one by one."""
    parts = sku.split()
    for count in range(len(parts), 0, -1):
        for start in range(len(parts) - count + 1):
            name = " ".join([chip, *parts[start : start + count]])
            try:
                return [known.accelerator(name)]
            except UnknownName:
                continue
            except InputError:
                return known.accelerator_candidates(name)
    return []


def _system(name: str) -> tuple[str, str]:
    """The system that a name means ('' for a bare chip), and the name of the chip inside it."""
    known = catalog()
    plain = " ".join(re.sub(r"\(system\)|\bsystem\b|[()]", " ", name).split())
    marked = any(re.search(rf"(?i)\b{re.escape(mark)}\b", name) for mark in _data()["system_words"])
    if not marked and (known.accelerator_candidates(name) or _folded(name) in _renamed()):
        return "", name
    for text in dict.fromkeys((name, plain)):
        try:
            found = [known.system(text)]
        except InputError:
            found = known.system_candidates(text)
        chips = {s.accelerator_id for s in found}
        if len(chips) == 1:
            return (found[0].name if len(found) == 1 else plain), chips.pop()
    if known.accelerator_candidates(name):
        return "", name
    for mark in _data()["system_words"]:
        rest = re.sub(rf"\b{re.escape(mark)}\b", " ", plain, flags=re.IGNORECASE)
        if rest != plain and rest.strip():
            return str(mark), " ".join(rest.split())
    return "", name


def _memory_stack(name: str, sku: str = "") -> list[Item]:
    """The standalone memory stacks that a name can mean; none where the name is no memory."""
    if not re.match(
        r"((standalone|samsung|sk ?hynix|micron|cxmt|\d+[- ]?hi(gh)?)[ -])*hbm", name.strip(), re.IGNORECASE
    ):
        return []
    known = catalog()
    generation = re.search(r"(?i)hbm\d?e?", name)
    for text in (f"{name} {sku}", name, generation[0] if generation else name):
        plain = re.sub(r"(?i)\b(stack|standalone|memory)\b", " ", text)
        try:
            stacks = [known.hbm_stack(plain)]
        except InputError:
            stacks = known.hbm_stack_candidates(plain)
        if stacks:
            return [_stack_item(s) for s in stacks]
    raise UnknownName("memory stack", name, [s.name for s in known.hbm_stacks.values()])


def _stack_item(stack: HbmStack) -> Item:
    bandwidth = Number(stack.bandwidth_gbs, stack.bandwidth_gbs)
    low, high = stack.package_area_low_mm2 or stack.package_area_mm2, stack.package_area_high_mm2
    area = Number(low or math.ulp(0.0), high or stack.package_area_mm2 or math.inf)
    facts = facts_of({}, datacenter=False, chip=stack.id, vendor=stack.maker, vendor_country=stack.maker_country)
    facts |= dict.fromkeys(
        ("tpp", "performance_density", "aggregate_io_gbs", "interconnect_bw_gbs", "dram_bw_gbs", "transistors_bn"),
        Number(0.0, 0.0),
    )
    facts |= {"is_ic": NO, "is_memory": YES, "advanced_node": NO, "copackaged_hbm": YES}
    facts["memory_bandwidth_density"] = metrics.memory_bandwidth_density(bandwidth, area)
    return Item(
        stack.id,
        stack.name,
        stack.maker,
        stack.maker_country,
        "",
        {"mem_bw_gbs": stack.bandwidth_gbs, "package_area_mm2": stack.package_area_mm2},
        facts,
        sources=stack.source_urls,
        quality=stack.quality,
    )


def override_segment(item: Item, segment: str) -> Item:
    """The same item sold for another segment (a vendor's fact)."""
    return replace(item, segment=segment, facts={**item.facts, "datacenter": truth(segment == "datacenter")})


def datacenter(item: Item) -> Truth:
    """Whether the item counts as designed or marketed for data centres."""
    fact = item.facts["datacenter"]
    assert isinstance(fact, Truth)
    return fact


@cache
def _data() -> dict[str, Any]:
    return dict(read_yaml(DATA))


def _folded(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


def _positive(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise InputError(f"{what} is {str(value)[:40]!r}, not a finite number above zero")
    return float(value)


def _rate(text: str) -> float | None:
    """A rival figure that is a plain number."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None
