"""Parts of docs/performance-model.md that come from the data: parameters, clusters, economics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from forkpoint.files import read_yaml
from forkpoint.perf import cluster, economics, efficiency

SECTIONS = ("parameters", "clusters", "economics")


def section(name: str) -> str:
    """One generated part as Markdown."""
    return {"parameters": _parameters, "clusters": _clusters, "economics": _economics}[name]()


def _parameters() -> str:
    rows = (
        (
            f"`{e.name}`",
            f"{e.value:g}",
            f"{e.low:g} to {e.high:g}",
            e.unit,
            "yes" if e.fitted else "no",
            e.meaning,
            e.source,
        )
        for e in efficiency.entries().values()
    )
    return _table(("parameter", "value", "range", "unit", "fitted", "meaning", "source of prior and range"), rows)


def _clusters() -> str:
    rows = (
        (
            f"`{name}`",
            ", ".join(f"{c}…" for c in fields["chips"] if c) or "any other",
            f"{fields.get('domain', 'catalogue')}",
            f"{fields['nic_gbs']:g}",
            f"{fields.get('torus', '–')}",
            str(fields["source"]),
        )
        for name, fields in cluster.presets().items()
    )
    return _table(("cluster", "default for", "scale-up domain", "GB/s beyond it", "torus", "source"), rows)


def _economics() -> str:
    entries = read_yaml(economics.FILE)
    rows = (
        (f"`{name}`", f"{e['value']:g}", f"{e['low']:g} to {e['high']:g}", e["unit"], e["meaning"], e["source"])
        for name, e in entries.items()
    )
    return _table(("assumption", "value", "range", "unit", "meaning", "source"), rows)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(header)} |", "|" + " --- |" * len(header)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def refreshed(page: str) -> str:
    """``page`` with the text between ``<!-- NAME -->`` and ``<!-- /NAME -->`` replaced by its generated part."""
    for name in SECTIONS:
        start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, rest = page.split(start)
        page = f"{before}{start}\n{section(name)}\n{end}{rest.split(end)[1]}"
    return page


def main() -> None:
    """Refresh the page named on the command line."""
    import sys
    from pathlib import Path

    from forkpoint.files import read_text, write_atomically

    page = Path(sys.argv[1])
    write_atomically(page, refreshed(read_text(page)))


if __name__ == "__main__":
    main()
