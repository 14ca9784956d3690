"""``predict``, ``plan``, ``fit-perf``: what chips do with a model."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import click

from forkpoint.cli.output import emit_step, emit_table, json_option, machine_options, print_json, progress_bar, to_csv
from forkpoint.errors import InputError

if TYPE_CHECKING:
    from forkpoint.perf.search import SearchResult

_RECOMPUTE = click.Choice(["none", "selective", "full"])
_SERVING = {"input_tokens", "output_tokens", "batch", "precision", "cluster", "tp", "pp"}
"""Options of a job that answers requests; all others are about training."""
_SCHEDULE = click.Choice(["1f1b", "zero-bubble", "dualpipe"])


def _job_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of a training job and its plan."""
    for option in reversed(
        (
            click.option("--sequence", type=click.IntRange(1), help="Tokens of a training sequence [4096]."),
            click.option("--batch", type=click.FloatRange(1), help="Sequences a step (or at once, when serving)."),
            click.option("--precision", help="bf16, fp16, fp8, mxfp8, int8, nvfp4, … [bf16]."),
            click.option("--cluster", help="A reference cluster or a YAML file [the chip's usual one]."),
            click.option("--tp", type=click.IntRange(1), help="Tensor parallelism."),
            click.option("--pp", type=click.IntRange(1), help="Pipeline stages."),
            click.option("--vpp", type=click.IntRange(1), help="Interleaved chunks a stage."),
            click.option("--ep", type=click.IntRange(1), help="Expert parallelism."),
            click.option("--cp", type=click.IntRange(1), help="Context parallelism."),
            click.option("--micro-batch", type=click.IntRange(1), help="Sequences of a micro-batch."),
            click.option("--recompute", type=_RECOMPUTE, help="Recomputation of activations."),
            click.option(
                "--recomputed", type=click.FloatRange(0, 1, min_open=True), help="Share of layers it covers when full."
            ),
            click.option("--zero", type=click.IntRange(0, 3), help="ZeRO stage."),
            click.option("--schedule", type=_SCHEDULE, help="Pipeline schedule."),
        )
    ):
        command = option(command)
    return command


