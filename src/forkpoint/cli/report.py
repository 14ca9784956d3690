"""``forkpoint report``: the main job."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

import click

from forkpoint.cli.output import console


@click.command(
    epilog="""\b
Examples:
  forkpoint report                     # out/report.html, in English, the law as of today
  forkpoint report --lang zh --out zh  # the same in Simplified Chinese
  forkpoint report --on 2025-04-10     # the law as on that day
  forkpoint report --draws 400         # smoother bands, more minutes

A chapter that cannot be made (a part is not installed, a run failed) says so in its place; the exit code is then 1."""
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("out"),
    show_default=True,
    help="Folder to write to.",
)
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Language.")
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), default=None, help="Date of the law pictures (today).")
@click.option("--draws", type=click.IntRange(10, 2000), default=100, show_default=True, help="Draws behind the bands.")
@click.option("--catalog", "folder", type=click.Path(path_type=Path), default=None, help="Your own catalogue folder.")
@click.pass_context
def report(ctx: click.Context, out: Path, lang: str, on: dt.datetime | None, draws: int, folder: Path | None) -> None:
    """Write the report: one HTML file that opens from disk, and a summary here."""
    from forkpoint.catalog import catalog
    from forkpoint.report import build_report

    screen = console()
    day = on.date() if on else dt.date.today()
    started = time.monotonic()

    def tell(chapter: str) -> None:
        click.echo(f"[{time.monotonic() - started:4.0f} s] {chapter}", err=True)

    done = build_report(catalog(folder), out, language=lang, on=day, draws=draws, progress=tell)
    for line in done.summary:
        screen.print(line, markup=False)
    screen.print(f"→ {done.path}", style="bold", markup=False)
    for chapter in done.left_out:
        click.echo(f"left out: {chapter}", err=True)
    if done.left_out:
        ctx.exit(1)
