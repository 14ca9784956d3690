"""The law as the market meets it: for each quarter, vendor and region the best chip that may be sold
(``tables/offers.csv``).

``rules`` answers for every chip and month. A chip may be free, licensable (licences are granted or reviewed case by
case), or barred. The best chip that is not barred is offered; a new product replaces its predecessor over a ramp, and
where a rule leaves only a side product or one that is no longer made, volume is small until the next variant is out.
History thus has the real lags of the A800, H800 and H20. Write the table again with ``python -m forkpoint.world.law``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from forkpoint.world.machine import Product, products, worths
from forkpoint.world.reference import FOLDER, labels, references
from forkpoint.world.tables import write_rows

TABLE = "tables/offers.csv"
COLUMNS = (
    "law", "quarter", "vendor", "region", "chip", "worth_training", "worth_serving", "price_usd", "access",
    "licence_needed", "capped",
)  # fmt: skip
MONTHS, QUARTERS, MONTHS_PER_QUARTER, MID_MONTH = 12, 4, 3, 15
FIRST, LAST = 2019, 2035
CONTROLS_FROM = 2022.65
"""The first letters, of 2022-08-26; rules before it do not bear on these chips."""
LAST_KNOWN = dt.date(2026, 11, 15)
"""The last day on which the dated law is known; later months are read on it."""
AMERICAN = ("nvidia", "amd", "us_custom")
CAPTIVE = "us_custom"
Status = Literal["free", "licensable", "barred"]


@dataclass(frozen=True)
class Variant:
    """A variant of the law: on which day it is read from some time on, or what it then says of all American chips."""

    title: str
    frozen: dt.date | None = None
    from_month: float = FIRST
    all_chips: Status | None = None


LAWS = {
    "as-it-was": Variant("the dated law, as far as it is known"),
    "no-controls": Variant("no control on chips", from_month=CONTROLS_FROM, all_chips="free"),
    "2022-law-only": Variant("the rule of October 2022 for ever", dt.date(2023, 1, 15), 2023),
    "autumn-2025-law": Variant("the law of September 2025 for ever", dt.date(2025, 9, 15), 2025.75),
    "full-embargo": Variant("no American chip to China from 2026 on", from_month=2026, all_chips="barred"),
}


@cache
def status(chip: str, on: dt.date) -> Status:
    """Whether a chip may go to China on a day. Unsettled figures count as free where the chip was designed for
    China.
    """
    from forkpoint.catalog import catalog
    from forkpoint.rules.clauses import law as dated_law
    from forkpoint.rules.evaluate import evaluate
    from forkpoint.rules.items import find_items
    from forkpoint.rules.question import ask

    finding = evaluate(find_items(chip), ask(to="CN", on=on), dated_law(), explain=False)
    free = ("none_needed", "exception_no_notice", "exception_with_notice")
    if finding.outcome.net_authorisation in free:
        return "free"
    made_for_china = catalog().accelerators[chip].designed_for_china
    if made_for_china and any(o.net_authorisation in free for o in finding.outcomes):
        return "free"
    if finding.outcome.review_policy in ("licences_being_granted", "case_by_case"):
        return "licensable"
    return "barred"


def status_under(law: str, product: Product, time: float) -> Status:
    """A product's status in China under a variant of the law."""
    variant = LAWS[law]
    if time < CONTROLS_FROM or product.vendor not in AMERICAN:
        return "free"
    if variant.all_chips and time >= variant.from_month:
        return variant.all_chips
    month = round((time % 1) * MONTHS - 1 / 2)
    day = min(dt.date(int(time), month + 1, MID_MONTH), LAST_KNOWN)
    if variant.frozen and time >= variant.from_month:
        day = variant.frozen
    return status(product.chip, day)


