"""``data check``: catalogue files, ours or a user's, against the catalogue's schema."""

from __future__ import annotations

from pathlib import Path

import click

from forkpoint.cli.output import emit_table, json_option, print_json
from forkpoint.errors import InputError

_SHOWN = 50


@click.group(
    epilog="""\b
Examples:
  forkpoint data check
  forkpoint data check my/accelerators.csv --json"""
)
def data() -> None:
    """Work with catalogue files."""


@data.command(
    epilog="""\b
Examples:
  forkpoint data check                      # ours
  forkpoint data check my/accelerators.csv  # one of yours (named as ours are)
  forkpoint data check my/                  # every catalogue file of a folder

Exit: 0 all fine, 2 a wrong cell, row or file."""
)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@json_option
@click.pass_context
def check(ctx: click.Context, files: tuple[Path, ...], as_json: bool) -> None:
    """Check FILES (ours by default): types, units' ranges, keys, sources, dates, references."""
    from forkpoint.catalog import DATA
    from forkpoint.catalog.ledger import check_folder, check_one

    reports = []
    for path in files or (DATA,):
        if not path.exists():
            raise InputError(f"{path} does not exist")
        reports.extend(check_folder(path) if path.is_dir() else [check_one(path)])
    wrong = any(r.errors for r in reports)
    if as_json:
        print_json({"ok": not wrong, "files": [r.to_dict() for r in reports]})
    else:
        rows = [{"file": r.name, "rows": r.rows, "errors": len(r.errors)} for r in reports]
        emit_table(rows, note="" if wrong else "all fine")
        for report in reports:
            for line in report.errors[:_SHOWN]:
                click.echo(str(line), err=True)
            if len(report.errors) > _SHOWN:
                click.echo(f"{report.name}: and {len(report.errors) - _SHOWN} more", err=True)
    if wrong:
        ctx.exit(2)