@click.command(
    epilog="""\b
Examples:
  forkpoint predict --model gpt3-175b --chip H100 --chips 1024 --precision fp8
  forkpoint predict --model llama-3.1-70b --chip A100 --chips 64 --tp 8 --pp 4
  forkpoint predict --model deepseek-v3 --chip H20 --chips 16 --job decode --tp 16 --precision fp8
  forkpoint predict --model llama-3.1-405b --chip H100 --chips 16384 --tokens 15.6e12
  forkpoint predict --measured rows.csv --out predictions.csv

What the plan leaves open is searched. docs/performance-model.md has formulas and scores."""
)
@click.option("--model", help="A model by name, or a config.json.")
@click.option("--chip", help="An accelerator, as you would type it.")
@click.option("--chips", type=click.IntRange(1, 10_000_000), default=8, show_default=True, help="How many chips.")
@click.option("--job", type=click.Choice(["train", "prefill", "decode", "serve"]), default="train", show_default=True)
@_job_options
@click.option("--input", "input_tokens", type=click.FloatRange(1), help="Prompt tokens of a request [2048].")
@click.option("--output", "output_tokens", type=click.FloatRange(1), help="New tokens of a request [256].")
@click.option("--tokens", type=click.FloatRange(0, min_open=True), help="Also a whole run of this many tokens.")
@click.option("--waterfall", type=click.Path(dir_okay=False), help="Write a picture of where the time goes (PNG, SVG).")
@click.option("--measured", type=click.Path(exists=True, dir_okay=False), help="Predict every row of a CSV file.")
@click.option("--out", type=click.Path(dir_okay=False), help="Where the predictions of --measured go.")
@click.option("--by", type=click.Choice(["kind", "chip"]), help="Groups of the score table [kind].")
@json_option
def predict(
    model: str | None,
    chip: str | None,
    chips: int,
    job: str,
    tokens: float | None,
    waterfall: str | None,
    measured: str | None,
    out: str | None,
    by: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Time, rate, memory, energy, cost and what binds, for a model on chips."""
    given = {k: v for k, v in options.items() if v is not None}
    if measured:
        alone = {"model": model, "chip": chip, "tokens": tokens, "waterfall": waterfall, **given}
        for name in (k for k, v in alone.items() if v is not None):
            raise InputError(f"--measured takes every job from its file: leave out {_flag(name)}")
        _batch(measured, out, by or "kind", as_json)
        return
    for name in (k for k, v in {"out": out, "by": by}.items() if v):
        raise InputError(f"--{name} belongs to --measured")
    if not model or not chip:
        raise InputError("say --model and --chip (or --measured rows.csv)")
    for name in given:
        if name not in _SERVING and job != "train":
            raise InputError(f"{_flag(name)} is about training: it has no place in --job {job}")
        if name in ("input_tokens", "output_tokens") and job == "train":
            raise InputError(f"{_flag(name)} is about requests: say --job prefill, decode or serve")
    from forkpoint.perf.jobs import predict as predict_job

    found = predict_job(model, chip, chips, job, **given)
    if waterfall:
        from forkpoint.perf.picture import write_waterfall

        write_waterfall(found, waterfall)
    run = None
    if tokens is not None:
        from forkpoint.perf.training_run import training_run

        run = training_run(found, tokens)
    if as_json:
        print_json(found.to_dict() | ({"run": _plain(run)} if run else {}))
        return
    step = found.explain()
    emit_step(replace(step, children=(*step.children, run.explain())) if run else step)


def _flag(name: str) -> str:
    """The option as it is typed."""
    return "--" + name.removesuffix("_tokens").replace("_", "-")


def _plain(run: Any) -> dict[str, Any]:
    found = {}
    for field in fields(run):
        value = getattr(run, field.name)
        found[field.name] = value._asdict() if hasattr(value, "_asdict") else value
    return found


def _batch(measured: str, out: str | None, by: str, as_json: bool) -> None:
    from forkpoint.files import write_atomically
    from forkpoint.perf import measured as batch

    records = batch.by_id(batch.read_measurements(measured))
    with progress_bar("rows", silent=as_json) as advance:
        rows = batch.predict_file(measured, advance)
    if out:
        write_atomically(out, to_csv(rows, batch.COLUMNS))
    table = batch.scores([r for r in rows if r["id"] in records], records, by)
    skipped = [r for r in rows if r.get("skipped")]
    if as_json:
        print_json({"scores": table, "skipped": [{"id": r["id"], "reason": r["skipped"]} for r in skipped]})
        return
    headings = {
        "group": "", "rows": "rows", "mean_pct": "mean %", "median_pct": "median %", "p90_pct": "p90 %",
        "signed_median_pct": "signed %", "by_source_pct": "by source %", "coverage_pct": "in range %",
        "constant_pct": "one constant %",
    }  # fmt: skip
    note = f"{len(skipped)} of {len(rows)} rows skipped" + "".join(
        f"\n  {r['id']}: {r['skipped']}" for r in skipped[:20]
    )
    emit_table([_rounded(r) for r in table], columns=headings, title="Absolute error of predictions", note=note)


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {k: round(v, 1) if isinstance(v, float) else v for k, v in row.items()}


_MOST_CHIPS, _MOST_COUNTS = 10_000_000, 1000
"""Chips of a job, and counts of chips in one search, beyond which a number is a slip of the keyboard."""


def _counts(ctx: click.Context, parameter: click.Parameter, text: str) -> tuple[int, ...]:
    """Counts of chips: 4096, or 256,512,1024, or 256..4096 (doubling), or 1024..4096:512 (by steps of 512)."""
    counts: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:\.\.\s*(\d+)\s*(?::\s*(\d+)\s*)?)?", part)
        if not match:
            raise click.BadParameter(f"'{part.strip()}' is no count of chips; write 4096, 256,512 or 256..4096")
        first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 0)
        if not 1 <= first <= last <= _MOST_CHIPS or (match[3] and not step):
            raise click.BadParameter(f"'{part.strip()}': counts go upwards from 1 to {_MOST_CHIPS:,}")
        doubled = (first << k for k in range((last // first).bit_length()))
        counts.update(range(first, last + 1, step)[: _MOST_COUNTS + 1] if step else doubled)
        if len(counts) > _MOST_COUNTS:
            raise click.BadParameter(f"more than {_MOST_COUNTS:,} counts of chips in one search")
    return tuple(sorted(counts))


@click.command(
    epilog="""\b
Examples:
  forkpoint plan --model gpt3-175b --chip A100 --chips 4096 --batch 4096 --sequence 2048
  forkpoint plan --model deepseek-v3 --chip H800 --chips 2048 --precision fp8 --csv
  forkpoint plan --model llama-3.1-405b --chip 910C --chips 8192 --pareto
  forkpoint plan --model llama-3.1-70b --chip H100 --chips 64..1024 --batch 1024
      # the front of time, memory, chips and cost over 64, 128, 256, 512 and 1,024 chips"""
)
@click.option("--model", required=True, help="A model by name, or a config.json.")
@click.option("--chip", required=True, help="An accelerator, as you would type it.")
@click.option(
    "--chips", callback=_counts, required=True, metavar="COUNTS",
    help="How many chips: 4096; 256,512,1024; 256..4096 (doubling) or 1024..4096:512. Several imply --pareto.",
)  # fmt: skip
@_job_options
@click.option("--price", "price_usd", type=click.FloatRange(0, min_open=True), help="USD a chip [the catalogue's].")
@click.option("--pareto", is_flag=True, help="Only plans that no other beats in time, memory, chips and cost together.")
@click.option("--top", type=click.IntRange(1, 1000), help="How many plans to show [10; the whole front].")
@machine_options
def plan(
    model: str,
    chip: str,
    chips: tuple[int, ...],
    pareto: bool,
    top: int | None,
    as_json: bool,
    as_csv: bool,
    **options: Any,
) -> None:
    """The best training plan: every combination of parallelism, priced and ranked."""
    from forkpoint.perf.jobs import plan as search_plan

    given = {k: v for k, v in options.items() if v is not None}
    with progress_bar("plans", silent=as_json or as_csv) as advance:
        found = search_plan(model, chip, chips, progress=advance, keep=top or 10, **given)
    front = pareto or len(chips) > 1
    chosen = found.pareto if front else range(len(found.plans))
    rows = [_planned(found, i) for i in list(chosen)[: top if front else top or 10]]
    if as_json:
        whole = {"tried": found.tried, "fitting": found.fitting, "rejected": found.rejected}
        print_json({"plans": rows, "pareto": front, **whole, "no_plan": found.hopeless})
        return
    headings = {"plan": "plan", "seconds": "s a step", "memory_gb": "GB a chip"}
    headings |= {"chips": "chips"} if len(chips) > 1 else {}
    headings |= {"usd": "USD a step"} if found.usd[0] is not None else {}
    headings |= {"best": "best in"}
    emit_table(rows, columns=headings, note=_search_note(found, front, len(rows)), as_csv=as_csv)