def offer(law: str, vendor: str, region: str, time: float) -> dict[str, Any] | None:
    """What a vendor offers in a region in the month around ``time``; None where it has nothing to sell."""
    if vendor == CAPTIVE and region == "cn":
        return None
    if vendor not in AMERICAN and region == "us":
        return None
    judge: Callable[[Product], Status] = (
        (lambda p: status_under(law, p, time)) if region == "cn" else (lambda p: "free")
    )
    known = [p for p in _catalogue() if p.vendor == vendor and p.volume_from <= time and p.region in ("", region)]
    open_to = {p: s for p in known if (s := judge(p)) != "barred"}
    if not open_to:
        return None
    best = max(open_to, key=_value)
    ramp = references()["variant_ramp" if best.region else "product_ramp"].value
    share = min(1.0, (time - best.volume_from) / ramp) if best.volume_from > FIRST else 1.0
    older = [p for p in open_to if p.volume_from < best.volume_from and open_to[p] == open_to[best]]
    kept = open_to[best] == "licensable"
    parts = [(best, share * (best.volume_share if kept else _volume(best, known, time)))]
    if older and share < 1:
        former = max(older, key=_value)
        parts.append((former, (1 - share) * _volume(former, known, time)))
    access = sum(part for _, part in parts)
    mixed = {
        name: sum(part * of(p) for p, part in parts) / access
        for name, of in (
            ("worth_training", lambda p: _worth()[p.chip][0]),
            ("worth_serving", lambda p: _worth()[p.chip][1]),
            ("price_usd", lambda p: p.price_usd),
        )
    }
    top = max((p for p in known if not p.region), key=_value, default=best)
    return {
        "chip": best.chip, **mixed, "access": access, "licence_needed": float(open_to[best] == "licensable"),
        "capped": float(region == "cn" and vendor in AMERICAN and judge(top) == "barred"),
    }  # fmt: skip


def quarter_offer(law: str, vendor: str, region: str, start: float) -> dict[str, Any]:
    """A quarter's offer: its three months averaged. Without any offer the worth is a trace and access is zero."""
    months = [start + (m + 1 / 2) / MONTHS for m in range(MONTHS_PER_QUARTER)]
    found = [o for t in months if (o := offer(law, vendor, region, t))]
    if not found:
        first = min((p for p in _catalogue() if p.vendor == vendor), key=lambda p: p.volume_from)
        training, serving = _worth()[first.chip]
        return {
            "chip": "none",
            "worth_training": training,
            "worth_serving": serving,
            "price_usd": first.price_usd,
            "access": 0.0,
            "licence_needed": 0.0,
            "capped": float(vendor in AMERICAN and region == "cn"),
        }
    weight = sum(o["access"] for o in found)
    averaged = {
        name: sum(o[name] * o["access"] for o in found) / weight
        for name in ("worth_training", "worth_serving", "price_usd", "licence_needed", "capped")
    }
    return {"chip": found[-1]["chip"], **averaged, "access": weight / MONTHS_PER_QUARTER}


def table() -> Iterator[dict[str, Any]]:
    """Rows of ``tables/offers.csv``: only where an offer changes, and variants only where they differ from history."""
    written: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for law in LAWS:
        for vendor in labels("vendor"):
            for region in labels("region"):
                if law != "as-it-was" and (region != "cn" or vendor not in AMERICAN):
                    continue  # controls on chips bear on American designs in China alone
                found = list(_changes(law, vendor, region))
                plain = [tuple(row.values())[1:] for row in found]
                if law == "as-it-was":
                    written[vendor, region] = plain
                elif plain == written[vendor, region]:
                    continue
                yield from found


def _changes(law: str, vendor: str, region: str) -> Iterator[dict[str, Any]]:
    last: dict[str, Any] = {}
    for number in range((LAST - FIRST + 1) * QUARTERS):
        start = FIRST + number / QUARTERS
        current = {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in
                   quarter_offer(law, vendor, region, start).items()}  # fmt: skip
        if current != last:
            name = f"{int(start)}Q{number % QUARTERS + 1}"
            yield {"law": law, "quarter": name, "vendor": vendor, "region": region, **current}
        last = current


@cache
def _catalogue() -> tuple[Product, ...]:
    return tuple(products())


@cache
def _worth() -> dict[str, tuple[float, float]]:
    return worths()


def _value(product: Product) -> float:
    return sum(_worth()[product.chip]) / 2


def _volume(product: Product, known: list[Product], time: float) -> float:
    """Volume of a product relative to a main one: small for side products and for those that were superseded."""
    after = references()["superseded_after"].value
    newer = [p for p in known if not p.region and p.volume_from > product.volume_from and p.volume_share == 1]
    superseded = not product.region and any(p.volume_from + after < time for p in newer)
    return references()["superseded_share"].value if superseded else product.volume_share


if __name__ == "__main__":
    print(write_rows(FOLDER / TABLE, COLUMNS, table()))
