"""Link gains: automatic differentiation against differences, structure found, published partial changes."""

import numpy as np
import pytest
from loop_cases import bass, large, logistic, market

from forkpoint.dynamics.link_gains import along, link_gains
from forkpoint.errors import InputError, UnknownName


@pytest.mark.parametrize("build", [bass, logistic, market])
def test_automatic_differentiation_agrees_with_differences(build):
    model = build(stop=5.0)
    run = model.run()
    exact, near = link_gains(model, run, engine="jax"), link_gains(model, run, engine="difference")
    own = link_gains(model, run)
    assert set(exact) == set(near) == set(own)
    for link, gain in exact.items():
        assert near[link].shared == gain.shared == own[link].shared
        np.testing.assert_allclose(own[link].values, gain.values, rtol=1e-12, atol=1e-14 * np.abs(gain.values).max())
        np.testing.assert_allclose(near[link].values, gain.values, rtol=1e-6, atol=1e-8 * np.abs(gain.values).max())


def test_gains_in_closed_form():
    model = bass(stop=5.0)
    run = model.run()
    gain = link_gains(model, run)
    rate = 0.01 + 0.5 * run["adopters"][:-1] / 1000.0
    np.testing.assert_allclose(gain["potential", "adoption"].values, rate, rtol=1e-12)
    np.testing.assert_allclose(gain["adopters", "adoption"].values, 0.5 * run["potential"][:-1] / 1000.0, rtol=1e-12)
    assert (gain["adoption", "adopters"].values == 1).all()
    assert (gain["adoption", "potential"].values == -1).all()


def test_what_acts_label_by_label_is_found_and_what_does_not_is_not():
    model = market(stop=5.0)
    gain = link_gains(model, model.run())
    assert gain["base", "scrapping"].shared == ("vendor", "region")
    assert gain["base", "installed_share"].shared == ("region",), "a share mixes vendors, not regions"
    assert gain["cost", "choice"].mixed == ("vendor",)
    assert gain["sales", "production"].shared == ("vendor",)
    assert gain["cost", "choice"].values.shape == (20, 3, 2, 3)


def test_every_element_of_a_jacobian_against_differences_of_the_equation():
    model = market(stop=5.0)
    run = model.run()
    path = along(model, run)
    gain = link_gains(model, run, [("cost", "choice")])["cost", "choice"]
    equation = model.equation("choice", 1)
    values = {name: path.before(name) for name in equation.inputs} | {"cost": path.middle("cost")}
    for vendor in range(3):
        shift = np.zeros((3, 1))
        shift[vendor] = 1e-5
        high, low = (equation(values | {"cost": values["cost"] + s * shift}) for s in (1, -1))
        expected = np.moveaxis((high - low) / 2e-5, -1, 0)
        np.testing.assert_allclose(gain.values[..., vendor], expected, rtol=1e-6, atol=1e-10)


def test_partial_changes_add_up_to_the_change_of_a_smooth_equation():
    """To first order in the step, what the inputs contribute is what the variable does."""
    model = market(step=0.01, stop=1.0)
    run = model.run()
    path, gains = along(model, run), link_gains(model, run)
    parts = [gains[s, "choice"].partial_change(path.change(s)).sum(axis=-1) for s in ("cost", "installed_share")]
    np.testing.assert_allclose(sum(parts), path.change("choice"), rtol=2e-2, atol=1e-7)


def test_polarity_of_a_link_whose_effects_cancel_is_that_on_its_own_label():
    model = market(stop=5.0)
    gain = link_gains(model, model.run())
    assert (gain["installed_share", "choice"].own_label > 0).all()
    assert (gain["cost", "choice"].own_label < 0).all()


def test_a_large_model_keeps_its_jacobians_small():
    model = large(stop=2.0)
    gains = link_gains(model, model.run())
    held = sum(gain.values.size for gain in gains.values())
    full = sum(8 * np.prod(model.shape(a)) * np.prod(model.shape(b)) for a, b in gains)
    assert held < 0.3 * full


def test_runs_that_cannot_be_analysed_are_errors_in_words():
    model = bass(stop=5.0)
    with pytest.raises(InputError, match="ensemble"):
        link_gains(model, model.run(draws={"imitation": np.array([0.3, 0.4])}))
    with pytest.raises(InputError, match="lacks potential"):
        link_gains(model, model.run(outputs=["adopters"]))
    with pytest.raises(InputError, match="three"):
        link_gains(model, model.run(stop=0.0625))
    with pytest.raises(UnknownName, match="link"):
        link_gains(model, model.run(), [("adopters", "potential")])
    with pytest.raises(InputError, match="dual, jax, difference"):
        link_gains(model, model.run(), engine="symbolic")
