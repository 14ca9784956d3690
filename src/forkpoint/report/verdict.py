"""The verdict on the article: each causal claim, the link in the model, its strength over time, and what data say."""

from __future__ import annotations

from functools import cache

import numpy as np

from forkpoint.catalog import Claim, Observation
from forkpoint.report.content import Block, Figure, Paragraph, Section, Table
from forkpoint.report.figures import COLOURS, SERIES, canvas, to_svg
from forkpoint.report.material import Material, number, posterior_draws, spread, yearly
from forkpoint.report.sparkline import sparkline
from forkpoint.report.time_figures import forecast_start
from forkpoint.report.words import Words
from forkpoint.world.fitted import DEFAULT as FITTED
from forkpoint.world.fitted import model_version
from forkpoint.world.results import quarter_name
from forkpoint.world.scenario import DEFAULT
from forkpoint.world.verdict import FELT, Measured, Sweep, Verdict, domestic_compute, verdict

YEARS = (2025, 2030)
STRONG, WEAK = 0.1, 0.01
"""Relative effects from which a link is called strong, and below which it is called nil."""
PREFER = 2.0
"""Difference in log-likelihood from which the past is said to prefer a loop on or off (not fitted again)."""
SWEPT = (2024, 2025, 2027, 2030, 2034)


def verdict_section(material: Material) -> Section:
    """The chapter: the table of claims with small pictures, and the block against self-development."""
    words = material.words
    found = _verdict(tuple(material.catalog.observations))
    claims = {c.claim_id: c for c in material.catalog.claims if c.type == "causal"}
    counts = _counts(found)
    lead = words("verdict_page.lead", measured=len(found.measured), outside=len(found.outside), **counts,
                 scenario=DEFAULT, version=model_version())  # fmt: skip
    harder = _harder(found.sweep, material)
    blocks: list[Block] = [
        Paragraph(lead, "lead"),
        *(Paragraph(line) for line in harder),
        _picture(found.sweep, words),
        _table(found, claims, words),
        _outcomes(found, words),
    ]
    return Section("verdict", words("verdict_page.title"), blocks, summary=[lead, f"  {harder[0]}"])


@cache
def _verdict(observations: tuple[Observation, ...]) -> Verdict:
    import datetime as dt

    return verdict(observations, as_of=dt.date.fromisoformat(FITTED))


def agreement(one: Measured) -> str:
    """Whether the model moves the effect the article's way in 2030: 'as_said', 'weak', 'against' or 'later'."""
    change = {y: one.change(y) for y in (2025, 2030, 2034)}
    sign = 1.0 if one.link.sign == "+" else -1.0
    signed = {y: sign * c for y, c in change.items() if np.isfinite(c)}
    largest = max(signed.values(), key=abs, default=0.0)
    if abs(largest) < WEAK:
        return "weak"
    if largest < 0:
        return "against"
    return "as_said" if abs(signed.get(2025, 0.0)) >= WEAK else "later"


def _counts(found: Verdict) -> dict[str, int]:
    kinds = [agreement(m) for m in found.measured.values()]
    return {kind: kinds.count(kind) for kind in ("as_said", "later", "weak", "against")}


def _table(found: Verdict, claims: dict[str, Claim], words: Words) -> Table:
    rows = []
    for claim_id, claim in claims.items():
        said = words.claim(claim)
        row: dict[str, object] = {
            "claim": claim_id,
            "link": f"{said['cause']} → {said['effect']} ({claim.sign})",
        }
        if claim_id not in found.measured:
            row |= dict.fromkeys(("model", *(f"y{y}" for y in YEARS), "picture", "felt", "loop", "data"), "")
            row["verdict"] = f"{words('verdict_page.outside')} ({words.term('verdict', claim.verdict)})"
            rows.append(row)
            continue
        one = found.measured[claim_id]
        unit = words.term("unit", one.link.unit)
        row["model"] = f"{' → '.join(one.link.path)} ({_label(one)}; {unit})"
        row |= {f"y{y}": _change(one, y) for y in YEARS}
        row["picture"] = sparkline(one.time, one.whole, one.without_cause, _alt(one, words))
        row["felt"] = one.felt_from
        row["loop"] = f"{one.link.loop}: {' / '.join(_percent(one.loop_change(y)) for y in YEARS)}"
        row["data"] = _preference(one.misfit, words)
        row["verdict"] = f"{words(f'verdict_page.{agreement(one)}')} ({words.term('verdict', claim.verdict)})"
        rows.append(row)
    columns = {k: words(f"verdict_page.column.{k}") for k in ("claim", "link", "model")}
    columns |= {f"y{y}": words("verdict_page.column.year", year=y) for y in YEARS}
    columns |= {k: words(f"verdict_page.column.{k}") for k in ("picture", "felt", "loop", "data", "verdict")}
    note = words("verdict_page.table_note", felt=f"{FELT:.0%}")
    return Table(words("verdict_page.table"), columns, rows, note, kind="dense")


def _label(one: Measured) -> str:
    return ", ".join(f"{k} = {v:g}" for k, v in one.link.without)


def _change(one: Measured, year: int) -> str:
    """The effect in a year with its cause and without it, and the relative change."""
    whole, without = one.over(one.whole, year), one.over(one.without_cause, year)
    return f"{number(whole)} / {number(without)} ({_percent(one.change(year))})"


def _percent(value: float) -> str:
    if not np.isfinite(value):
        return "–"
    if value >= 9.995:
        return f"×{value + 1:,.0f}"
    text = f"{value:+.0%}" if abs(value) >= 0.095 else f"{value:+.1%}"
    return "0" if abs(value) < 0.0005 else text.replace("-", "−")


