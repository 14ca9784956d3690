"""``forkpoint premises``: what think tanks, vendors and officials hold to be true, side by side."""

from __future__ import annotations

from typing import Any

import click

from forkpoint.cli.futures import futures_options, meanings, scenario_option
from forkpoint.cli.output import console, emit_table, machine_options, print_json


@click.command(
    epilog="""\b
Examples:
  forkpoint premises  # every camp's answer to three questions for 2030
  forkpoint premises article semianalysis --outputs domestic_share_units --at 2030
  forkpoint premises --outputs lab_strength --at 2028 --csv"""
)
@click.argument("names", metavar="[SET]...", nargs=-1)
@click.option("--outputs", multiple=True, metavar="VARIABLE[LABEL,…]", help="What to ask (may be repeated).")
@scenario_option
@click.option("--draws", type=click.IntRange(20, 100_000), default=256, show_default=True, help="Draws.")
@futures_options
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
    note = f"{meanings(o.name for o in question.outputs)}\nWho holds what, with sources: --json"
    emit_table(shown, title=f"{name}, {at}, by premise set; median (90 % range)", note=note)
    if made:
        title = f"{sets[1].name} less {sets[0].name}, made by" if pair else "Variance between the sets, made by"
        columns = {"topic": "topic", "output": "output", "text": "part", "question": "question"}
        note = "Parts sum to 100%. Below 0: with these premises the sets stand closer together than without them."
        below = not pair and any(r["part"] < 0 for r in made)
        emit_table(made, columns=columns, title=title, note=note if below else "")


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
