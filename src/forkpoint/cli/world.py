"""forkpoint run, scenarios, levers, equations, explain: the whole system, 2019 to 2035."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from forkpoint.cli.futures import draws_options, scenario_option
from forkpoint.cli.output import (
    console,
    emit_step,
    emit_table,
    json_option,
    machine_options,
    print_json,
    to_csv,
    unit_words,
)
from forkpoint.trace import scale

_CELL = 40
"""Characters of a cell that would otherwise push the others off the screen."""
HEADLINE = ("2022", "2023", "2024", "2025", "2027", "2030", "2035")


@click.command(
    epilog="""\b
Examples:
  forkpoint run as-it-was
  forkpoint run as-it-was full-embargo no-controls
  forkpoint run as-it-was --lever licence_fee=0.25@2026Q1 --lever licence_openness=1@2026Q1
  forkpoint run as-it-was --out results --csv --netcdf --iamc"""
)
@click.argument("names", metavar="SCENARIO...", nargs=-1)
@click.option("--lever", "levers", multiple=True, metavar="NAME=VALUE[@DATE]", help="Turn a lever, from a date on.")
@click.option("--to", type=int, default=2035, show_default=True, help="Last year.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for files (made if missing).")
@click.option("--csv", "as_csv", is_flag=True, help="Every quarter and variable, long: to the folder or the terminal.")
@click.option("--netcdf", is_flag=True, help="A NetCDF file a scenario (opens in xarray), in the folder.")
@click.option("--iamc", is_flag=True, help="One IAMC file of all scenarios (opens in pyam), in the folder.")
@click.option("--prior", is_flag=True, help="Central values of the priors in place of the fitted ones.")
@json_option
def run(
    names: tuple[str, ...],
    levers: tuple[str, ...],
    to: int,
    out: Path | None,
    as_csv: bool,
    netcdf: bool,
    iamc: bool,
    prior: bool,
    as_json: bool,
) -> None:
    """Run scenarios and compare them on the same axes (default: as-it-was).

    Quote the median and range of `forkpoint ensemble`, not a run: equations that bend carry the central values to a
    path that can lie far from the middle of what the data allow (NVIDIA's China revenue in 2030: by a third).
    """
    from forkpoint.errors import InputError
    from forkpoint.world import results
    from forkpoint.world.run import run as run_scenario
    from forkpoint.world.scenario import DEFAULT

    if (netcdf or iamc) and out is None:
        raise InputError("NetCDF and IAMC are files: say where with --out FOLDER")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise InputError(f"the scenario '{twice}' is given twice")
    parameters: dict[str, Any] | None = {} if prior else None
    runs = [run_scenario(name, levers, to=to, parameters=parameters) for name in names or (DEFAULT,)]
    if out is not None:
        written = results.write(runs, out, csv=as_csv, netcdf=netcdf, iamc=iamc, json=as_json)
        for path in written:
            click.echo(path)
        return
    if as_json:
        print_json([results.to_json(one) for one in runs])
        return
    if as_csv:
        for number, one in enumerate(runs):
            text = to_csv(list(results.long_rows(one)))
            click.echo(text if number == 0 else text.split("\n", 1)[1], nl=False)
        return
    for one in runs:
        years = [y for y in HEADLINE if int(y) <= to]
        columns = {"quantity": "", **{y: y for y in years}}
        rows = [{**r, "quantity": f"{r['quantity']}, {r['unit']}"} for r in results.summary(one, years)]
        emit_table(rows, columns=columns, title=one.scenario.title, note=one.scenario.question)
    words = " ".join(one.scenario.name for one in runs)
    console().print(
        f"One run at the {'prior' if prior else 'fitted'} central values, no range; medians with ranges, and how sure "
        f"a difference is: forkpoint ensemble {words}",
        style="dim",
    )
    if len(runs) > 1:
        emit_table(results.partings(runs), title="Where they part (first quarter that differs by more than 5 %)")


@click.command(
    epilog="""\b
Examples:
  forkpoint scenarios"""
)
@machine_options
def scenarios(as_json: bool, as_csv: bool) -> None:
    """List the scenarios that ship, each with the question it answers."""
    from forkpoint.world.scenario import scenario, scenario_names

    found = [scenario(name) for name in scenario_names()]
    rows = [{"scenario": s.name, "question": s.question, "law": s.law, "settings": len(s.settings)} for s in found]
    emit_table(rows, as_json=as_json, as_csv=as_csv)


@click.command(
    epilog="""\b
Examples:
  forkpoint levers
  forkpoint levers --all --csv"""
)
@click.option("--all", "everything", is_flag=True, help="Every parameter, not only policy levers and loop switches.")
@machine_options
def levers(everything: bool, as_json: bool, as_csv: bool) -> None:
    """List levers: unit, range, present value, meaning, source."""
    from forkpoint.world.levers import levers as policy
    from forkpoint.world.levers import settable
    from forkpoint.world.run import value_now

    chosen = settable() if everything else policy()
    rows: list[dict[str, Any]] = [
        {"lever": r.name, "now": value_now(r.name), "low": r.low, "high": r.high, "unit": r.unit, "meaning": r.doc,
         "source": r.source}
        for r in chosen.values()
    ]  # fmt: skip
    if as_json or as_csv:
        emit_table(rows, as_json=as_json, as_csv=as_csv)
        return
    columns = {"lever": "lever", "now": "now", "low": "low", "high": "high", "unit": "unit", "meaning": "meaning"}
    shown = [_short(r) for r in rows]
    cut = any("…" in str(r["now"]) for r in shown)
    emit_table(shown, columns=columns, note="…: one value a label; --json and --csv have them all" if cut else "")


def _short(row: dict[str, Any]) -> dict[str, Any]:
    """A lever's row that fits: large numbers as 3e9 (so they can be typed), of values by label the first ones."""
    return row | {k: _typed(row[k]) for k in ("now", "low", "high")} | {"unit": unit_words(row["unit"])}


def _typed(value: Any) -> Any:
    if isinstance(value, int | float) and scale(value)[1]:
        return f"{value:.6g}".replace("e+0", "e").replace("e+", "e")
    return _one_line(value)


def _one_line(value: Any) -> Any:
    """A value that fits a cell: of one that varies by label, the first ones."""
    if not isinstance(value, str) or len(value) <= _CELL:
        return value
    return value[:_CELL].rpartition(", ")[0] + ", …"


@click.command(
    epilog="""\b
Examples:
  forkpoint equations
  forkpoint equations supply
  forkpoint equations --markdown > equations.md"""
)
@click.argument("sector", required=False)
@click.option("--markdown", is_flag=True, help="The whole page as Markdown.")
@machine_options
def equations(sector: str | None, markdown: bool, as_json: bool, as_csv: bool) -> None:
    """List the equations: kind, unit, inputs, meaning, source."""
    from forkpoint.errors import UnknownName
    from forkpoint.world.equations import equation_rows, page, sectors

    if sector is not None and sector not in sectors():
        raise UnknownName("sector", sector, sectors())
    if markdown:
        click.echo(page(sector), nl=False)
        return
    rows = equation_rows(sector)
    columns = {"name": "name", "kind": "kind", "unit": "unit", "meaning": "meaning"}
    rows = rows if as_json or as_csv else [{**r, "unit": unit_words(r["unit"])} for r in rows]
    emit_table(rows, columns=columns, as_json=as_json, as_csv=as_csv)


@click.command(
    epilog="""\b
Examples:
  forkpoint explain domestic_share_units --scenario as-it-was
  forkpoint explain nvidia_china_revenue --scenario as-it-was --versus full-embargo --at 2027Q1"""
)
@click.argument("variable")
@scenario_option
@click.option("--versus", help="Another scenario to lay beside it.")
@click.option("--at", "date", help="Quarter that is explained.  [default: 2025Q2; 2030Q1 with --versus]")
@click.option("--lever", "turned", multiple=True, metavar="NAME=VALUE[@DATE]", help="Turn a lever, from a date on.")
@json_option
def explain(
    variable: str, name: str, versus: str | None, date: str | None, turned: tuple[str, ...], as_json: bool
) -> None:
    """Why a variable is what it is: its equation, its inputs with values and sources, the loops through it."""
    from forkpoint.world.explain import explain as explain_variable

    # scenarios part after the past: what is laid beside another one is explained where they differ
    quarter = date or ("2030Q1" if versus else "2025Q2")
    step = explain_variable(variable, name, versus=versus, at=quarter, levers=turned)
    if as_json:
        print_json(step.to_dict())
        return
    emit_step(step)


@click.command(
    epilog="""\b
Examples:
  forkpoint loops
  forkpoint loops --output domestic_share_units --at 2025Q2
  forkpoint loops --draws 200                                # how likely each is the strongest
  forkpoint loops --draws 200 --scenario full-embargo --csv  # the same for every quarter"""
)
@scenario_option
@click.option("--output", "variable", metavar="VARIABLE[LABEL,…]", help="Switch each loop off: how far does this move?")
@click.option("--at", "date", default="2025Q2", show_default=True, help="Quarter of the comparison.")
@click.option("--draws", type=click.IntRange(1, 4096), help="Score the loops at draws of what is uncertain.")
@draws_options
@machine_options
def loops(
    name: str, variable: str | None, date: str, draws: int | None, posterior: str, seed: int, as_json: bool,
    as_csv: bool,
) -> None:  # fmt: skip
    """List the nineteen loops: what each says, its path, its switch; with --output, how much of a variable it carries;
    with --draws, how likely each is the strongest."""
    from forkpoint.errors import InputError
    from forkpoint.world.loops import effects, loop_rows

    if draws is not None:
        if variable is not None:
            raise InputError("--output switches loops off in one run, --draws scores them in many: ask for one of them")
        _strongest(name, draws, posterior, seed, as_json=as_json, as_csv=as_csv)
        return
    if variable is None:
        columns = {"loop": "loop", "title": "title", "kind": "kind", "says": "says", "switch": "switch"}
        emit_table(loop_rows(), columns=columns, as_json=as_json, as_csv=as_csv)
        return
    rows = effects(variable, name, date)
    if not (as_json or as_csv):
        rows = [r | {"change": "" if (c := r["change"]) is None or c != c else f"{c:+.1%}"} for r in rows]
    title = f"{name}, {date}: {variable} with each loop over {variable} without it, less one"
    columns = {"loop": "loop", "title": "title", "change": "change", "felt_from": "felt from", "says": "says"}
    emit_table(rows, columns=columns, title=title, as_json=as_json, as_csv=as_csv)


def _strongest(name: str, draws: int, posterior: str, seed: int, *, as_json: bool, as_csv: bool) -> None:
    """How likely each loop is the strongest: by period as a table, by quarter for machines."""
    from forkpoint.uncertainty.loop_draws import SPANS, loop_draws
    from forkpoint.world.loops import named_loops

    with console().status(f"{draws} draws of {name}"):
        found = loop_draws(name, draws, posterior, seed)
    if as_json or as_csv:
        emit_table(found.rows(), as_json=as_json, as_csv=as_csv)
        return
    levels = ("p50", "p05", "p95")
    spans = {f"{a}–{b}": {r["loop"]: r for r in found.over(a, b)} for a, b in SPANS}
    rows = [
        {"loop": f"{n} {named_loops()[n].title}"}
        | {s: f"{by[n]['p_strongest']:.0%} " + "{:+.0f} ({:+.0f}…{:+.0f})".format(*(100 * by[n][k] for k in levels))
           for s, by in spans.items()}
        for n in sorted(found.names, key=lambda n: -max(by[n]["p_strongest"] for by in spans.values()))
    ]  # fmt: skip
    note = (
        f"{found.origin}, {found.kept} of {found.asked} draws. First the probability that a loop is the strongest "
        "named one, then its share of their scores in %, median (90 % range); above zero it reinforces. A score says "
        "which loop moves the stocks on its path; --output says what hangs on it."
    )
    emit_table(rows, title=f"{found.scenario}: the strongest loop by period", note=note)
