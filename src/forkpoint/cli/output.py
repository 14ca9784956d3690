"""How an answer leaves: a table that fits the terminal, JSON or CSV for machines, an explanation as a tree."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from forkpoint.trace import Step


def machine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--json`` and ``--csv`` to a command that prints a table."""
    command = click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")(command)
    return json_option(command)


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--json`` to a command."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def emit_table(
    rows: Sequence[Mapping[str, Any]],
    *,
    columns: Mapping[str, str] | None = None,
    title: str = "",
    note: str = "",
    as_json: bool = False,
    as_csv: bool = False,
) -> None:
    """Print ``rows``: as a table of ``columns`` (key → heading; all by default), or whole as JSON or CSV."""
    if as_json:
        print_json(list(rows))
        return
    if as_csv:
        sys.stdout.write(to_csv(rows))
        return
    from rich.markup import escape
    from rich.table import Table

    shown = columns or {key: key for key in (rows[0] if rows else {})}
    cells = [[heading, *(cell(row.get(key)) for row in rows)] for key, heading in shown.items()]
    screen = console()
    table = Table(title=escape(title) or None, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column, width in zip(cells, _widths(cells, screen.width), strict=True):
        numeric = bool(rows) and all(_NUMBER.fullmatch(text) for text in column[1:])
        table.add_column(column[0], justify="right" if numeric else "left", overflow="fold", width=width)
    for texts in zip(*(column[1:] for column in cells), strict=True):
        table.add_row(*map(escape, texts))
    screen.print(table)
    if note:
        screen.print(note, style="dim", markup=False, highlight=False)


def _widths(cells: Sequence[Sequence[str]], room: int) -> list[int]:
    """Characters of each column, two apart, so that words stay whole as long as ``room`` allows.

    Every column first gets its longest word, the longest cut where even these do not fit, dates, paragraphs and yes or
    no last; what is left goes, a character at a time, to the column whose longest cell lacks most.
    """
    from rich.cells import cell_len

    whole = [max(map(cell_len, column), default=0) for column in cells]
    words = [[w for text in column for w in text.split()] for column in cells]
    widths = [max(map(cell_len, ws), default=0) for ws in words]
    firm = [max((cell_len(w) for w in ws if _FIRM.fullmatch(w)), default=1) for ws in words]
    left = room - sum(widths) - 2 * (len(cells) - 1)
    while left < 0 and max(widths) > 1:
        loose = [w if w > least else 0 for w, least in zip(widths, firm, strict=True)]
        cut = loose if any(loose) else widths
        widths[cut.index(max(cut))] -= 1
        left += 1
    while left > 0 and widths != whole:
        lack = [want - width for want, width in zip(whole, widths, strict=True)]
        widths[lack.index(max(lack))] += 1
        left -= 1
    return widths


_NUMBER = re.compile(r"–|[-+]?[\d,.]+(e-?\d+)?")
"""What stands to the right in its column."""
_FIRM = re.compile(r"yes|no|\d{4}-\d{2}-\d{2}|\d[A-Z]\d{3}\S{0,4}")
"""Words that a table does not break: yes and no, dates, paragraphs of the Control List."""


def emit_step(root: Step, *, title: str = "") -> None:
    """Print an explanation as a tree."""
    from rich.markup import escape
    from rich.tree import Tree

    def label(step: Step) -> str:
        margin = "" if step.margin is None else f"  [dim]margin {step.margin:+.1%}[/dim]"
        tail = " · ".join(t for t in (step.citation, f"grade {step.grade}" if step.grade else "") if t)
        outcome = f": {escape(step.outcome)}" if step.outcome else ""
        text = f"[bold]{escape(step.name)}[/bold]{outcome}{margin}"
        if step.detail:
            text += f"\n{escape(step.detail)}"
        return text + (f"\n[dim]{escape(tail)}[/dim]" if tail else "")

    def grow(branch: Tree, step: Step) -> None:
        for name, quantity in step.numbers.items():
            source = f"  [dim]{escape(quantity.source)}[/dim]" if quantity.source else ""
            branch.add(f"{escape(name)} = {escape(str(quantity))}{source}")
        for child in step.children:
            grow(branch.add(label(child)), child)

    tree = Tree(label(root))
    grow(tree, root)
    screen = console()
    if title:
        screen.print(title, style="bold")
    screen.print(tree, highlight=False)


def print_json(value: Any) -> None:
    """Print ``value`` as JSON (UTF-8, no NaN: an undefined number is null)."""
    print(json.dumps(_finite(value), ensure_ascii=False, indent=2, allow_nan=False, default=_plain))


def to_csv(rows: Sequence[Mapping[str, Any]], columns: Iterable[str] | None = None) -> str:
    """``rows`` as CSV text with a header; keys of all rows in order of first appearance unless given."""
    names = list(columns) if columns is not None else list(dict.fromkeys(k for r in rows for k in r))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=names, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows({k: "" if v is None else _finite(v) for k, v in row.items()} for row in rows)
    return stream.getvalue()


def cell(value: Any) -> str:
    """A value as a person reads it in a table cell."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if not math.isfinite(value):
            return "–"
        return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def unit_words(unit: object) -> str:
    """A unit as a person reads it: none where a number has no dimension (written "1" in files)."""
    return "" if unit == "1" else str(unit)


def console() -> Any:
    """The terminal, or a page of :func:`screen_width` where the output is piped."""
    from rich.console import Console

    class Screen(Console):
        def on_broken_pipe(self) -> None:
            raise  # again, inside rich's handler: main() ends quietly with 0, rich would end with 1

    width = None if sys.stdout.isatty() else screen_width()
    return Screen(width=width, highlight=False, markup=True, emoji=False)


def screen_width() -> int:
    """Columns of the terminal (or its ``COLUMNS``); 100 where the output is piped, so that it is always the same."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 100


@contextmanager
def progress_bar(what: str, *, silent: bool = False) -> Iterator[Callable[[int, int], None]]:
    """A progress bar of ``what`` on standard error, moved by (done, total); it stays away when nobody watches."""
    if silent or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def significant(value: float) -> float:
    """``value`` to ten significant digits: more than any datum here carries, without the noise of binary."""
    return float(f"{value:.10g}")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return significant(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return value


def _plain(value: Any) -> Any:
    """An array or a number of an array as JSON's own; anything else as its text."""
    return _finite(value.tolist()) if hasattr(value, "tolist") else str(value)
