"""``compare``: how many of one chip do the work of another."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from forkpoint.cli.output import emit_table, machine_options, progress_bar
from forkpoint.errors import InputError

_JOBS = ("train", "prefill", "decode", "serve")


@click.command(
    epilog="""\b
Examples:
  forkpoint compare H20 910C H200 --with H100 --model deepseek-v3 --job serve
  forkpoint compare 910B3 --with A100 --model ./config.json --tpot 100
  forkpoint compare --with H100  # every data-centre chip on the reference models

A count of 3 says that three of the chip do what one of the other does. docs/inference.md has the formulas."""
)
@click.argument("chips", nargs=-1)
@click.option("--with", "other", default="H100", show_default=True, help="The chip to compare with.")
@click.option("--model", "model_name", metavar="NAME|FILE", help="A model of the catalogue or a config.json.")
@click.option("--job", type=click.Choice([*_JOBS, "all"]), default="all", show_default=True)
@click.option("--input", "input_tokens", type=click.FloatRange(1), help="Prompt tokens of a request.")
@click.option("--output", "output_tokens", type=click.FloatRange(1), help="New tokens of a request.")
@click.option("--context", "context_tokens", type=click.FloatRange(1), help="Context of a decode step.")
@click.option("--tpot", "tpot_ms", type=click.FloatRange(0, min_open=True), help="Latency limit, ms a token.")
@click.option("--bits", type=click.Choice(["4", "8", "16"]), help="Narrowest numbers allowed in serving.")
@click.option("--train-chips", type=click.IntRange(1, 1 << 20), help="Chips of the training cluster.")
@machine_options
def compare(
    chips: tuple[str, ...],
    other: str,
    model_name: str | None,
    job: str,
    as_json: bool,
    as_csv: bool,
    **options: Any,
) -> None:
    """How many of each of CHIPS do the work of one other chip, with what binds and a range."""
    from forkpoint.catalog import catalog
    from forkpoint.perf.instances import JOBS, reference_job, reference_models

    given = {k: v for k, v in options.items() if v is not None}
    if "bits" in given:
        given["bits"] = int(given["bits"])
    reference = reference_job()._replace(**given)
    jobs = JOBS if job == "all" else tuple(j for j in JOBS if j == job)
    models = [model_name] if model_name else reference_models()
    yardstick = catalog().accelerator(other)
    if not chips:
        _all_chips(yardstick, models, jobs, reference, as_json, as_csv)
        return
    from forkpoint.perf.equivalence import equivalent
    from forkpoint.perf.jobs import architecture_of

    records = [catalog().accelerator(chip) for chip in chips]
    asked = [(a, r, j) for a in map(architecture_of, models) for r in records for j in jobs]
    rows = []
    with progress_bar("comparing", silent=as_json or as_csv) as advance:
        for architecture, record, each in asked:
            found = equivalent(architecture, record, yardstick, each, reference)
            rows.append({**asdict(found), "chip": record.id, "other": yardstick.id})
            advance(len(rows), len(asked))
    shown = [_shown(r) for r in rows]
    if as_json or as_csv:
        emit_table(rows, as_json=as_json, as_csv=as_csv)
        return
    note = (
        f"Requests of {reference.input_tokens:g} + {reference.output_tokens:g} tokens, decode at "
        f"{reference.context_tokens:g} within {reference.tpot_ms:g} ms, training on {reference.train_chips} chips; "
        "80 % ranges. 8-bit and TPP: the count by those peaks alone."
    )
    emit_table(shown, title=f"How many do the work of one {yardstick.name}", note=note)


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    if row["count"] is None:
        return {
            "model": row["model"],
            "job": row["job"],
            "chip": row["chip"],
            "count": "cannot",
            "range": "",
            "8-bit": row["count_by_8bit"],
            "TPP": row["count_by_tpp"],
            "bound by": row["reason"],
            "layout": "",
        }
    return {
        "model": row["model"],
        "job": row["job"],
        "chip": row["chip"],
        "count": f"{row['count']:.2f}",
        "range": f"{row['low']:.2f}–{row['high']:.2f}",
        "8-bit": row["count_by_8bit"],
        "TPP": row["count_by_tpp"],
        "bound by": f"{row['bound_by']} (other: {row['other_bound_by']})",
        "layout": f"{row['layout']}, {row['precision']}",
    }


def _all_chips(
    yardstick: Any, models: list[str], jobs: tuple[Any, ...], reference: Any, as_json: bool, as_csv: bool
) -> None:
    """The table of all chips, each worth so many of the yardstick."""
    from forkpoint.catalog import catalog
    from forkpoint.perf.equivalence import table
    from forkpoint.perf.jobs import architecture_of

    chips = [c for c in catalog().accelerators.values() if c.segment == "datacenter"]
    architectures = [architecture_of(m) for m in models]
    with progress_bar("comparing", silent=as_json or as_csv) as advance:
        found = table(chips, yardstick, architectures, jobs, reference, advance)
    rows = [
        {"chip": r.chip, **r.worth, "8-bit ratio (Epoch)": r.eight_bit, "TPP ratio": r.processing}
        for r in found
        if any(v is not None for v in r.worth.values()) or as_json or as_csv
    ]
    if not rows:
        raise InputError("no chip of the catalogue can run these models")
    emit_table(
        rows,
        title=f"What one chip is worth in {yardstick.name}",
        note="Chips whose memory or bandwidth is unknown, or that cannot hold a model, are left out; --json has all.",
        as_json=as_json,
        as_csv=as_csv,
    )
