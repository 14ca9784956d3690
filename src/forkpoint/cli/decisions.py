"""``forkpoint sensitivity``, ``premises``, ``decide``, ``discover``: what an answer hangs on, and what to choose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from forkpoint.cli.output import console, emit_table, json_option, machine_options, print_json

_scenario = click.option("--scenario", "name", default="as-it-was", show_default=True, help="Scenario.")


def _futures(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every question about futures: which quarter or year, drawn from what, with which seed."""
    for option in (
        click.option(
            "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of all random numbers."
        ),
        click.option(
            "--posterior", default="default", show_default=True, help='"default" (ships), "prior", or a posterior file.'
        ),
        click.option("--at", default="2030", show_default=True, help="Year (mean over it) or quarter."),
    ):
        command = option(command)
    return command


@click.command(
    epilog="""\b
Examples:
  forkpoint sensitivity domestic_share_units --at 2030
  forkpoint sensitivity "usable_compute[cn]" --scenario full-embargo --at 2028Q4 --keep 6
  forkpoint sensitivity compute_ratio --at 2030 --posterior prior --base 512 --csv"""
)
@click.argument("output")
@_scenario
@click.option("--draws", type=click.IntRange(200, 100_000), default=2000, show_default=True, help="Draws to screen.")
@click.option("--keep", type=click.IntRange(1, 40), default=8, show_default=True, help="Parameters told one by one.")
@click.option("--base", type=click.IntRange(0), default=256, show_default=True, help="Sobol's base sample; 0: none.")
@_futures
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
        found |= {"draws": draws, "left_out": _lost(y)}
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


def _lost(y: Any) -> int:
    """Draws that left the region where the model's equations mean something."""
    import numpy as np

    return int(np.isnan(y).sum())


def _left_out(lost: int, draws: int) -> str:
    """A sentence for draws that are in no number; none where there are none."""
    return f" {lost:,} of {draws:,} draws left the model's region and are in no number." if lost else ""


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
    note += _left_out(_lost(y), len(y))
    emit_table(first, title=title, note=note)
    wanted = sorted((r for r in rows if r["held_by"]), key=lambda r: -r["variance_removed"])
    second = [
        {"fact": r["parameter"], "range would be narrower by": f"{r['range_narrower']:.0%}", "held by": r["held_by"]}
        for r in wanted
    ]
    emit_table(second, title="Facts that would shrink this answer most")


def _flag(converged: bool) -> str:
    return "" if converged else " ~"


@click.command(
    epilog="""\b
Examples:
  forkpoint premises             every camp's answer to three questions for 2030
  forkpoint premises article semianalysis --on domestic_share_units --at 2030
  forkpoint premises --on lab_strength --at 2028 --csv"""
)
@click.argument("names", metavar="[SET]...", nargs=-1)
@click.option("--on", "outputs", multiple=True, help="Output (may be repeated).")
@_scenario
@click.option("--draws", type=click.IntRange(20, 100_000), default=256, show_default=True, help="Draws.")
@_futures
@machine_options
def premises(
    names: tuple[str, ...], outputs: tuple[str, ...], name: str, at: str, draws: int, posterior: str, seed: int,
    as_json: bool, as_csv: bool,
) -> None:  # fmt: skip
    """Run what think tanks, vendors, officials and the article hold to be true; say which premises make them differ."""
    from forkpoint.uncertainty import premises as camps
    from forkpoint.uncertainty.futures import Question, sample
    from forkpoint.world.scenario import scenario

    sets = [camps.premise_set(n) for n in names or camps.premise_sets()]
    question = Question.of(outputs or ("domestic_share_units", "lab_strength", "compute_ratio"), at)
    scenario(name)  # a name that nothing carries is told before any run
    with console().status("run every set") as status:
        rows = camps.side_by_side(question, sets, name, draws=draws, seed=seed, posterior=posterior)
        status.update("part of each premise")
        answers = camps.Answers(question, scenario(name), sample(posterior, draws, seed))
        pair = len(sets) == 2
        parts = camps.difference(sets[0], sets[1], answers) if pair else None
        if len(sets) > 2:
            parts = camps.drivers(sets, answers)
    made = _parts(parts, question, share=not pair)
    if as_json:
        print_json({"scenario": name, "at": at, "sets": rows, "made_by": made, "premises": _stated(sets)})
        return
    if as_csv:
        emit_table(rows, as_csv=True)
        return
    shown = [
        {
            "set": r["set"],
            "output": r["output"],
            f"{at}": f"{r['median']:.3g} ({r['p05']:.3g}–{r['p95']:.3g})",
            "against the data alone": "–" if not r["title"] else f"{r['change']:+.2g}",
        }
        for r in sorted(rows, key=lambda r: str(r["output"]))
    ]
    emit_table(shown, title=f"{name}, {at}, by premise set")
    if made:
        title = f"{sets[1].name} less {sets[0].name}, made by" if pair else "Variance between the sets, made by"
        columns = {"topic": "topic", "output": "output", "text": "part", "question": "question"}
        emit_table(made, columns=columns, title=title)


