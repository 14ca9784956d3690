"""Rival structures: the world with one contested loop held off, weighed by how well it explains what was observed.

Every structure is fitted anew, so that a loop is only missed where no other parameter can do its work. Three measures:
the misfit that is left; the Laplace evidence (the probability of the data under the structure, in logs, which charges
for parameters that had to be moved); and how well each observed series is foretold from all the others, from which
weights follow: stacking over all rivals, pseudo-BMA+ for each against all loops on (Yao, Vehtari, Simpson & Gelman
2018, Bayesian Analysis 13(3)).

The table is a generated file: ``python -m forkpoint.uncertainty.structures`` makes it again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.catalog import read_rows
from forkpoint.errors import RunError, UnknownName

Floats: TypeAlias = NDArray[np.float64]
TABLE = Path(__file__).parent / "structures.csv"
BASE = "all loops on"
COLUMNS = (
    "structure", "misfit", "prior_misfit", "log_evidence", "log_score", "log_score_change", "log_score_change_se",
    "weight_against_base", "weight", "worst_series", "worst_series_change", "observations", "as_of", "model_version",
)  # fmt: skip
FAILED = 1e3
"""Misfit an observation (squared errors) above which a fit is no fit: runs that fail count a thousand errors each."""
KASS_RAFTERY = ((1.0, "do not tell apart"), (3.0, "lean to"), (5.0, "prefer"), (np.inf, "clearly prefer"))
"""Differences of log evidence and their words (Kass & Raftery 1995, JASA 90: 2 ln B of 2, 6 and 10)."""


@dataclass(frozen=True)
class Explained:
    """How one structure, fitted, explains the observations; ``scores``: log density of each series given the others."""

    structure: str
    misfit: float
    prior_misfit: float
    log_evidence: float
    scores: Floats

    @property
    def log_score(self) -> float:
        """Sum of the scores over series."""
        return float(self.scores.sum())


@dataclass(frozen=True)
class Preference:
    """What the observations say for or against a loop, in words and numbers."""

    loop: str
    words: str
    misfit_change: float
    log_bayes_factor: float
    """Log evidence with the loop less without it: above zero where the data prefer the loop."""
    log_score_gain: float
    log_score_gain_se: float
    weight_on: float
    """Weight of the structure with the loop against the one without, by left-out scores over resampled series."""
    worst_series: str
    as_of: str

    def to_dict(self) -> dict[str, Any]:
        """All fields by name."""
        return dict(vars(self))


def explain(residuals: Floats, jacobian: Floats, z: Floats, blocks: Sequence[Any], structure: str = "") -> Explained:
    """Evidence and leave-one-block-out scores of a structure from its linearisation at the mode ``z``.

    Around the mode the data are normal with mean d = r − Jz and covariance S = 1 + JJᵀ (prior and errors have unit
    width); a block b given all others is normal with covariance P_bb⁻¹ and mean residual P_bb⁻¹(Pd)_b, P = S⁻¹.
    """
    covariance = np.eye(len(residuals)) + jacobian @ jacobian.T
    precision = np.linalg.inv(covariance)
    pulled = precision @ (residuals - jacobian @ z)
    misfit, prior_misfit = float(residuals @ residuals), float(z @ z)
    evidence = -0.5 * (misfit + prior_misfit + float(np.linalg.slogdet(covariance)[1]))
    scores = []
    for block in dict.fromkeys(blocks):
        rows = np.array([i for i, b in enumerate(blocks) if b == block])
        inner = precision[np.ix_(rows, rows)]
        part = pulled[rows]
        width = float(np.linalg.slogdet(inner)[1])
        scores.append(0.5 * (width - part @ np.linalg.solve(inner, part) - len(rows) * np.log(2 * np.pi)))
    return Explained(structure, misfit, prior_misfit, evidence, np.array(scores))


def stacking_weights(log_densities: Floats, *, rounds: int = 5000) -> Floats:
    """Weights of rivals (column) that maximise the mean log of the mixed density over cases (row).

    The problem is concave; every round of expectation–maximisation raises it, and weights stay on the simplex.
    """
    densities = np.exp(log_densities - log_densities.max(axis=1, keepdims=True))
    weights = np.full(densities.shape[1], 1.0 / densities.shape[1])
    for _ in range(rounds):
        shares = densities * weights
        updated = (shares / shares.sum(axis=1, keepdims=True)).mean(axis=0)
        if np.abs(updated - weights).max() < 1e-10:
            break
        weights = updated
    return np.asarray(weights)


def bootstrap_weights(log_densities: Floats, *, draws: int = 4000, seed: int = 0) -> Floats:
    """Weights of rivals (column) by their summed log density over cases (row), averaged over random weights of the
    cases: pseudo-BMA+ of Yao et al. 2018. Steadier than stacking where cases are few; never a bare 0 or 1 by luck."""
    cases = len(log_densities)
    shares = np.random.default_rng(seed).dirichlet(np.ones(cases), draws)
    sums = cases * shares @ log_densities
    weights = np.exp(sums - sums.max(axis=1, keepdims=True))
    return np.asarray((weights / weights.sum(axis=1, keepdims=True)).mean(axis=0))


@cache
def structure_table() -> tuple[dict[str, Any], ...]:
    """The rows of ``structures.csv``: all loops on, then each loop off."""
    words = ("structure", "worst_series", "as_of", "model_version")
    return tuple(
        {k: v if k in words else float(v or "nan") for k, v in row.items()} for row in read_rows(TABLE, COLUMNS)
    )


def data_prefer(loop: str) -> Preference:
    """Whether the observations prefer the world with a loop or without it. Raises UnknownName for the loop."""
    rows = {str(r["structure"]): r for r in structure_table()}
    name = loop.replace("'", "′")
    if f"{name} off" not in rows:
        raise UnknownName("loop", loop, [s.removesuffix(" off") for s in rows if s != BASE], where=TABLE.name)
    with_it, without = rows[BASE], rows[f"{name} off"]
    factor = float(with_it["log_evidence"] - without["log_evidence"])
    gain = -float(without["log_score_change"])
    found = Preference(
        loop=name,
        words="",
        misfit_change=float(without["misfit"] - with_it["misfit"]),
        log_bayes_factor=factor,
        log_score_gain=gain,
        log_score_gain_se=float(without["log_score_change_se"]),
        weight_on=1.0 - float(without["weight_against_base"]),
        worst_series=str(without["worst_series"]),
        as_of=str(without["as_of"]),
    )
    return replace(found, words=_words(found))


def _words(found: Preference) -> str:
    factor, side = abs(found.log_bayes_factor), "with" if found.log_bayes_factor > 0 else "without"
    verb = next(words for limit, words in KASS_RAFTERY if factor < limit)
    if verb == KASS_RAFTERY[0][1]:
        return f"The data do not tell the world with loop {found.loop} from the one without it."
    text = f"The data {verb} the world {side} loop {found.loop} (log Bayes factor {found.log_bayes_factor:+.1f})"
    agrees = np.sign(found.log_score_gain) == np.sign(found.log_bayes_factor)
    firm = abs(found.log_score_gain) > 2 * found.log_score_gain_se
    if agrees and firm:
        return f"{text}, and it foretells left-out series better."
    if not agrees and firm:
        return f"{text}, yet left-out series are foretold better the other way: undecided."
    return f"{text}; left-out series do not settle it."


def weigh(as_of: dt.date, tell: Callable[[str], None] = lambda text: None) -> list[dict[str, Any]]:
    """Fit and weigh all structures: the rows of the table."""
    from forkpoint.catalog import catalog
    from forkpoint.uncertainty.calibrate import climb, fit
    from forkpoint.uncertainty.evidence import evidence
    from forkpoint.world.fitted import model_version
    from forkpoint.world.scenario import LOOPS

    day = evidence(catalog().observations, as_of)
    blocks = [observable.id for observable, _ in day.rows]
    start = fit(day).mode
    found: list[Explained] = []
    for loop, switch in [(BASE, ""), *LOOPS.items()]:
        held = replace(day, exogenous={**day.exogenous, switch: 0.0}) if switch else day
        z, residuals, jacobian = climb(held, start)
        if not switch and residuals @ residuals > FAILED * day.count:
            raise RunError(f"with all loops on the misfit is {residuals @ residuals:.3g}: the world does not run")
        start = z if not switch else start
        found.append(explain(residuals, jacobian, z, blocks, f"{loop} off" if switch else BASE))
        tell(f"{found[-1].structure}: misfit {found[-1].misfit:.1f}, log evidence {found[-1].log_evidence:.1f}")
    head = {"observations": day.count, "as_of": as_of.isoformat(), "model_version": model_version()}
    return _rows(found, list(dict.fromkeys(blocks)), head)


def _rows(found: Sequence[Explained], series: Sequence[str], head: dict[str, Any]) -> list[dict[str, Any]]:
    scores = np.stack([e.scores for e in found], axis=1)
    weights = stacking_weights(scores)
    rows = []
    for number, one in enumerate(found):
        change = one.scores - found[0].scores
        worst = int(np.argmin(change))
        values = {
            "structure": one.structure,
            "misfit": one.misfit,
            "prior_misfit": one.prior_misfit,
            "log_evidence": one.log_evidence,
            "log_score": one.log_score,
            "log_score_change": float(change.sum()),
            "log_score_change_se": float(np.sqrt(len(change)) * change.std(ddof=1)),
            "weight_against_base": float(bootstrap_weights(scores[:, [0, number]])[1]) if number else 1.0,
            "weight": float(weights[number]),
            "worst_series": series[worst] if number else "",
            "worst_series_change": float(change[worst]),
        }
        rows.append({k: round(float(f"{v:.6g}"), 6) if isinstance(v, float) else v for k, v in values.items()} | head)
    return rows


def main() -> None:
    """Make ``structures.csv`` again (about ten minutes on two cores)."""
    from forkpoint.world.fitted import DEFAULT
    from forkpoint.world.tables import write_rows

    rows = weigh(dt.date.fromisoformat(DEFAULT), tell=lambda text: print(text, flush=True))
    write_rows(TABLE, COLUMNS, rows)
    print(f"wrote {TABLE.name}")


if __name__ == "__main__":
    main()
