"""``forkpoint ensemble``: scenarios over many draws of what is uncertain, on one machine or a cluster."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from forkpoint.cli.futures import draws_options, meanings
from forkpoint.cli.output import console, emit_table, machine_options, unit_words
from forkpoint.trace import scale

YEARS = (2025, 2027, 2030, 2035)
LINE_EVERY = 30.0
"""Seconds between lines of progress where stderr is no terminal."""


@click.command(
    epilog="""\b
Examples:
  forkpoint ensemble as-it-was --draws 1000               # ranges, nothing kept
  forkpoint ensemble as-it-was --draws 100000 --out runs  # a Zarr store; goes on after a stop
  forkpoint ensemble as-it-was full-embargo --draws 1000000 --out s3://bucket/runs \\
    --cluster tcp://scheduler:8786
  forkpoint ensemble as-it-was --outputs usable_compute --outputs compute_ratio --posterior prior"""
)
@click.argument("scenarios", metavar="SCENARIO...", nargs=-1)
@click.option(
    "--draws", type=click.IntRange(1), default=1000, show_default=True, help="Draws; the same in each scenario."
)
@click.option("--workers", type=click.IntRange(1), default=None, help="Processes (one a core unless told).")
@click.option("--cluster", metavar="ADDRESS", default=None, help="Scheduler of a Dask cluster, in place of processes.")
@draws_options
@click.option(
    "--outputs", multiple=True, metavar="VARIABLE[LABEL,…]", help="What to keep; 'headline' for the summary's."
)
@click.option("--to", type=int, default=2035, show_default=True, help="Last year.")
@click.option("--out", default=None, metavar="DIR|URL", help="Zarr store, here or s3://…; resumed where it stopped.")
@machine_options
def ensemble(
    scenarios: tuple[str, ...],
    draws: int,
    workers: int | None,
    cluster: str | None,
    posterior: str,
    seed: int,
    outputs: tuple[str, ...],
    to: int,
    out: str | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Run scenarios over the same draws: medians, 50 % and 90 % ranges, and ranges of differences."""
    from forkpoint.errors import InputError
    from forkpoint.uncertainty.ensemble import ensemble as in_memory
    from forkpoint.uncertainty.stored import run_stored, summarise
    from forkpoint.world.scenario import DEFAULT

    if out is None and (workers or cluster or draws > 100_000):
        raise InputError("--workers, --cluster and more than 100,000 draws need a store: say where with --out")
    chosen = scenarios or (DEFAULT,)
    options: dict[str, Any] = {"posterior": posterior, "seed": seed, "outputs": outputs or None, "to": to}
    with _progress(f"{draws:,} draws", silent=as_json or as_csv) as tell:
        options["progress"] = tell
        if out is None:
            found = in_memory(chosen, draws, **options)
            tables = found.rows(), found.difference_rows()
        else:
            words = console().print if not (as_json or as_csv) else lambda text: None
            found = run_stored(chosen, draws, out, workers=workers, cluster=cluster, tell=words, **options)
            tables = summarise(found, out)
    if as_json or as_csv:
        emit_table([*tables[0], *tables[1]], as_json=as_json, as_csv=as_csv)
        return
    _print(found, *tables, to=to)


def _print(found: Any, ranges: list[dict[str, Any]], differences: list[dict[str, Any]], *, to: int) -> None:
    """The ranges and differences at some years."""
    years = [*(y for y in YEARS if y < to), to]
    for name in found.names:
        lost = found.failed(name)
        note = f"{found.origin}; median (90 % range) at the start of the year; {found.draws:,} draws"
        note += f", {lost:,} of them left the model's region and are in no range" if lost else ""
        emit_table(_wide([r for r in ranges if r["scenario"] == name], years), title=name, note=note)
    console().print(meanings(o.name for o in found.outputs), style="dim", markup=False)
    for name in found.names[1:]:
        rows = _wide([r for r in differences if r["scenario"] == name], years)
        note = "draw by draw; in brackets the 90 % range; ↑ probability that the difference is above zero"
        emit_table(rows, title=f"{name} minus {found.names[0]}", note=note)


def _wide(rows: list[dict[str, Any]], years: list[int]) -> list[dict[str, Any]]:
    """A line an output, a column a year; in the unit of ``forkpoint run`` where that shows the output too."""
    from forkpoint.report.material import number
    from forkpoint.uncertainty.outputs import headline_output
    from forkpoint.world.results import headline

    shown = {headline_output(r).name: (float(r["factor"]), r["unit"]) for r in headline()}
    table: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["time"] in years:
            factor, unit = shown.get(row["output"]) or _large(row, rows)
            line = table.setdefault(row["output"], {"output": row["output"], "unit": unit})
            middle, low, high = (number(factor * row[p]) for p in ("p50", "p05", "p95"))
            text = middle if low == middle == high else f"{middle} ({low}…{high})"
            line[f"{row['time']:.0f}"] = text + (f" ↑{row['p_above']:.0%}" if "p_above" in row and text != "0" else "")
    return list(table.values())


def _large(row: dict[str, Any], rows: list[dict[str, Any]]) -> tuple[float, str]:
    """The factor and unit in which an output's numbers are short: as they are, millions or billions."""
    divisor, word = scale(max(abs(r["p95"]) for r in rows if r["output"] == row["output"]))
    return 1.0 / divisor, f"{word} {unit_words(row['unit'])}".strip()


@contextmanager
def _progress(title: str, *, silent: bool) -> Iterator[Any]:
    """Rate and time left on stderr: a bar on a terminal, else a line now and then (the log of a cluster's job).

    Gives a function that hears runs done and to do.
    """
    if silent:
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    first: list[float] = []
    said = time.monotonic()

    def rate(done: int) -> float:
        """Runs a second since the first report; 0 while there is nothing to tell."""
        now = time.monotonic()
        first.extend([] if first else [now, done])
        return (done - first[1]) / (now - first[0]) if now > first[0] and done > first[1] else 0.0

    if not sys.stderr.isatty():

        def line(done: int, total: int) -> None:
            nonlocal said
            speed = rate(done)
            if speed and time.monotonic() - said >= LINE_EVERY:
                said = time.monotonic()
                left = (total - done) / speed / 60
                click.echo(f"{title}: {done:,} of {total:,} runs, {speed:,.0f}/s, {left:.1f} min left", err=True)

        yield line
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[runs]}"),
        TextColumn("{task.fields[rate]}"), TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None, rate="", runs="preparing")

        def tell(done: int, total: int) -> None:
            speed = rate(done)
            shown = f"{speed:,.0f}/s" if speed else "starting"
            bar.update(task, completed=done, total=total, rate=shown, runs=f"{done:,} of {total:,} runs")

        yield tell
