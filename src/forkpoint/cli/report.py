"""``forkpoint report``: the main job."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from forkpoint.cli.output import console


@click.command(
    epilog="""\b
Examples:
  forkpoint report                       out/report.html, in English, the law as of today
  forkpoint report --lang zh --out zh    the same in Simplified Chinese
  forkpoint report --on 2025-04-10       the law as on that day"""
)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("out"), show_default=True, help="Folder to write to."
)
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Language.")
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), default=None, help="Date of the law pictures (today).")
@click.option("--catalog", "folder", type=click.Path(path_type=Path), default=None, help="Your own catalogue folder.")
def report(out: Path, lang: str, on: dt.datetime | None, folder: Path | None) -> None:
    """Write the report: one HTML file that opens from disk, and a summary here."""
    from forkpoint.catalog import catalog
    from forkpoint.report import build_report

    screen = console()
    day = on.date() if on else dt.date.today()
    with screen.status("report") as status:
        done = build_report(
            catalog(folder), out, language=lang, on=day, progress=lambda name: status.update(f"report: {name}")
        )
    for line in done.summary:
        screen.print(line, markup=False)
    screen.print(f"→ {done.path}", style="bold", markup=False)