def _parts(parts: Any, question: Any, *, share: bool) -> list[dict[str, Any]]:
    """Shapley values by topic and output: shares of a variance, or amounts of a difference."""
    from forkpoint.uncertainty.premises import topics

    rows: list[dict[str, Any]] = []
    for number, output in enumerate(question.outputs if parts else ()):
        values = {topic: float(v[number]) for topic, v in parts.contribution.items()}
        whole = (sum(values.values()) or 1.0) if share else 1.0
        for topic, value in sorted(values.items(), key=lambda p: -abs(p[1])):
            part = value / whole
            text = f"{part:.0%}" if share else f"{part:+.3g}"
            rows.append(
                {"topic": topic, "output": output.name, "part": part, "text": text, "question": topics()[topic]}
            )
    return [r for r in rows if r["text"] not in ("0%", "-0%", "+0", "-0")]


def _stated(sets: list[Any]) -> list[dict[str, str]]:
    return [
        {"set": s.name, "who": s.who, "topic": p.topic, "says": p.says, "source": p.source}
        for s in sets
        for p in s.premises.values()
    ]


@click.command(
    epilog="""\b
Examples:
  forkpoint decide               scenarios by the ratio of usable compute in 2030
  forkpoint decide as-it-was full-embargo h20-with-15-percent --goal "max compute_ratio"
  forkpoint decide no-controls full-embargo --goal "domestic_share_units<=0.5" --at 2028
  forkpoint decide full-embargo enforcement-crackdown --facts    facts worth knowing first"""
)
@click.argument("policies", metavar="[SCENARIO]...", nargs=-1)
@click.option("--goal", "goals", multiple=True, help="'max OUTPUT', 'min OUTPUT', 'OUTPUT>=NUMBER', 'OUTPUT<=NUMBER'.")
@click.option("--draws", type=click.IntRange(20, 100_000), default=1000, show_default=True, help="Futures.")
@click.option("--facts", is_flag=True, help="Which facts would be worth knowing before choosing, and who holds them.")
@_futures
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
    note += "A fact's worth is judged on futures that were not used to learn from it."
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
    note += _left_out(draws - kept, draws)
    emit_table(shown, title=title, note=note)


@click.command(
    epilog="""\b
Examples:
  forkpoint discover h20-with-15-percent --versus as-it-was --less domestic_sales --at 2030
      in which futures does a 15 % licence slow domestic chips by more than 5 %?
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
@_futures
@json_option
def discover(
    name: str, event: str | None, versus: str, less: str | None, more: str | None, by: float, at: str, draws: int,
    posterior: str, seed: int, as_json: bool,
) -> None:  # fmt: skip
    """Find the futures in which something happens: a box in few parameters (scenario discovery by PRIM)."""
    from forkpoint.errors import InputError
    from forkpoint.uncertainty.decisions import Goal, in_words, prim
    from forkpoint.uncertainty.futures import Question, sample
    from forkpoint.uncertainty.parameters import coordinates
    from forkpoint.world.reference import references
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
    x = [c.prior.from_standard(row[kept]) for c, row in zip(every, z, strict=True)]
    box = _box(prim, x, y[kept] >= 0, [c.name for c in every], seed)
    units = {c.name: "times the reference" if c.factor else references()[c.parameter].unit for c in every}
    sentence = in_words(box, words, units)
    if as_json:
        limits = [{**limit.to_dict(), "unit": units[limit.name]} for limit in box.limits]
        counts = {"draws": draws, "left_out": _lost(y)}
        print_json({**vars(box), "limits": limits, "scenario": name, "event": words, "words": sentence, **counts})
        return
    console().print(sentence + _left_out(_lost(y), draws), markup=False)
    if box.limits:
        rows = [
            {"parameter": b.name, "above": b.low, "below": b.high, "by chance": f"{b.chance:.1g}",
             "meaning": references()[b.name.partition("[")[0]].doc}
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
