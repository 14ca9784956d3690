"""Calibration and scores on the real world: synthetic truth is found again, and the future never leaks."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from forkpoint.catalog import catalog
from forkpoint.uncertainty.as_of import first_unknown, known_coordinates, known_inputs
from forkpoint.uncertainty.calibrate import fit
from forkpoint.uncertainty.evidence import evidence
from forkpoint.uncertainty.parameters import coordinates, parameter_values, transform
from forkpoint.uncertainty.posterior_file import FOLDER, mode_table, read_posterior, write_posterior
from forkpoint.uncertainty.score import COLUMNS, score
from forkpoint.uncertainty.structures import structure_table
from forkpoint.world.fitted import DEFAULT, fitted_parameters, model_version
from forkpoint.world.observables import year
from forkpoint.world.reference import references

DAY = dt.date(2024, 9, 30)


@pytest.fixture(scope="module")
def day():
    return evidence(catalog().observations, DAY)


@pytest.fixture(scope="module")
def posterior(day):
    return fit(day)


def test_only_the_past_is_evidence(day):
    assert all(row.known_from <= DAY and row.period_end <= DAY for _, row in day.rows)
    assert 80 < day.count < 150


def test_exogenous_figures_stop_where_knowledge_stops():
    known = known_inputs(DAY)
    assert first_unknown(DAY) == 2024.5
    for name in ("hyperscaler_capex", "nvidia_other_revenue", "china_server_spend"):
        assert max(known[name]) < first_unknown(DAY), name
    assert all(
        max(points) <= year(DAY)
        for name, points in known.items()
        if isinstance(points, dict) and name != "beyond_catalogue"
    )
    assert known["catalogue_end"] == 2024.5


def test_hindsight_is_taken_out_of_the_priors():
    early = {c.name: c.prior for c in known_coordinates(dt.date(2022, 9, 30))}
    late = {c.name: c.prior for c in known_coordinates(dt.date(2025, 10, 31))}
    assert early["ai_share_midpoint"].high > late["ai_share_midpoint"].high + 5


def test_zero_is_the_reference_and_names_are_unique():
    values = parameter_values(np.zeros((len(coordinates()), 1)))
    assert len({c.name for c in coordinates()}) == len(coordinates())
    for name, value in values.items():
        if not references()[name].dims:
            assert value[0] == pytest.approx(references()[name].value), name


def test_a_known_truth_is_found_again(day):
    """Observations made by the model itself at known coordinates: the fit explains them, within its own spread."""
    rng = np.random.default_rng(5)
    truth = 0.5 * rng.standard_normal(len(day.coordinates))
    made = day.predictions(truth[:, None])[:, 0]
    rows = iter(made)
    groups = {o: tuple(r.model_copy(update={"value": float(next(rows))}) for r in g) for o, g in day.groups.items()}
    found = fit(replace(day, groups=groups))
    assert found.misfit < 0.1 * day.count
    told = found.spread < 0.5
    assert told.sum() >= 5
    assert np.abs((found.mode - truth)[told]).max() < 1.5


def test_a_posterior_survives_its_file(posterior, day, tmp_path):
    path = write_posterior(posterior, tmp_path / "posterior.npz")
    again = read_posterior(path, names=posterior.names)
    np.testing.assert_allclose(again.mode, posterior.mode)
    np.testing.assert_allclose(again.root @ again.root.T, posterior.root @ posterior.root.T, atol=1e-5)
    assert len(mode_table(posterior, day.coordinates)) == len(posterior.names)


def test_the_shipped_posterior_belongs_to_this_model():
    """By its version, and by what it says of its own fit: the equations give that misfit today."""
    names = tuple(c.name for c in coordinates())
    shipped = read_posterior(FOLDER / f"{DEFAULT}.npz", names=names, model=model_version())
    residuals = evidence(catalog().observations, shipped.as_of).residuals(shipped.mode[:, None])[:, 0]
    assert residuals @ residuals == pytest.approx(shipped.misfit, rel=1e-6)
    assert len(residuals) == shipped.observations
    z = dict(zip(names, transform(coordinates()).standing(shipped.mode[:, None])[:, 0], strict=True))
    of = {c.name: c for c in known_coordinates(shipped.as_of)}
    for name, value in fitted_parameters().items():
        if isinstance(value, float):
            assert value == pytest.approx(float(of[name].prior.from_standard(np.float64(z[name]))), rel=1e-5), name


def test_the_shipped_structures_are_those_of_this_model():
    assert {r["model_version"] for r in structure_table()} == {model_version()}


def test_scores_have_the_promised_columns_and_the_future_does_not_leak(posterior):
    rows = [o for o in catalog().observations if o.series in ("nvda_revenue_total", "china_ai_accel_share_units")]
    plain = score(rows, DAY, known=catalog().observations, posterior=posterior, draws=200)
    assert plain.rows
    assert set(COLUMNS) <= set(plain.rows[0])
    doubled = [o.model_copy(update={"value": 2 * o.value}) if o.known_from > DAY and o.value else o for o in rows]
    again = score(doubled, DAY, known=catalog().observations, posterior=posterior, draws=200)
    for before, after in zip(plain.rows, again.rows, strict=True):
        assert before["median"] == after["median"]
        assert before["p05"] <= before["p25"] <= before["median"] <= before["p75"] <= before["p95"]
        assert before["crps"] >= 0
