"""A model as a page of equations: Markdown with LaTeX, units, meanings, sources, and where each variable is used.

::

    text = to_equations(model)

The page has a part a sector. A stock shows the sum of its flows and its initial value, every other equation what its
function returns, with the intermediate results below it. Parameters and series stand in tables with value, range, unit
and source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from forkpoint.dynamics.emit.latex import equation_latex, figure, text
from forkpoint.dynamics.variables import RESERVED, Equation, Parameter, Series, Stock, Variable

if TYPE_CHECKING:
    from forkpoint.dynamics.model import Model

TITLES = {"stock": "Stock", "flow": "Flow", "aux": "Auxiliary"}


def to_equations(model: Model, title: str = "") -> str:
    """The page. Raises ModelError, naming the function, for an equation that it cannot show."""
    uses = used_by(model)
    parts = [f"# {title or model.name or 'Model'}: equations", "", introduction(model), ""]
    for sector in dict.fromkeys(v.sector for v in model.variables.values()):
        members = [v for v in model.variables.values() if v.sector == sector]
        if len({v.sector for v in model.variables.values()}) > 1:
            parts += [f"## {sector.replace('_', ' ').capitalize() or 'Other'}", ""]
        for variable in members:
            if isinstance(variable, Equation):
                parts += [*equation_part(model, variable, uses), ""]
        parts += parameter_table([v for v in members if isinstance(v, Parameter)], uses)
        parts += series_table([v for v in members if isinstance(v, Series)], uses)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).rstrip() + "\n"


def introduction(model: Model) -> str:
    """How many variables, the time unit and the dimensions."""
    counts: dict[str, int] = {}
    for variable in model.variables.values():
        counts[variable.kind] = counts.get(variable.kind, 0) + 1
    listed = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    lines = [f"Variables: {listed}. Time is in {model.time_unit}."]
    lines += [f"- **{d.name}**: {', '.join(d.labels)}" for d in model.dimensions.values()]
    return "\n".join(lines) if len(lines) == 1 else "\n".join([lines[0], "", *lines[1:]])


def used_by(model: Model) -> dict[str, list[str]]:
    """Variable → the variables that use it, initial values included."""
    found: dict[str, list[str]] = {}
    for source, target in model.links(initial=True):
        found.setdefault(source, []).append(target)
    return found


def symbol_of(model: Model) -> Callable[[str], str]:
    """Writes a variable with its dimensions as subscripts."""

    def symbol(name: str) -> str:
        if name in RESERVED:
            return "t" if name == "time" else r"\Delta t"
        dims = model[name].dims
        return text(name) + (rf"_{{{','.join(text(d) for d in dims)}}}" if dims else "")

    return symbol


def equation_part(model: Model, variable: Equation, uses: Mapping[str, list[str]]) -> list[str]:
    """The part of one stock, flow or auxiliary."""
    symbol = symbol_of(model)
    lines = [f"### {variable.name}", "", f"{TITLES[variable.kind]}, {variable.unit}. {variable.meaning}".rstrip(), ""]
    own = symbol(variable.name)
    if isinstance(variable, Stock):
        lines += display(rf"\frac{{d}}{{dt}} {own} = {net_flow(model, variable.name)}")
        own = rf"{own}(t_0)"
    if variable.function is None:
        lines += display(f"{own} = {initial_text(variable)}")
    else:
        result, steps = equation_latex(variable.function, variable.inputs, symbol, variable.label)
        lines += display(f"{own} = {result}")
        if steps:
            lines += ["with", ""]
        for name, formula in steps:
            lines += display(f"{name} = {formula}")
    lines += notes(variable, uses)
    return lines


def display(formula: str) -> list[str]:
    """A displayed formula."""
    return ["$$", formula, "$$", ""]


def net_flow(model: Model, stock: str) -> str:
    """Flows into a stock minus flows out of it; a flow over more dimensions is summed, one over fewer has a label."""
    symbol = symbol_of(model)
    terms: list[str] = []
    for flow in model.flows:
        for end, sign in (("into", "+"), ("outof", "-")):
            found = model.destination(flow, end)
            if found is None or found[0] != stock:
                continue
            term = symbol(flow)
            if extra := [d for d in model[flow].dims if d not in model[stock].dims]:
                term = rf"\sum_{{{','.join(text(d) for d in extra)}}} {term}"
            if found[1]:
                places = ",".join(rf"{text(d)} = {text(label)}" for d, label in found[1].items())
                term = rf"\left[{places}\right]\, {term}"
            terms.append(f"{sign} {term}")
    return " ".join(terms).removeprefix("+ ") or "0"


def initial_text(variable: Variable) -> str:
    """An initial value given as a number or numbers."""
    value = getattr(variable, "initial", None)
    if isinstance(value, int | float):
        return figure(value)
    if isinstance(value, Mapping):
        return r",\; ".join(
            rf"{text(str(k))}: {figure(v) if isinstance(v, int | float) else '…'}" for k, v in value.items()
        )
    array = np.ravel(np.asarray(value, dtype=float))
    return ", ".join(figure(float(v)) for v in array[:12]) + (r", \ldots" if array.size > 12 else "")


def notes(variable: Variable, uses: Mapping[str, list[str]]) -> list[str]:
    """Source and where it is used."""
    lines = []
    if variable.source:
        lines.append(f"Source: {variable.source}")
    if uses.get(variable.name):
        lines.append(f"Used in: {', '.join(uses[variable.name])}")
    return [item for line in lines for item in (line, "")]


def parameter_table(parameters: Iterable[Parameter], uses: Mapping[str, list[str]]) -> list[str]:
    """The table of a sector's parameters."""
    rows = [
        [
            p.name,
            shown(p.value),
            range_text(p),
            p.unit,
            p.meaning,
            p.source or p.quality,
            ", ".join(uses.get(p.name, [])),
        ]
        for p in parameters
    ]
    return table(["Parameter", "Value", "Range", "Unit", "Meaning", "Source", "Used in"], rows)


def series_table(series: Iterable[Series], uses: Mapping[str, list[str]]) -> list[str]:
    """The table of a sector's series."""
    rows = [[s.name, span(s), s.hold, s.unit, s.meaning, s.source, ", ".join(uses.get(s.name, []))] for s in series]
    return table(["Series", "Times", "Hold", "Unit", "Meaning", "Source", "Used in"], rows)


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    """A Markdown table; nothing where there are no rows."""
    if not rows:
        return []
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in row) + " |" for row in rows]
    return [*lines, ""]


def shown(value: object) -> str:
    """A parameter's value: a number, numbers by label, or that a run must give it."""
    if value is None:
        return "given by the run"
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {shown(v)}" for k, v in value.items())
    array = np.ravel(np.asarray(value, dtype=float))
    return ", ".join(f"{v:.6g}" for v in array[:12]) + (", …" if array.size > 12 else "")


def range_text(parameter: Parameter) -> str:
    """A parameter's range, and its distribution where one is named."""
    if parameter.low is None or parameter.high is None:
        return parameter.distribution
    return f"{parameter.low:.6g} to {parameter.high:.6g} {parameter.distribution}".rstrip()


def span(series: Series) -> str:
    """First and last time of a series."""
    if not series.points:
        return "given by the run"
    times = sorted(series.points)
    return f"{times[0]:g} to {times[-1]:g} ({len(times)} values)"
