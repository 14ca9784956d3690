"""Ensembles in memory: the same draws as the engine runs by itself, common random numbers, ranges, settings."""

import numpy as np
import pytest

import forkpoint as fp
from forkpoint.errors import InputError, UnknownName
from forkpoint.uncertainty.batch import Batch
from forkpoint.uncertainty.draws import Draws
from forkpoint.uncertainty.outputs import headline_outputs, outputs_of
from forkpoint.world.levers import parse_setting
from forkpoint.world.scenario import scenario

SCENARIOS = ("as-it-was", "full-embargo", "slow-demand")
DRAWS = 40


@pytest.fixture(scope="module")
def found():
    return fp.ensemble(SCENARIOS, draws=DRAWS)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_draw_is_the_engines_own_run(found, name):
    """The NumPy engine, without compiling, on the same draws, with the scenario's settings laid over them."""
    chosen = scenario(name)
    parameters = Draws.of().parameters(0, 0, 6)
    if name == "slow-demand":
        settings = {s.labels[0]: s.value for s in chosen.settings if s.name == "growth_near"}
        parameters["growth_near"] = np.repeat(np.array([[settings[r]] for r in ("us", "cn", "row")]), 6, axis=1)
    from forkpoint.world.model import START, STEP, STOP, world
    from forkpoint.world.run import inputs

    values = {n: v for n, v in inputs(chosen).items() if n not in parameters}
    direct = world().run(values, START, STOP, STEP, draws=parameters, outputs=["compute_ratio"], on_error="mark")
    ours = found.values("compute_ratio", name)[:, :6]
    both = np.isfinite(direct["compute_ratio"]) & np.isfinite(ours)
    assert both.any(axis=0).sum() >= 2
    np.testing.assert_allclose(ours[both], direct["compute_ratio"][both], rtol=1e-5)


def test_quantiles_are_numpys(found):
    for output in found.outputs:
        one = found.ranges(output, "full-embargo")
        values = found.values(output, "full-embargo").astype(float)
        np.testing.assert_allclose(one.values, np.nanquantile(values, one.probabilities, axis=1), rtol=1e-14)
        assert one.count == DRAWS - found.failed("full-embargo")


def test_differences_are_taken_draw_by_draw(found):
    one = found.difference("domestic_share_units", "full-embargo")
    apart = found.values("domestic_share_units", "full-embargo").astype(float) - found.values("domestic_share_units")
    np.testing.assert_allclose(one.median(), np.nanmedian(apart, axis=1), rtol=1e-6, atol=1e-9)
    before, after = one.at(2025.0), one.at(2030.0)
    assert not before.any(), "the scenarios are one until 2026: the same draws give no difference at all"
    assert after[-1] > after[0]
    assert one.sign(2030.0)[0] == pytest.approx(np.nanmean(apart[44] > 0) / np.mean(np.isfinite(apart[44])), abs=0.03)
    assert one.sign(2024.0) == (0.0, 0.0)


def test_more_draws_change_none_before(found):
    fewer = fp.ensemble("as-it-was", draws=7)
    np.testing.assert_array_equal(fewer.values("compute_ratio"), found.values("compute_ratio")[:, :7])


def test_a_setting_from_a_date_on_holds_over_draws():
    """A drawn parameter that a scenario sets from 2030 on keeps its draws before."""
    chosen = scenario("as-it-was").with_settings(parse_setting("network_strength=0.5@2030Q1"))
    parameters = Draws.of().parameters(0, 0, 5)
    kept = outputs_of(["developers[cn,cuda]"])
    moved, free = Batch(chosen, kept).run(parameters)[0], Batch(scenario("as-it-was"), kept).run(parameters)[0]
    whole = Batch(scenario("as-it-was").with_settings(parse_setting("network_strength=0.5")), kept).run(parameters)[0]
    time = Batch(chosen, kept).time
    alive = np.isfinite(moved).all(axis=0) & np.isfinite(free).all(axis=0) & np.isfinite(whole).all(axis=0)
    assert alive.any()
    np.testing.assert_allclose(moved[time < 2030][:, alive], free[time < 2030][:, alive])
    assert not np.allclose(moved[-1, alive], free[-1, alive])
    assert not np.allclose(whole[40, alive], free[40, alive])


def test_the_prior_is_wider_than_the_posterior():
    wide = fp.ensemble("as-it-was", draws=200, posterior="prior").ranges("nvidia_china_revenue").at(2024.0)
    narrow = fp.ensemble("as-it-was", draws=200).ranges("nvidia_china_revenue").at(2024.0)
    assert np.log(wide[-1] / wide[0]) > 1.5 * np.log(narrow[-1] / narrow[0])


def test_outputs_from_words():
    assert [o.name for o in outputs_of("usable_compute")] == [f"usable_compute[{r}]" for r in ("us", "cn", "row")]
    assert outputs_of("shipments[cn,huawei]")[0].name == "shipments[huawei,cn]", "labels in any order"
    assert set(outputs_of(None)) <= set(headline_outputs()), "what is kept is what the summary shows"
    with pytest.raises(UnknownName, match="compute_ratio"):
        outputs_of("compute_ratoi")
    with pytest.raises(UnknownName, match="cm"):
        outputs_of("usable_compute[cm]")
    with pytest.raises(InputError, match="VARIABLE"):
        outputs_of("usable compute")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"scenarios": []}, "at least one scenario"),
        ({"scenarios": ["as-it-was", "as-it-was"]}, "twice"),
        ({"scenarios": "as-it-was", "draws": 0}, "at least one draw"),
        ({"scenarios": "as-it-was", "to": 2050}, "2035"),
        ({"scenarios": "as-it-was", "posterior": "no-such-file.npz"}, "no-such-file.npz: there is no such file"),
        ({"scenarios": "as-it-wsa"}, "as-it-was"),
    ],
)
def test_errors_are_sentences(words, said):
    with pytest.raises(InputError, match=said):
        fp.ensemble(**words)