def _alt(one: Measured, words: Words) -> str:
    return words(
        "verdict_page.sparkline_alt", effect=one.link.effect, told="; ".join(f"{y}: {_change(one, y)}" for y in YEARS)
    )


def _preference(misfit: float, words: Words) -> str:
    kind = "on" if misfit > PREFER else "off" if misfit < -PREFER else "neither"
    shown = ">100" if misfit > 100 else f"{misfit:+.1f}".replace("-", "−")
    return words(f"verdict_page.prefer_{kind}", size=shown)


def _outcomes(found: Verdict, words: Words) -> Table:
    """Every loop: how much worse the past is told without it."""
    from forkpoint.world.loops import named_loops

    left_out = words("verdict_page.absent")
    rows = [
        {
            "loop": f"{n} {words.term('loop', n)}",
            "article": left_out if loop.article == "absent" else loop.article,
            "data": _preference(found.misfits[n], words),
        }
        for n, loop in named_loops().items()
    ]
    columns = {k: words(f"verdict_page.column.{k}") for k in ("loop", "article", "data")}
    return Table(words("verdict_page.loops"), columns, rows, words("verdict_page.loops_note"))


def _at(sweep: Sweep, year: int) -> int:
    inside = np.flatnonzero((sweep.time > year - 0.01) & (sweep.time < year + 0.99))
    return int(inside[len(inside) // 2])


def _harder(sweep: Sweep, material: Material) -> list[str]:
    """The harder the block, the faster the self-development: how much, from when, bounded by what."""
    words = material.words
    ratio = sweep.whole[:, -1] / sweep.whole[:, 0] - 1
    up = np.flatnonzero(np.abs(ratio) > FELT)
    last = np.flatnonzero(ratio < -FELT)
    facts = {f"y{y}": _percent(float(ratio[_at(sweep, y)])) for y in SWEPT}
    facts |= {"from_": quarter_name(float(sweep.time[up[0]])) if len(up) else "–"}
    lines = [words("verdict_page.harder", **facts, step=_shape(sweep, 2025, words))]
    limit = {
        f"y{y}": number(float(sweep.without_limit[_at(sweep, y), -1] / sweep.whole[_at(sweep, y), -1]))
        for y in (2025, 2027, 2030)
    }
    effort = {
        f"e{y}": _percent(float(sweep.whole[_at(sweep, y), -1] / sweep.without_effort[_at(sweep, y), -1] - 1))
        for y in (2025, 2027, 2030)
    }
    lines.append(words("verdict_page.bounded", **limit, **effort))
    if len(last):
        start, stop = quarter_name(float(sweep.time[last[0]])), quarter_name(float(sweep.time[last[-1]]))
        lines.append(words("verdict_page.slower", start=start, stop=stop, count=len(last)))
    lines.append(_probability(material))
    return lines


def _shape(sweep: Sweep, year: int, words: Words) -> str:
    """Where along the way from no controls to the dated ones most of the gain lies."""
    row = sweep.whole[_at(sweep, year)]
    half = float(row[len(row) // 2] / row[0] - 1)
    return words("verdict_page.half", half=_percent(half), year=year)


def _probability(material: Material) -> str:
    """How sure the sign is over draws of the posterior, with common random numbers."""
    words = material.words
    held, free = (posterior_draws(name, material.draws) for name in (DEFAULT, "no-controls"))
    kept = sorted(set(held.kept) & set(free.kept))
    ours = domestic_compute(held)[:, [held.kept.index(k) for k in kept]]
    theirs = domestic_compute(free)[:, [free.kept.index(k) for k in kept]]
    facts: dict[str, str] = {}
    for year in (2025, 2030):
        ratio = yearly(held.time, ours, year) / yearly(held.time, theirs, year)
        facts |= {f"r{year}": spread(ratio), f"p{year}": f"{float((ratio > 1).mean()):.0%}"}
    return words("verdict_page.probability", draws=len(kept), **facts)


def _picture(sweep: Sweep, words: Words) -> Figure:
    alt = words(
        "verdict_page.picture_alt",
        **{f"y{y}": _percent(float(sweep.whole[_at(sweep, y), -1] / sweep.whole[_at(sweep, y), 0] - 1)) for y in SWEPT},
    )
    with canvas(8.4, 3.8, columns=2) as (figure, axes):
        left, right = axes
        for colour, name, paths in (
            (SERIES[1], "held", sweep.whole[:, -1]),
            (SERIES[0], "free", sweep.whole[:, 0]),
            (SERIES[2], "limitless", sweep.without_limit[:, -1]),
            (SERIES[3], "effortless", sweep.without_effort[:, -1]),
        ):
            style = "-" if name in ("held", "free") else "--"
            left.plot(sweep.time, paths / 1e3, style, color=colour, label=words(f"verdict_page.{name}"))
        left.set_yscale("log")
        left.set_ylim(0.3, None)
        left.set_title(words("verdict_page.axis"), loc="left", fontsize=9)
        left.set_xticks([2020, 2025, 2030, 2035], ["2020", "2025", "2030", "2035"])
        left.axvline(forecast_start(), color=COLOURS["ink"], linewidth=0.8, linestyle=(0, (3, 3)))
        left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=1, fontsize=8)
        for i, year in enumerate(SWEPT):
            row = sweep.whole[_at(sweep, year)]
            right.plot(
                sweep.strictness,
                100 * (row / row[0] - 1),
                "osD^v"[i] + "-",
                color=SERIES[i],
                markersize=4,
                label=str(year),
            )
        right.axhline(0, color=COLOURS["ink"], linewidth=0.8)
        right.set_title(words("verdict_page.gain"), loc="left", fontsize=9)
        right.set_xlabel(words("verdict_page.strictness"))
        right.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=5, fontsize=8)
        return Figure(to_svg(figure, alt), words("verdict_page.picture"), alt, words("verdict_page.picture_note"))
