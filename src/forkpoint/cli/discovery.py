"""``forkpoint discover``: the futures in which something happens, as a box in few parameters."""

from __future__ import annotations

from typing import Any

import click

from forkpoint.cli.futures import futures_options, left_out, lost
from forkpoint.cli.output import console, emit_table, json_option, print_json


@click.command(
    epilog="""\b
Examples:
  forkpoint discover h20-with-15-percent --versus as-it-was --less domestic_sales --at 2030
      # in which futures does a 15 % licence slow domestic chips by more than 5 %?
  forkpoint discover as-it-was --event "domestic_share_units>=0.7" --at 2030
  forkpoint discover full-embargo --versus as-it-was --more "usable_compute[cn]" --by 0 --json"""
)
@click.argument("name", metavar="SCENARIO", default="as-it-was")
@click.option("--event", help="What happens: 'OUTPUT>=NUMBER' or 'OUTPUT<=NUMBER'.")
@click.option("--versus", default="as-it-was", show_default=True, help="The scenario that --less and --more refer to.")
@click.option("--less", help="Output that is lower than in the other scenario.")
@click.option("--more", help="Output that is higher than in the other scenario.")
@click.option("--by", type=float, default=0.05, show_default=True, help="By more than this part of the other's value.")
@click.option("--draws", type=click.IntRange(100, 100_000), default=3000, show_default=True, help="Futures.")
@futures_options
@json_option
def discover(
    name: str, event: str | None, versus: str, less: str | None, more: str | None, by: float, at: str, draws: int,
    posterior: str, seed: int, as_json: bool,
) -> None:  # fmt: skip
    """Find the futures in which something happens: a box in few parameters (scenario discovery by PRIM)."""
    from forkpoint.errors import InputError
    from forkpoint.uncertainty.decisions import Goal, in_words, prim
    from forkpoint.uncertainty.futures import Question, sample
    from forkpoint.uncertainty.parameters import coordinates, transform
    from forkpoint.world.scenario import scenario

    if sum(x is not None for x in (event, less, more)) != 1:
        raise InputError("say what happens, once: --event 'OUTPUT>=NUMBER', --less OUTPUT or --more OUTPUT")
    goal = Goal.of(event) if event else Goal(str(less or more), -1 if less else 1)
    if event and goal.enough is None:
        raise InputError(f"--event '{event}': an event has a level, such as '{goal.output}>=1'")
    if goal.enough is None and name == versus:
        raise InputError(f"{name} is laid beside itself: name another scenario with --versus")
    question = Question.of(goal.output, at)
    run, other = scenario(name), scenario(versus)
    z = sample(posterior, draws, seed)
    with console().status(f"{draws} futures of {name}"):
        y = question.ask(run, z)[0]
        if goal.enough is None:
            beside = question.ask(other, z)[0]
            y = goal.direction * (y - beside) - by * abs(beside)
            y[y == 0] = -1.0  # over, not as much as: where nothing differs nothing happens
            words = f"{goal.output} is {'less' if less else 'more'} than in {versus} by over {by:.0%} in {at}"
        else:
            y = goal.direction * (y - goal.enough)
            words = f"{goal.output} is {'at least' if goal.direction > 0 else 'at most'} {goal.enough:g} in {at}"
    kept = y == y
    every = coordinates()
    where = transform(every).standing(z[:, kept])
    x = [c.prior.from_standard(row) for c, row in zip(every, where, strict=True)]
    box = _box(prim, x, y[kept] >= 0, [c.name for c in every], seed)
    units, meanings = {c.name: c.unit for c in every}, {c.name: c.meaning for c in every}
    sentence = in_words(box, words, units)
    if as_json:
        limits = [{**limit.to_dict(), "unit": units[limit.name]} for limit in box.limits]
        counts = {"draws": draws, "left_out": lost(y)}
        print_json({**vars(box), "limits": limits, "scenario": name, "event": words, "words": sentence, **counts})
        return
    console().print(sentence + left_out(lost(y), draws), markup=False)
    if box.limits:
        rows = [
            {"parameter": b.name, "above": b.low, "below": b.high, "by chance": f"{b.chance:.1g}",
             "meaning": meanings[b.name]}
            for b in box.limits
        ]  # fmt: skip
        emit_table(rows, title="The box")


def _box(prim: Any, x: list[Any], event: Any, names: list[str], seed: int) -> Any:
    """The box over the parameters that a straight line picks out, so that chance has few to play with."""
    import numpy as np

    from forkpoint.uncertainty.sensitivity import fit_line

    values = np.stack(x)
    if not 10 <= int(event.sum()) < len(event):
        return prim(values, event, names, seed=seed)
    scaled = (values - values.mean(axis=1, keepdims=True)) / np.maximum(values.std(axis=1, keepdims=True), 1e-12)
    leading = np.argsort(-np.abs(fit_line(scaled, event.astype(float)).slopes))[:12]
    return prim(values[leading], event, [names[i] for i in leading], seed=seed)
