"""``forkpoint calibrate``, ``hindcast`` and ``score``: fitted to the past, and how good it was on what came later."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

import click

from forkpoint.cli.output import console, emit_table, machine_options, print_json, to_csv

_DAY = click.DateTime(["%Y-%m-%d"])
_CUTOFF = "2025-11-01"
_FIRST_YEAR = 2019


@click.command(
    epilog="""\b
Examples:
  forkpoint calibrate                               # what the data known on 2025-11-01 say
  forkpoint calibrate --as-of 2024-09-30 --out fit  # write posterior and fitted set to a folder
  forkpoint calibrate --method nuts --out fit       # sample the posterior, some minutes"""
)
@click.option("--as-of", type=_DAY, default=_CUTOFF, show_default=True, help="Only what was published by this day.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for posterior.npz and fitted.csv."
)
@click.option("--fast", is_flag=True, help="Leave out the check of the Laplace approximation.")
@click.option(
    "--method",
    type=click.Choice(["laplace", "nuts"]),
    default="laplace",
    show_default=True,
    help="A Gaussian around the mode, or draws of the posterior itself.",
)
@click.option("--chains", type=click.IntRange(2, 8), default=4, show_default=True, help="Chains (nuts).")
@click.option("--warmup", type=click.IntRange(50), default=500, show_default=True, help="Warm-up draws a chain (nuts).")
@click.option("--draws", type=click.IntRange(50), default=1000, show_default=True, help="Draws a chain (nuts).")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of all random numbers (nuts).")
@click.option("--workers", type=click.IntRange(1), default=os.cpu_count() or 1, help="Processes (nuts), one a core.")
@machine_options
def calibrate(
    as_of: dt.datetime,
    out: Path | None,
    fast: bool,
    method: str,
    chains: int,
    warmup: int,
    draws: int,
    seed: int,
    workers: int,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Fit the world's parameters, within their ranges, to what was known on a day."""
    from forkpoint.catalog import catalog
    from forkpoint.files import write_atomically
    from forkpoint.uncertainty.calibrate import fit
    from forkpoint.uncertainty.evidence import evidence
    from forkpoint.uncertainty.nuts import sampled
    from forkpoint.uncertainty.posterior_file import mode_table, write_posterior
    from forkpoint.uncertainty.psis import laplace_check

    _known_by(as_of)
    day = evidence(catalog().observations, as_of.date())
    screen = console()
    with screen.status(f"fit to {day.count} figures") as status:

        def tell(step: int, misfit: float) -> None:
            status.update(f"fit to {day.count} figures: step {step}, misfit {misfit:.1f}")

        posterior, words = fit(day, progress=tell), ""
        if method == "nuts":
            options = {"chains": chains, "warmup": warmup, "draws": draws, "seed": seed}
            status.update(f"NUTS: {chains} chains of {warmup} + {draws} draws, some minutes")
            posterior, words = sampled(day, posterior, workers=workers, **options)
    table = mode_table(posterior, day.coordinates)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        write_posterior(posterior, out / "posterior.npz")
        write_atomically(out / "fitted.csv", to_csv(table))
    if as_json or as_csv:
        emit_table(table, as_json=as_json, as_csv=as_csv)
        return
    told = sorted(table, key=lambda r: float(str(r["posterior_sd"])))[:25]
    title = f"{day.count} figures known on {as_of:%Y-%m-%d}: the 25 parameters that they tell most about"
    silent = sum(float(str(r["posterior_sd"])) > 0.9 for r in table)
    note = (
        f"misfit {posterior.misfit:.0f} on {posterior.observations} figures, {posterior.prior_misfit:.0f} from priors. "
        f"posterior_sd 1: the data said nothing; {silent} of {len(table)} parameters are not identified (above 0.9). "
    )
    if words or not fast:
        note += words or laplace_check(day, posterior).words
    emit_table(told, title=title, note=note)


@click.command(
    epilog="""\b
Examples:
  forkpoint hindcast               # error of every series of the world, 2019 to 2025-11-01
  forkpoint hindcast --rows --csv  # every figure beside the model's"""
)
@click.option("--as-of", type=_DAY, default=_CUTOFF, show_default=True, help="Run up to this day.")
@click.option("--reference", is_flag=True, help="Reference values of the parameters instead of the fitted ones.")
@click.option("--rows", is_flag=True, help="Every figure, not one line a series.")
@machine_options
def hindcast(as_of: dt.datetime, reference: bool, rows: bool, as_json: bool, as_csv: bool) -> None:
    """The past again: run from 2019 on observed levers alone, beside every matching observation."""
    import numpy as np

    from forkpoint.catalog import catalog
    from forkpoint.world.hindcast import error_kind, errors_by_series
    from forkpoint.world.hindcast import hindcast as again

    _known_by(as_of)
    found = again(catalog().observations, as_of=as_of.date(), parameters={} if reference else None)
    if rows:
        emit_table([c.to_dict() for c in found], as_json=as_json, as_csv=as_csv)
        return
    table = [s.to_dict() for s in errors_by_series(found)]
    if as_json or as_csv:
        emit_table(table, as_json=as_json, as_csv=as_csv)
        return

    def told(error: float, measure: str) -> str:
        return f"{error:.1%}" if measure in ("relative", "points") else f"{error:.3g}"

    errors = [abs(c.error) for c in found if c.used and error_kind(c.observable) != "unit"]
    columns = {"series": "series", "entity": "entity", "count": "n", "median_absolute_error": "median |error|"}
    columns |= {"bias": "bias", "worst": "worst", "in": "in", "fitted": "fitted"}
    shown = [
        {k: told(v, r["in"]) if k in ("median_absolute_error", "bias", "worst") else v for k, v in r.items()}
        for r in table
    ]
    note = f"median absolute error of the {len(errors)} fitted figures: {np.median(errors):.1%}; shares in points; "
    note += "series whose figures may be nought (delays, gaps) in their own unit, left out of that median"
    emit_table(shown, columns=columns, note=note)


@click.command(
    epilog="""\b
Examples:
  forkpoint score --as-of 2024-09-30            # our own observations that came later
  forkpoint score later.csv --as-of 2025-10-31  # a file in the schema of observations.csv
  forkpoint score --rolling --out scores.csv    # five days, one table"""
)
@click.argument("observations", required=False, type=click.Path(path_type=Path))
@click.option("--as-of", type=_DAY, default="2025-10-31", show_default=True, help="The forecaster's day.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="CSV file of every scored figure.")
@click.option("--rolling", is_flag=True, help="Scores from five days between 2022 and 2025.")
@click.option("--draws", type=click.IntRange(50, 100_000), default=1000, show_default=True, help="Draws a forecast.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of all random numbers.")
@machine_options
def score(
    observations: Path | None,
    as_of: dt.datetime,
    out: Path | None,
    rolling: bool,
    draws: int,
    seed: int,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Freeze what was known on a day, forecast what came later, and score it against naive rules."""
    from forkpoint.catalog import catalog
    from forkpoint.catalog.load import check_file
    from forkpoint.errors import InputError
    from forkpoint.files import read_text, write_atomically
    from forkpoint.uncertainty import score as scoring

    history = catalog().observations
    later: list[Any] = list(history)
    if observations is not None:
        text = read_text(observations)
        try:
            later, errors = check_file(Path("observations.csv"), text=text)
        except InputError as error:
            raise InputError(f"{observations}, read as {error}") from error
        if errors:
            raise InputError(f"{observations}, read as {errors[0]}")
    if not rolling:
        _known_by(as_of)
    days = scoring.ORIGINS if rolling else (as_of.date(),)
    screen = console()
    found = []
    with screen.status("score") as status:
        for day in days:
            options: dict[str, Any] = {"known": history, "draws": draws, "seed": seed, "progress": status.update}
            found.append(scoring.score(later, day, **options))
    if not any(s.rows for s in found):
        held = f"{observations} holds" if observations else "the catalogue holds"
        left = ", ".join(f"{count} {reason}" for reason, count in found[-1].left_out.items()) or "no row at all"
        raise InputError(f"{held} no figure to score from {days[-1]}: {left}")
    rows = [{"as_of": s.as_of.isoformat(), **{k: r[k] for k in scoring.COLUMNS}} for s in found for r in s.rows]
    if out is not None:
        write_atomically(out, to_csv(rows, ([] if not rolling else ["as_of"]) + list(scoring.COLUMNS)))
    if as_json:
        print_json(
            [{"as_of": s.as_of, **vars(s.summary), "unmatched": s.unmatched, "left_out": s.left_out} for s in found]
        )
        return
    if as_csv:
        emit_table(rows, as_csv=True)
        return
    _print_scores(found)


def _known_by(as_of: dt.datetime) -> None:
    """Raises InputError where the day lies before the model's first year: nothing was known to fit to."""
    from forkpoint.errors import InputError

    if as_of.year < _FIRST_YEAR:
        raise InputError(f"--as-of {as_of:%Y-%m-%d}: the world starts in {_FIRST_YEAR}; nothing is known before")


def _print_scores(found: list[Any]) -> None:
    from collections import Counter

    from forkpoint.uncertainty.score import against_rules, by_horizon
    from forkpoint.uncertainty.scores import summarise

    if len(found) == 1:
        rows = found[0].by_series()
        shown = [{k: f"{v:.2f}" if isinstance(v, float) else v for k, v in r.items()} for r in rows]
        emit_table(shown, title=f"Forecasts of {found[0].as_of}, by series")
    overall = [*((str(s.as_of), s.summary) for s in found)]
    if len(found) > 1:
        overall.append(("all", summarise([r for s in found for r in s.rows])))
        overall += by_horizon([r for s in found for r in s.rows]).items()
    table = [
        {
            "as of": name,
            "figures": s.count,
            "skill": _known(s.skill, "+.2f"),
            "50 % covers": _known(s.coverage_50, ".0%"),
            "90 % covers": _known(s.coverage_90, ".0%"),
            "bias": _known(s.signed_median_error, "+.1%"),
            "log score": _known(s.log_score, ".2f"),
            "PIT tenths": " ".join(str(n) for n in s.pit_histogram),
        }
        for name, s in overall
    ]
    note = "skill: share of the CRPS of the best naive rule (chosen by series, with hindsight) that the forecast saves"
    emit_table(table, title="Scores", note=note)
    fixed = against_rules([r for s in found for r in s.rows])
    parts = [f"{rule} {skill:+.2f}" for rule, skill in fixed.items()]
    console().print(f"skill against naive rules chosen without hindsight: {', '.join(parts)}", style="dim")
    left = sum((Counter(s.left_out) for s in found), Counter[str]())
    for reason, count in left.most_common():
        console().print(f"not scored: {count} {reason}", style="dim")


def _known(value: float, how: str) -> str:
    """A number, or a dash where there is none (no figure yet, no naive rule to compare with)."""
    return format(value, how) if value == value else "–"
