"""An epidemic: susceptible, infectious, recovered (Kermack & McKendrick 1927).

python examples/dynamics/sir.py sir.png
"""

from __future__ import annotations

import sys

from forkpoint.dynamics import Model, aux, flow, parameter, stock

population = parameter(1000.0, unit="person", doc="People, constant.")
first_cases = parameter(1.0, unit="person", doc="Infectious people at the start.")
contact_rate = parameter(0.5, unit="1/day", low=0.2, high=0.8, doc="Infections by one case in a day, all susceptible.")
illness = parameter(5.0, unit="day", low=3.0, high=8.0, doc="Mean time of being infectious.")


@stock(unit="person")
def susceptible(population, first_cases):
    """People who can fall ill."""
    return population - first_cases


infectious = stock("first_cases", unit="person", doc="People who pass it on.")
recovered = stock(0.0, unit="person", doc="People who had it.")


@flow(outof="susceptible", into="infectious", unit="person/day")
def infections(contact_rate, susceptible, infectious, population):
    """New cases: every case meets susceptibles in proportion. Source: Kermack & McKendrick 1927."""
    return contact_rate * infectious * susceptible / population


@flow(outof="infectious", into="recovered", unit="person/day")
def recoveries(infectious, illness):
    """Cases that end."""
    return infectious / illness


@aux()
def reproduction_number(contact_rate, illness, susceptible, population):
    """Infections by one case over its illness; the epidemic grows while it exceeds 1."""
    return contact_rate * illness * susceptible / population


def build() -> Model:
    """The model over 100 days."""
    return Model(sys.modules[__name__], name="SIR", time_unit="day", start=0.0, stop=100.0, step=0.125)


def draw(path: str) -> None:
    """Run and draw."""
    from matplotlib.figure import Figure

    run = build().run(method="rk4")
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for name in ("susceptible", "infectious", "recovered"):
        axes.plot(run.time, run[name], label=name)
    peak = run.time[run["infectious"].argmax()]
    axes.axvline(peak, color="grey", linewidth=0.8)
    axes.set(xlabel="day", ylabel="people", title=f"SIR: cases peak on day {peak:.0f}, as each then infects one")
    axes.legend()
    figure.savefig(path)


if __name__ == "__main__":
    draw(sys.argv[1] if len(sys.argv) > 1 else "sir.png")