def _planned(found: SearchResult, index: int) -> dict[str, Any]:
    """One plan with what it takes and the criteria in which it is the best (of equals: the fastest)."""
    measures: dict[str, Sequence[float | None]] = {
        "time": found.seconds,
        "memory": found.memory,
        "chips": [p.chips for p in found.plans],
        "cost": found.usd,
    }
    known = {name: [v for v in values if v is not None] for name, values in measures.items()}
    best = [name for name, v in known.items() if len(set(v)) > 1 and v.index(min(v)) == index]
    return {
        "plan": str(found.plans[index]),
        "seconds": found.seconds[index],
        "memory_gb": found.memory[index] / 1e9,
        "chips": found.plans[index].chips,
        "usd": found.usd[index],
        "best": ", ".join(best),
    }


def _search_note(found: SearchResult, front: bool, shown: int) -> str:
    lines = [f"{found.tried:,} plans tried, {found.fitting:,} fit, {len(found.pareto):,} of them beaten by no other."]
    lines += [f"  {shown:,} of the front shown, fastest first"] if front and shown < len(found.pareto) else []
    lines += ["Rejected:", *(f"  {count:,} × {reason}" for reason, count in sorted(found.rejected.items()))]
    lines += found.hopeless.values()
    if found.usd[0] is None:
        lines += ["Cost left out: the catalogue knows no price or no power of this chip; --price gives a price."]
    return "\n".join(lines)


