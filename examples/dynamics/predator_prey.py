"""Predator and prey (Lotka 1925, Volterra 1926), run with both integrators.

python examples/dynamics/predator_prey.py predator_prey.png
"""

from __future__ import annotations

import sys

from forkpoint.dynamics import Model, flow, parameter, stock

birth_rate = parameter(1.0, unit="1/year", doc="Growth of the prey without predators.")
hunting = parameter(0.1, unit="1/(fox*year)", doc="Part of the prey that one predator takes in a year.")
gain = parameter(0.075, unit="1/(hare*year)", doc="Growth of the predators for one prey.")
death_rate = parameter(1.5, unit="1/year", doc="Decline of the predators without prey.")

prey = stock(10.0, unit="hare", doc="Prey.")
predators = stock(5.0, unit="fox", doc="Predators.")


@flow(into="prey", unit="hare/year")
def births(birth_rate, prey):
    """Prey born."""
    return birth_rate * prey


@flow(outof="prey", unit="hare/year")
def catch(hunting, prey, predators):
    """Prey caught: encounters are in proportion to both. Source: Lotka 1925."""
    return hunting * prey * predators


@flow(into="predators", unit="fox/year")
def offspring(gain, prey, predators):
    """Predators born."""
    return gain * prey * predators


@flow(outof="predators", unit="fox/year")
def deaths(death_rate, predators):
    """Predators that die."""
    return death_rate * predators


def build() -> Model:
    """The model over 30 years."""
    return Model(sys.modules[__name__], name="Predator and prey", time_unit="year", units=("hare", "fox"),
                 start=0.0, stop=30.0, step=0.03125)  # fmt: skip


def draw(path: str) -> None:
    """Run and draw: Euler's spiral is the integrator's, not the model's."""
    from matplotlib.figure import Figure

    model = build()
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for method in ("euler", "rk4"):
        run = model.run(method=method)
        axes.plot(run["prey"], run["predators"], label=method)
    axes.set(xlabel="prey", ylabel="predators", title="The true orbit is closed (RK4); Euler at this step spirals out")
    axes.legend()
    figure.savefig(path)


if __name__ == "__main__":
    draw(sys.argv[1] if len(sys.argv) > 1 else "predator_prey.png")
