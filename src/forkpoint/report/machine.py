"""The machine's chapter: what each chip is worth on one training and one serving workload, and what binds."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from forkpoint.catalog import Catalog, catalog
from forkpoint.report.content import Figure, Paragraph, Section, Table
from forkpoint.report.figures import COLOURS, SERIES, canvas, to_svg
from forkpoint.report.material import Material, number
from forkpoint.report.words import Words

if TYPE_CHECKING:
    from forkpoint.perf.equivalence import Equivalent
    from forkpoint.perf.instances import Job

YARDSTICK = "H100"
WORKLOADS: tuple[tuple[Job, str], ...] = (("train", "llama-3.1-405b"), ("serve", "deepseek-v3"))
"""One training and one serving workload."""
ARTICLE = ("A100", "H100", "A800", "H800", "H20", "Ascend 910B", "BR104", "Kunlun P800", "Goldwasser XL", "TianGai 150")
"""The chips that the article names (for its "Tianyuan" the two candidates)."""
TODAY = ("H200", "B200", "B300", "MI300X", "MI308X", "Ascend 910C", "MLU590", "RTX PRO 6000D")
"""What a buyer asks of beside them."""
SUMMARY = ("H20", "Ascend 910B", "Ascend 910C", "B200")
"""The chips of the terminal's line."""


def machine_section(material: Material) -> Section:
    """The chapter: worth in H100-equivalents with 80 % ranges beside counts by peaks alone."""
    words = material.words
    found = worths(material.catalog)
    known = {name: pair for name, pair in found.items() if all(e.count is not None for e in pair)}
    unknown = {name: pair for name, pair in found.items() if name not in known}
    models = dict(WORKLOADS)
    lead = words("machine.lead", known=len(known), all=len(found), **models)
    return Section(
        "machine",
        words("machine.title"),
        [
            Paragraph(lead, "lead"),
            _picture(known, words),
            _table(found, words),
            *([Paragraph(words("machine.unknown", chips=words.list(unknown)), "note")] if unknown else []),
        ],
        summary=[words("machine.summary", chips=words.list(_line(known, SUMMARY)))],
    )


def worths(of: Catalog) -> dict[str, tuple[Equivalent, ...]]:
    """Each chip against the yardstick on every workload, the article's chips first."""
    return _known() if of is catalog() else _compared(of)


@cache
def _known() -> dict[str, tuple[Equivalent, ...]]:
    return _compared(catalog())


def _compared(of: Catalog) -> dict[str, tuple[Equivalent, ...]]:
    from forkpoint.perf.architectures import named
    from forkpoint.perf.equivalence import equivalent

    other = of.accelerator(YARDSTICK)
    return {
        name: tuple(equivalent(named(model), of.accelerator(name), other, job) for job, model in WORKLOADS)
        for name in (*ARTICLE, *TODAY)
    }


def _worth(one: Equivalent) -> tuple[float, float, float] | None:
    """How many of the yardstick one chip is worth: central, low, high."""
    if one.count is None or one.low is None or one.high is None:
        return None
    return 1 / one.count, 1 / one.high, 1 / one.low


def _picture(known: dict[str, tuple[Equivalent, ...]], words: Words) -> Figure:
    names = list(known)[::-1]
    alt = words("machine.alt", chips=words.list(_line(known, known)))
    with canvas(8, 0.36 * len(names) + 1.2) as (figure, axes):
        for column, (job, model) in enumerate(WORKLOADS):
            shift = 0.16 - 0.32 * column
            for row, name in enumerate(names):
                worth = _worth(known[name][column])
                if worth is None:
                    continue
                middle, low, high = worth
                text = words(f"machine.{job}", model=model) if row == 0 else None
                axes.plot([low, high], [row + shift] * 2, color=SERIES[column], linewidth=3, alpha=0.4)
                axes.plot([middle], [row + shift], "oD"[column], color=SERIES[column], markersize=5, label=text)
        peaks = [(row, 1 / e.count_by_8bit) for row, n in enumerate(names) if (e := known[n][0]).count_by_8bit]
        axes.plot([x for _, x in peaks], [row for row, _ in peaks], "|", color=COLOURS["ink"], markersize=11,
                  label=words("machine.by_8bit"))  # fmt: skip
        totals = [(row, 1 / e.count_by_tpp) for row, n in enumerate(names) if (e := known[n][0]).count_by_tpp]
        axes.plot([x for _, x in totals], [row for row, _ in totals], "x", color=COLOURS["unknown"], markersize=6,
                  label=words("machine.by_tpp"))  # fmt: skip
        axes.set_xscale("log")
        ticks = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 4]
        axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
        axes.set_xticks([], minor=True)
        axes.set_yticks(range(len(names)), names)
        axes.set_xlabel(words("machine.axis"))
        axes.axvline(1, color=COLOURS["ink"], linewidth=0.8)
        axes.legend(loc="upper center", bbox_to_anchor=(0.4, -0.12), ncols=2, fontsize=8)
        return Figure(to_svg(figure, alt), words("machine.picture"), alt, words("machine.note"))


def _table(found: dict[str, tuple[Equivalent, ...]], words: Words) -> Table:
    rows = []
    for name, pair in found.items():
        row: dict[str, object] = {"chip": name, "named": name in ARTICLE}
        for one in pair:
            worth = _worth(one)
            row[one.job] = _told(worth) if worth else ""
            row[f"{one.job}_bound"] = words.term("bound", one.bound_by) if one.bound_by else ""
        first = pair[0]
        row["by_8bit"] = 1 / first.count_by_8bit if first.count_by_8bit else None
        row["by_tpp"] = 1 / first.count_by_tpp if first.count_by_tpp else None
        rows.append(row)
    keys = ("chip", "named", "train", "train_bound", "serve", "serve_bound", "by_8bit", "by_tpp")
    return Table(words("machine.table"), {k: words(f"machine.column.{k}") for k in keys}, rows, words("machine.ranges"))


def _line(known: dict[str, tuple[Equivalent, ...]], names: Iterable[str]) -> list[str]:
    parts = []
    for name in names:
        worth = [w for e in known.get(name, ()) if (w := _worth(e))]
        if worth:
            parts.append(f"{name} {' / '.join(map(_told, worth))}")
    return parts


def _told(worth: tuple[float, float, float]) -> str:
    """A worth with its range; the yardstick's own is one."""
    central, low, high = map(number, worth)
    return central if low == high else f"{central} ({low}–{high})"