@click.command(
    name="fit-perf",
    epilog="""\b
Examples:
  forkpoint fit-perf --part train        # fit, cross-validate by source, print
  forkpoint fit-perf --part all --write  # and put values and ranges into the files""",
)
@click.option("--part", type=click.Choice(["train", "infer", "all"]), default="all", show_default=True)
@click.option("--write", is_flag=True, help="Write values and ranges into the shipped parameter files.")
@click.option("--quick", is_flag=True, help="Fit only; no cross-validation, ranges stay.")
@json_option
def fit_perf(part: str, write: bool, quick: bool, as_json: bool) -> None:
    """Fit the efficiency parameters on the public measurements; judge them on sources left out."""
    report: dict[str, Any] = {}
    if part in ("train", "all"):
        report["train"] = _fit_training(write, quick, silent=as_json)
    if part in ("infer", "all"):
        report["infer"] = _fit_inference(write, quick, silent=as_json)
    if as_json:
        print_json(report)
        return
    for name, found in report.items():
        emit_table(found["parameters"], title=f"Parameters ({name})")
        emit_table(found["errors"], title="Mean absolute error, % (left out: fitted without the row's source)")


def _fit_training(write: bool, quick: bool, *, silent: bool) -> dict[str, Any]:
    from forkpoint.catalog import catalog
    from forkpoint.perf import fit
    from forkpoint.perf.efficiency import entries, parameters

    known = entries()
    cases = fit.training_cases(m for m in catalog().measurements if m.kind == "train")
    values = fit.fit(cases, known)
    inside = fit.log_errors(cases, parameters().changed(values))
    held: dict[str, float] = {}
    if not quick:
        with progress_bar("sources", silent=silent) as advance:
            start = {n: e.value for n, e in known.items()} | values
            held = fit.cross_validate(cases, known, start, progress=advance)
    ranges = fit.spreads(held, cases) if held else {}
    if write:
        fit.write_parameters(values, ranges)
    groups = {c.row.id: "train-moe" if c.row.moe_experts else "train-dense" for c in cases}
    table = [
        {"parameter": n, "value": v, "prior": known[n].prior, "low": known[n].low, "high": known[n].high}
        for n, v in values.items()
    ]
    return {"parameters": table, "errors": _errors(groups, inside, held), "ranges": ranges}


def _fit_inference(write: bool, quick: bool, *, silent: bool) -> dict[str, Any]:
    from forkpoint.catalog import catalog
    from forkpoint.perf import inference_fit
    from forkpoint.perf.inference_parameters import documented
    from forkpoint.perf.inference_rows import figure_kind

    rows = inference_fit.scored_rows(catalog().measurements)
    values = inference_fit.fit(rows)
    found = {r.row.id: r.error for r in inference_fit.residuals(rows, values) if r.error is not None}
    held: dict[str, float] = {}
    ranges: dict[str, tuple[float, float]] = {}
    if not quick:
        with progress_bar("sources", silent=silent) as advance:
            left_out = inference_fit.cross_validate(rows, progress=advance)
        held = {r.row.id: r.error for r in left_out if r.error is not None}
        ranges = inference_fit.spreads(left_out)
    if write:
        inference_fit.write_parameters(values, ranges)
    table = [
        {"parameter": d.name, "value": getattr(values, d.name), "prior": d.prior, "low": d.low, "high": d.high}
        for d in documented()
        if d.fitted
    ]
    groups = {r.id: figure_kind(r) for r in rows}
    return {"parameters": table, "errors": _errors(groups, found, held), "ranges": ranges}


def _errors(groups: dict[str, str], inside: dict[str, float], held: dict[str, float]) -> list[dict[str, Any]]:
    from math import expm1
    from statistics import mean

    rows = []
    for group in sorted(set(groups.values())):
        ids = [i for i, g in groups.items() if g == group]
        row: dict[str, Any] = {"group": group, "rows": len(ids)}
        for name, errors in (("fitted", inside), ("left out", held)):
            known = [100 * abs(expm1(errors[i])) for i in ids if i in errors]
            row[name] = round(mean(known), 1) if known else None
        rows.append(row)
    return rows
