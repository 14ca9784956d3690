"""The verdict on the article: each causal claim, the link in the model, its strength over time, and what data say."""

from __future__ import annotations

from functools import cache

import numpy as np

from forkpoint.catalog import Claim, Observation
from forkpoint.report.content import Block, Figure, Paragraph, Section, Table
from forkpoint.report.figures import COLOURS, SERIES, canvas, plain_numbers, to_svg
from forkpoint.report.material import Floats, Material, number, posterior_draws, spread, yearly
from forkpoint.report.sparkline import sparkline
from forkpoint.report.time_figures import forecast_start
from forkpoint.report.words import Words
from forkpoint.world.fitted import DEFAULT as FITTED
from forkpoint.world.fitted import model_version
from forkpoint.world.loops import named_loops
from forkpoint.world.results import quarter_name
from forkpoint.world.scenario import DEFAULT
from forkpoint.world.verdict import FELT, STRICTNESS, Measured, Sweep, Verdict, domestic_compute, verdict

YEARS = (2025, 2030)
STRONG, WEAK = 0.1, 0.01
"""Relative effects from which a link is called strong, and below which it is called nil."""
PREFER = 2.0
"""Difference in log-likelihood from which the past is said to prefer a loop on or off (not fitted again)."""
SWEPT = (2024, 2025, 2027, 2030, 2034)
COUNTERFACTUALS = {"alone": (DEFAULT, ((STRICTNESS, 0.0),)), "refusal": ("no-controls", ())}
"""The block taken away: alone, and with it China's refusal. Scenario, and parameters held."""
WAYS = {0.95: "faster", 0.75: "likely_faster", 0.25: "undecided", 0.05: "likely_slower", 0.0: "slower"}
"""What is said of a probability that the block adds, from the least one up."""


def verdict_section(material: Material) -> Section:
    """The chapter: the table of claims with small pictures, and the block against self-development."""
    words = material.words
    found = _verdict(tuple(material.catalog.observations))
    claims = {c.claim_id: c for c in material.catalog.claims if c.type == "causal"}
    counts = _counts(found)
    lead = words("verdict_page.lead", measured=len(found.measured), outside=len(found.outside), **counts,
                 scenario=DEFAULT, version=model_version())  # fmt: skip
    ratios = {key: _block(material, *taken) for key, taken in COUNTERFACTUALS.items()}
    harder = [words(f"verdict_page.{key}", **_chances(ratio, words)) for key, ratio in ratios.items()]
    blocks: list[Block] = [
        Paragraph(lead, "lead"),
        *(Paragraph(line) for line in harder),
        _block_table(ratios, material),
        *(Paragraph(line) for line in _central(found.sweep, words)),
        _picture(found.sweep, words),
        _table(found, claims, words),
        _outcomes(found, words),
    ]
    return Section("verdict", words("verdict_page.title"), blocks, summary=[lead, *(f"  {line}" for line in harder)])


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
        path = " → ".join(map(words.variable, one.link.path))
        row["model"] = words("verdict_page.link", path=path, without=_taken(one, words), unit=unit)
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


def _taken(one: Measured, words: Words) -> str:
    """What is taken away to measure a claim: a loop switched off, or a parameter held at a value."""
    loops = {loop.switch: name for name, loop in named_loops().items()}
    return words.list(
        words("verdict_page.loop_off", loop=loops[name]) if name in loops else f"{words.variable(name)} = {value:g}"
        for name, value in one.link.without
    )


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
        "verdict_page.sparkline_alt",
        effect=words.variable(one.link.effect),
        told="; ".join(f"{y}: {_change(one, y)}" for y in YEARS),
    )


def _preference(misfit: float, words: Words) -> str:
    kind = "on" if misfit > PREFER else "off" if misfit < -PREFER else "neither"
    shown = ">100" if misfit > 100 else f"{misfit:+.1f}".replace("-", "−")
    return words(f"verdict_page.prefer_{kind}", size=shown)


def _outcomes(found: Verdict, words: Words) -> Table:
    """Every loop: how much worse the past is told without it."""
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


def _block(material: Material, name: str, without: tuple[tuple[str, float], ...]) -> dict[int, Floats]:
    """What Chinese designs add to effective compute a year as it was, over the same without the block, by draw."""
    held, free = posterior_draws(DEFAULT, material.draws), posterior_draws(name, material.draws, without)
    kept = sorted(set(held.kept) & set(free.kept))
    ours, theirs = (domestic_compute(d)[:, [d.kept.index(k) for k in kept]] for d in (held, free))
    return {y: yearly(held.time, ours, y) / yearly(held.time, theirs, y) for y in SWEPT}


def _chances(ratio: dict[int, Floats], words: Words) -> dict[str, str]:
    """By year (``y2025``) the ratio with its range, which way it points, and the probability that the block adds."""
    facts = {}
    for year, r in ratio.items():
        chance = float((r > 1).mean())
        way = next(way for least, way in WAYS.items() if chance >= least)
        facts[f"y{year}"] = words(
            "verdict_page.chance", ratio=spread(r), way=words(f"verdict_page.way.{way}"), chance=f"{chance:.0%}"
        )
    return facts


def _block_table(ratios: dict[str, dict[int, Floats]], material: Material) -> Table:
    """The article's main claim year by year: the ratio with its range, and how likely the block adds."""
    words = material.words
    rows = [
        {"without": words(f"verdict_page.without.{key}")} | {y[1:]: told for y, told in _chances(ratio, words).items()}
        for key, ratio in ratios.items()
    ]
    columns = {"without": words("verdict_page.column.without")} | {str(y): str(y) for y in SWEPT}
    note = words("verdict_page.block_note", draws=material.draws)
    return Table(words("verdict_page.block"), columns, rows, note)


def _central(sweep: Sweep, words: Words) -> list[str]:
    """What the run at the fitted parameters adds: from when the block is felt, what bounds it, when it slows."""
    ratio = sweep.whole[:, -1] / sweep.whole[:, 0] - 1
    up = np.flatnonzero(np.abs(ratio) > FELT)
    last = np.flatnonzero(ratio < -FELT)
    from_ = quarter_name(float(sweep.time[up[0]])) if len(up) else "–"
    lines = [words("verdict_page.central", from_=from_, step=_shape(sweep, 2025, words))]
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
    return lines


def _shape(sweep: Sweep, year: int, words: Words) -> str:
    """Where along the way from no controls to the dated ones most of the gain lies."""
    row = sweep.whole[_at(sweep, year)]
    half, whole = (_percent(float(row[i] / row[0] - 1)) for i in (len(row) // 2, -1))
    return words("verdict_page.half", half=half, whole=whole, year=year)


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
        plain_numbers(left.yaxis)
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
