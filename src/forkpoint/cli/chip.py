"""``chip``: everything known of one accelerator, system or HBM stack, and its life under the law."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import click

from forkpoint.cli.catalog import catalog_option, machine_row
from forkpoint.cli.output import cell, emit_table, json_option, print_json

if TYPE_CHECKING:
    from forkpoint.catalog import Accelerator

_FIRST_DAY = dt.date(2022, 7, 1)
_MARKS = {"yes": "█", "no": "·", "indeterminate": "▒"}
_WORDS = {"yes": "licence required", "no": "no licence required", "indeterminate": "indeterminate"}
_WIDTH = 76


@click.command(
    epilog="""\b
Examples:
  forkpoint chip H20
  forkpoint chip "h20 141gb"
  forkpoint chip 昇腾910B
  forkpoint chip "DGX H100"  # a system: what it holds
  forkpoint chip HBM3E       # a memory stack
  forkpoint chip H800 --to CN --json"""
)
@click.argument("name", nargs=-1, required=True)
@click.option("--to", default="CN", show_default=True, metavar="COUNTRY", help="Destination of the legal life.")
@catalog_option
@json_option
def chip(name: tuple[str, ...], to: str, as_json: bool) -> None:
    """One accelerator, system or HBM stack: every figure, sources, rivals, legal metrics, status through time."""
    from forkpoint.catalog import catalog

    known = catalog()
    file, record = known.find(" ".join(name))
    rivals = [a for a in known.alternatives if a.id == getattr(record, "id", "")]
    inside = known.accelerators.get(getattr(record, "accelerator_id", getattr(record, "id", "")))
    legal = _stack_density(record) if inside is None else _legal(inside, to)
    if as_json:
        document = {"file": file, **machine_row(record, as_csv=False), "units": _units(file)}
        document |= {"rivals": [machine_row(r, as_csv=False) for r in rivals]} if rivals else {}
        print_json(document | {"legal": legal})
        return
    _print_figures(file, record)
    if rivals:
        _print_rivals(rivals)
    _print_legal(legal, to)


def _units(file: str) -> dict[str, str]:
    from forkpoint.catalog.datapackage import field_notes

    return {column: unit for (name, column), (unit, _) in field_notes().items() if name == file and unit}


def _print_figures(file: str, record: Any) -> None:
    from forkpoint.catalog.datapackage import field_notes

    apart = {"name", "notes", "source_urls", "quality"}
    notes = field_notes()
    rows = [
        {"figure": column, "value": _text(value), "unit": _unit(notes[file, column][0])}
        for column, value in record
        if column not in apart and value not in (None, (), "")
    ]
    emit_table(rows, title=record.name)
    unknown = [column for column, value in record if value is None and column not in apart]
    if unknown:
        click.echo(click.wrap_text(f"unknown: {', '.join(unknown)}", width=100))
    if record.notes:
        click.echo(click.wrap_text(f"notes: {record.notes}", width=100))
    click.echo(f"sources (grade {record.quality}):")
    for source in record.source_urls:
        click.echo(f"  {source}")


def _text(value: Any) -> str:
    return "; ".join(value) if isinstance(value, tuple) else cell(value)


def _unit(unit: str) -> str:
    return "" if unit.startswith(("date", "ISO")) else unit


def _print_rivals(rivals: list[Any]) -> None:
    rows = [
        {
            "figure": r.field,
            "used": r.used,
            "rival": r.alternative,
            "standing": r.standing,
            "grade": r.quality,
            "why": r.why + (f" ({r.notes})" if r.notes else ""),
        }
        for r in rivals
    ]
    columns = {"figure": "figure", "used": "used", "rival": "rival", "standing": "standing", "grade": "grade"}
    click.echo()
    emit_table(rows, title="Rival values", columns=columns | {"why": "why ours was chosen"})


def _legal(chip: Accelerator, to: str) -> dict[str, Any]:
    """TPP, performance density and the licence status through time, as the rules have them."""
    from forkpoint.rules.clauses import law
    from forkpoint.rules.evaluate import evaluate
    from forkpoint.rules.items import items_of
    from forkpoint.rules.metrics import performance_density, total_processing_performance
    from forkpoint.rules.question import ask, on_day

    figures = chip.model_dump()
    tpp = total_processing_performance(figures)
    density = performance_density(figures, tpp)
    items, rules = items_of(chip), law()
    first = ask(to=to, on=_FIRST_DAY)
    life: list[dict[str, Any]] = []
    today = dt.date.today()
    for day in [_FIRST_DAY, *(d for d in rules.days_of_change() if _FIRST_DAY < d <= today)]:
        outcome = evaluate(items, on_day(first, day), rules, explain=False).outcome
        status = {"licence_required": outcome.licence_required, "eccn": outcome.eccn}
        status["review_policy"] = outcome.review_policy
        if not life or any(life[-1][k] != v for k, v in status.items()):
            life.append({"from": day.isoformat(), **status})
    return {"accelerator": chip.id, "tpp": _ends(tpp), "performance_density": _ends(density), "to": to, "life": life}


def _stack_density(record: Any) -> dict[str, Any]:
    """The memory bandwidth density of an HBM stack (3A090.c), GB/s/mm², over the range of its area."""
    area = getattr(record, "package_area_mm2", None)
    if area is None:
        return {}
    ends = [record.bandwidth_gbs / a for a in (record.package_area_high_mm2, record.package_area_low_mm2) if a]
    return {"memory_bandwidth_density": [round(e, 2) for e in ends] or [round(record.bandwidth_gbs / area, 2)]}


def _ends(number: Any) -> list[float | None]:
    """The ends of an interval; None for an end that is unknown or undefined."""
    import math

    return [round(float(e), 4) if math.isfinite(e) else None for e in (number.low, number.high)]


def _print_legal(legal: dict[str, Any], to: str) -> None:
    from forkpoint.rules.account import in_words

    if "memory_bandwidth_density" in legal:
        low, high = legal["memory_bandwidth_density"][0], legal["memory_bandwidth_density"][-1]
        click.echo(f"\nmemory bandwidth density (3A090.c): {low:g} to {high:g} GB/s/mm²; lines at 2 and 3.3")
    if "life" not in legal:
        return
    tpp, density = _interval(legal["tpp"]), _interval(legal["performance_density"])
    click.echo(f"\n{legal['accelerator']}: TPP {tpp}, performance density {density}")
    click.echo(f"\nLicence to {to} through time:")
    days, bar = _picture(legal["life"])
    click.echo(f"  {days}\n  {bar}")
    click.echo("  " + "   ".join(f"{_MARKS[k]} {w}" for k, w in _WORDS.items()))
    for span in legal["life"]:
        said = ", ".join(text for k in ("eccn", "review_policy") if (text := in_words(k, span[k])))
        click.echo(f"  from {span['from']}: {_WORDS[span['licence_required']]} ({said})")
    click.echo("  Informs, never clears. Why: forkpoint check NAME --on DATE --explain")


def _interval(ends: list[float | None]) -> str:
    low, high = ends
    if high is None:
        return "unknown" if not low else f"at least {low:,.4g}"
    shown = f"{high:,.0f}" if high >= 100 else f"{high:.2f}"
    if low == high or low is None:
        return shown
    return f"{low:,.0f} to {shown}" if high >= 100 else f"{low:.2f} to {shown}"


def _picture(life: list[dict[str, Any]]) -> tuple[str, str]:
    """A line of years and a line of statuses from the first day to today."""
    today = dt.date.today()
    length = (today - _FIRST_DAY).days
    years, bar = [" "] * _WIDTH, ""
    for column in range(_WIDTH):
        day = (_FIRST_DAY + dt.timedelta(days=length * column // (_WIDTH - 1))).isoformat()
        span = [s for s in life if s["from"] <= day][-1]
        bar += _MARKS[span["licence_required"]]
    for year in range(_FIRST_DAY.year + 1, today.year + 1):
        column = (dt.date(year, 1, 1) - _FIRST_DAY).days * (_WIDTH - 1) // length
        years[column : column + 5] = f"|{year}"
    return "".join(years)[: _WIDTH + 4].rstrip(), bar
