"""The cut-down products that were really made, beside what the law and their base chip alone give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from forkpoint.catalog import catalog, read_rows
from forkpoint.rules.clauses import Law
from forkpoint.rules.derivation import derive, figures_of
from forkpoint.rules.items import find_items

FILE = Path(__file__).parent / "products.csv"


def products() -> list[dict[str, str]]:
    """The products really made under a law, with the base chip, the day and the source."""
    columns = ("base", "made", "to", "on", "value", "link_step_gbs", "law", "source")
    return [{k: v or "" for k, v in row.items()} for row in read_rows(FILE, columns)]


def against_products(law_of: Law | None = None) -> list[dict[str, Any]]:
    """Each product really made beside what the law and its base chip alone give: the distance of every figure."""
    chips = catalog().accelerators
    rows = []
    for row in products():
        step = float(row["link_step_gbs"]) if row["link_step_gbs"] else None
        base = chips[row["base"]].id
        found = derive(base, value=row["value"], link_step_gbs=step, to=row["to"], on=row["on"], law_of=law_of)
        made = find_items(row["made"])[0]
        real = figures_of(made)
        best = found.best
        rows.append(
            {
                "base": found.name,
                "product": made.name,
                "law": row["law"],
                "tpp_derived": best.tpp if best else None,
                "tpp_real": real["tpp"],
                "links_derived": best.link_bw_gbs if best else None,
                "links_real": real["link_bw_gbs"],
                "memory_derived": best.dram_bw_gbs if best else None,
                "memory_real": real["dram_bw_gbs"],
                "tpp_distance": _distance(best.tpp if best else None, real["tpp"]),
                "links_distance": _distance(best.link_bw_gbs if best else None, real["link_bw_gbs"]),
                "memory_distance": _distance(best.dram_bw_gbs if best else None, real["dram_bw_gbs"]),
                "binding": "; ".join(b["clause"] for b in found.binding),
            }
        )
    return rows


def _distance(derived: float | None, real: float | None) -> float | None:
    return derived / real - 1.0 if derived and real else None
