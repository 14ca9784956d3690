"""``forkpoint decide``: policies over the same futures, by regret, and the facts worth knowing first."""

from __future__ import annotations

from typing import Any

import click

from forkpoint.cli.futures import futures_options, left_out, meanings
from forkpoint.cli.output import console, emit_table, machine_options


@click.command(
    epilog="""\b
Examples:
  forkpoint decide  # scenarios by the ratio of usable compute in 2030
  forkpoint decide as-it-was full-embargo h20-with-15-percent --goal "max compute_ratio"
  forkpoint decide no-controls full-embargo --goal "domestic_share_units<=0.5" --at 2028
  forkpoint decide full-embargo enforcement-crackdown --facts  # facts worth knowing first"""
)
@click.argument("policies", metavar="[SCENARIO]...", nargs=-1)
@click.option("--goal", "goals", multiple=True, help="'max OUTPUT', 'min OUTPUT', 'OUTPUT>=NUMBER', 'OUTPUT<=NUMBER'.")
@click.option("--draws", type=click.IntRange(20, 100_000), default=1000, show_default=True, help="Futures.")
@click.option("--facts", is_flag=True, help="Which facts would be worth knowing before choosing, and who holds them.")
@futures_options
@machine_options
def decide(
    policies: tuple[str, ...], goals: tuple[str, ...], at: str, draws: int, facts: bool, posterior: str, seed: int,
    as_json: bool, as_csv: bool,
) -> None:  # fmt: skip
    """Compare policies over the same futures: regret, and in how many futures each is good enough.

    The goal is yours: forkpoint takes no side and ranks by the regret in the worst tenth of the futures.
    """
    import numpy as np

    from forkpoint.errors import InputError
    from forkpoint.uncertainty.decisions import Goal, compare
    from forkpoint.uncertainty.futures import Question, sample
    from forkpoint.world.scenario import scenario

    named = policies or ("as-it-was", "full-embargo", "h20-with-15-percent", "no-controls", "enforcement-crackdown")
    if len(named) < 2:
        raise InputError("a choice needs at least two policies: name two scenarios")
    for name in named:
        if named.count(name) > 1:
            raise InputError(f"'{name}' is named twice: a choice is among different policies")
    wanted = [Goal.of(text) for text in goals or ("max compute_ratio",)]
    question = Question.of([g.output for g in wanted], at)
    chosen = [scenario(name) for name in named]
    z = sample(posterior, draws, seed)
    answers = []
    with console().status("run policies") as status:
        for name, policy in zip(named, chosen, strict=True):
            status.update(f"{draws} futures of {name}")
            answers.append(question.ask(policy, z))
    values = np.stack(answers, axis=1)
    if facts:
        _facts(wanted, [values[question.outputs.index(_only(g.output))] for g in wanted], z, posterior,
               as_json=as_json, as_csv=as_csv)  # fmt: skip
        return
    tables = [compare(named, values[question.outputs.index(_only(g.output))], g) for g in wanted]
    if as_json or as_csv:
        emit_table([row for table in tables for row in table], as_json=as_json, as_csv=as_csv)
        return
    for goal, rows in zip(wanted, tables, strict=True):
        _print_choice(goal, at, draws, rows)


def _facts(goals: list[Any], values: list[Any], z: Any, posterior: str, *, as_json: bool, as_csv: bool) -> None:
    """What facts are worth before choosing, goal by goal."""
    from forkpoint.uncertainty.futures import Cloud, groups
    from forkpoint.uncertainty.sensitivity import worth_knowing

    covariance, found = Cloud.of(posterior).covariance, []
    for goal, one in zip(goals, values, strict=True):
        whole, rows = worth_knowing(z, goal.direction * one.T, covariance, groups())
        found += [{"goal": goal.output, **r, "worth_of_all": whole} for r in rows]
        if not (as_json or as_csv):
            _print_facts(goal.output, whole, rows)
    if as_json or as_csv:
        emit_table(found, as_json=as_json, as_csv=as_csv)


def _print_facts(output: str, whole: float, rows: list[dict[str, Any]]) -> None:
    if not rows:
        console().print(f"{output}: one policy is best in every future; no fact is worth anything for this choice")
        return
    shown = [
        {"fact": r["fact"], "worth": f"{r['worth']:.3g}", "of all": f"{r['of_all']:.0%}", "held by": r["held_by"]}
        for r in rows
    ]
    note = f"Knowing everything is worth {whole:.3g}: how much better the best choice in each future is on average. "
    note += f"A fact's worth is judged on futures that were not used to learn from it.\n{meanings([output])}"
    emit_table(shown, title=f"Facts worth knowing before choosing by {output}", note=note)


def _only(output: str) -> Any:
    from forkpoint.uncertainty.outputs import outputs_of

    return outputs_of(output)[0]


def _print_choice(goal: Any, at: str, draws: int, rows: list[dict[str, Any]]) -> None:
    shown = []
    for r in rows:
        row = {"policy": r["policy"], at: f"{r['median']:.3g} ({r['p05']:.3g}–{r['p95']:.3g})"}
        row |= {"mean regret": f"{r['mean_regret']:.3g}", "regret, worst tenth": f"{r['regret_p90']:.3g}"}
        row["best in"] = f"{r['best_in']:.0%}"
        if r["good_enough_in"] is not None:
            row["good enough in"] = f"{r['good_enough_in']:.0%}"
        shown.append(row)
    words = "as much" if goal.direction > 0 else "as little"
    kept = rows[0]["futures"]
    title = f"If {words} {goal.output} as possible is wanted in {at}: {kept} futures, the same for each policy"
    note = (
        "Regret: how far behind the best policy in the same future. The goal is an assumption of the person who asks."
    )
    note += f"{left_out(draws - kept, draws)}\n{meanings([goal.output])}"
    emit_table(shown, title=title, note=note)
