"""The equations as a page and as rows, from the code itself."""

from __future__ import annotations

from typing import Any

from forkpoint.dynamics.variables import Equation
from forkpoint.world.model import SECTORS, world


def sectors() -> tuple[str, ...]:
    """Names of the eight sectors."""
    return tuple(s.__name__.rsplit(".", 1)[-1] for s in SECTORS)


def equation_rows(sector: str | None = None) -> list[dict[str, Any]]:
    """Stocks, flows and auxiliaries (of one sector) with unit, dimensions, inputs, meaning and source."""
    return [
        {
            "name": v.name, "kind": v.kind, "sector": v.sector, "dims": ", ".join(v.dims), "unit": v.unit,
            "inputs": ", ".join(v.inputs), "meaning": v.meaning, "source": v.source,
        }
        for v in world().variables.values()
        if isinstance(v, Equation) and sector in (None, v.sector)
    ]  # fmt: skip


def page(sector: str | None = None) -> str:
    """All equations in Markdown, by sector."""
    lines = ["# The equations of the world", ""]
    for name in sectors() if sector is None else (sector,):
        lines += [f"## {name.capitalize()}", ""]
        lines += ["| variable | kind | unit | meaning |", "|---|---|---|---|"]
        for row in equation_rows(name):
            dims = f"[{row['dims']}]" if row["dims"] else ""
            lines.append(f"| `{row['name']}{dims}` | {row['kind']} | {row['unit']} | {row['meaning']} |")
        lines.append("")
    return "\n".join(lines)
