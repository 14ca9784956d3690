"""``forkpoint sensitivity``: what the spread of an answer comes from, and which facts would shrink it."""

from __future__ import annotations

from typing import Any

import click

from forkpoint.cli.futures import futures_options, left_out, lost, meanings, scenario_option
from forkpoint.cli.output import console, emit_table, machine_options, print_json


@click.command(
    epilog="""\b
Examples:
  forkpoint sensitivity domestic_share_units --at 2030
  forkpoint sensitivity "usable_compute[cn]" --scenario full-embargo --at 2028Q4 --keep 6
  forkpoint sensitivity compute_ratio --at 2030 --posterior prior --base 512 --csv"""
)
@click.argument("output")
@scenario_option
@click.option("--draws", type=click.IntRange(200, 100_000), default=2000, show_default=True, help="Draws to screen.")
@click.option("--keep", type=click.IntRange(1, 40), default=8, show_default=True, help="Parameters told one by one.")
@click.option("--base", type=click.IntRange(0), default=256, show_default=True, help="Sobol's base sample; 0: none.")
@futures_options
@machine_options
def sensitivity(
    output: str, name: str, at: str, draws: int, keep: int, base: int, posterior: str, seed: int,
    as_json: bool, as_csv: bool,
) -> None:  # fmt: skip
    """What the spread of an answer comes from: Shapley effects, Sobol indices, and the facts that would shrink it."""
    from forkpoint.errors import InputError
    from forkpoint.uncertainty import futures
    from forkpoint.uncertainty import sensitivity as shares
    from forkpoint.world.scenario import scenario

    if base and base & (base - 1):
        raise InputError(f"--base {base}: Sobol's sequence needs a power of two, such as 256")
    question, chosen_scenario = futures.Question.of(output, at), scenario(name)
    cloud, groups = futures.Cloud.of(posterior), futures.groups()
    with console().status(f"{draws} draws of {name}") as status:
        z = futures.sample(posterior, draws, seed)
        y = question.ask(chosen_scenario, z)[0]
        effects, line = shares.shapley_effects(z, y, cloud.covariance, groups, keep=keep, seed=seed)
        chosen = shares.screen(line, cloud.covariance, groups, keep)
        facts = shares.facts_wanted(z, y, groups, [n for n in chosen if n != shares.REST])
        indices = []
        if base:
            status.update(f"Sobol: {base * (len(chosen) + 2)} draws")

            def answer(standard: Any) -> Any:
                return question.ask(chosen_scenario, cloud.place(standard))[0]

            indices = shares.sobol(answer, chosen, len(cloud.mean), base=base, seed=seed)
    rows = _merged(effects, indices, facts)
    if as_json:
        found = {"output": output, "scenario": name, "at": at, "origin": cloud.origin, **_spread(y)}
        found |= {"draws": draws, "left_out": lost(y)}
        print_json({**found, "explained_by_a_line": line.explained, "shares": rows})
        return
    if as_csv:
        emit_table(rows, as_csv=True)
        return
    _print(output, name, at, y, line.explained, rows)


def _merged(effects: list[Any], indices: list[Any], facts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    sobol = {s.name: s for s in indices}
    held = {f["fact"]: f for f in facts}
    rows = []
    for one in effects:
        index, fact = sobol.get(one.name), held.get(one.name, {})
        row: dict[str, Any] = {"parameter": one.name, "shapley": one.share, "low": one.low, "high": one.high}
        row |= {"shapley_converged": one.converged}
        row |= {"sobol": index.share if index else None, "sobol_total": index.total if index else None}
        row |= {"sobol_converged": index.converged if index else None}
        row |= {k: fact.get(k) for k in ("variance_removed", "range_narrower", "held_by", "meaning", "now_from")}
        rows.append(row)
    return rows


def _spread(y: Any) -> dict[str, float]:
    import numpy as np

    return dict(zip(("p05", "p50", "p95"), map(float, np.nanquantile(y, [0.05, 0.5, 0.95])), strict=True))


def _print(output: str, name: str, at: str, y: Any, explained: float, rows: list[dict[str, Any]]) -> None:
    spread = _spread(y)
    first = [
        {
            "parameter": r["parameter"],
            "Shapley": f"{r['shapley']:.0%} ({r['low']:.0%}–{r['high']:.0%})" + _flag(r["shapley_converged"]),
            "Sobol": "–" if r["sobol"] is None else f"{max(r['sobol'], 0.0):.0%}" + _flag(r["sobol_converged"]),
            "with interactions": "–" if r["sobol_total"] is None else f"{r['sobol_total']:.0%}",
            "meaning": r["meaning"] or "",
        }
        for r in rows
    ]
    title = f"{output} in {at}, {name}: {spread['p50']:.3g} ({spread['p05']:.3g}–{spread['p95']:.3g})"
    note = f"A straight line explains {explained:.0%} of draws left out. ~: unconverged, too wide to rank by. "
    note += "Shapley: over numbers tied by the data; Sobol: over the independent numbers behind them."
    note += f"{left_out(lost(y), len(y))}\n{meanings([output])}"
    emit_table(first, title=title, note=note)
    wanted = sorted((r for r in rows if r["held_by"]), key=lambda r: -r["variance_removed"])
    second = [
        {"fact": r["parameter"], "range would be narrower by": f"{r['range_narrower']:.0%}", "held by": r["held_by"]}
        for r in wanted
    ]
    emit_table(second, title="Facts that would shrink this answer most")


def _flag(converged: bool) -> str:
    return "" if converged else " ~"
