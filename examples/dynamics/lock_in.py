"""A market of two technologies with three loops: use draws use, experience cuts cost, and scrapping lets go.

Two reinforcing loops (a network effect; learning by doing) against one balancing loop (machines wear out). Where the
network effect is strong, a head start decides for good; where it is weak, the head start fades (Arthur 1989).

python examples/dynamics/lock_in.py lock_in.png
"""

from __future__ import annotations

import sys

import numpy as np

from forkpoint.dynamics import Dimension, Model, aux, flow, parameter, stock
from forkpoint.dynamics import functions as f

technology = Dimension("technology", ("early", "late"))

demand = parameter(1000.0, unit="item/year", doc="Machines bought in a year.")
lifetime = parameter(5.0, unit="year", low=3.0, high=8.0, doc="Life of a machine.")
network_effect = parameter(3.0, low=0.0, high=5.0, doc="Pull of a share of the installed base of 1, in utility.")
price_effect = parameter(1.0, low=0.0, high=3.0, doc="Loss of utility when the cost doubles, over log 2.")
learning = parameter(0.3, low=0.1, high=0.5, doc="Elasticity of unit cost to experience.", source="Wright 1936")
reference_cost = parameter(1.0, unit="USD/item", doc="Unit cost at the reference experience.")
reference_experience = parameter(5000.0, unit="item", doc="Experience at which the cost is the reference cost.")
first_base = parameter(
    {"early": 2750.0, "late": 2250.0}, dims=("technology",), unit="item", doc="Machines at the start."
)

base = stock("first_base", dims=("technology",), unit="item", doc="Machines in use.")
experience = stock("first_base", dims=("technology",), unit="item", doc="Machines ever made.")


@aux(dims=("technology",))
def installed_share(base):
    """Share of the installed base."""
    return f.share(base, over="technology")


@aux(dims=("technology",), unit="USD/item")
def cost(reference_cost, experience, reference_experience, learning):
    """Unit cost falls with experience. Source: Wright 1936."""
    return reference_cost * f.power(experience / reference_experience, -learning)


@aux(dims=("technology",))
def choice(installed_share, network_effect, cost, reference_cost, price_effect):
    """Share of buyers: a multinomial logit. Source: McFadden 1974."""
    utility = network_effect * installed_share - price_effect * f.log(cost / reference_cost)
    return f.softmax(utility, over="technology")


@flow(into="base", dims=("technology",), unit="item/year")
def sales(demand, choice):
    """Machines sold."""
    return demand * choice


@flow(into="experience", dims=("technology",), unit="item/year")
def production(sales):
    """Machines made, as many as are sold."""
    return sales


@flow(outof="base", dims=("technology",), unit="item/year")
def scrapping(base, lifetime):
    """Machines worn out."""
    return base / lifetime


def build() -> Model:
    """The model over 60 years."""
    return Model(sys.modules[__name__], name="Lock-in", dimensions=(technology,), time_unit="year",
                 start=0.0, stop=60.0, step=0.25)  # fmt: skip


def draw(path: str) -> None:
    """Run over strengths of the network effect and draw the share of the early technology."""
    from matplotlib.figure import Figure

    strengths = np.linspace(0.0, 4.0, 9)
    run = build().run(draws={"network_effect": strengths})
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    early = run.at("installed_share", technology="early")
    for i, strength in enumerate(strengths):
        axes.plot(run.time, early[:, i], color=(strength / 5.0, 0.2, 1.0 - strength / 5.0), label=f"{strength:g}")
    axes.set(xlabel="year", ylabel="share of the early technology", ylim=(0.0, 1.0),
             title="A head start of 55 to 45: fades or locks in, by the network effect")  # fmt: skip
    axes.legend(title="network effect", ncols=2)
    figure.savefig(path)


if __name__ == "__main__":
    draw(sys.argv[1] if len(sys.argv) > 1 else "lock_in.png")
