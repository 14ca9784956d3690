"""Diffusion of a new product: innovators and imitators (Bass 1969).

python examples/dynamics/bass.py bass.png
"""

from __future__ import annotations

import sys

from forkpoint.dynamics import Model, aux, flow, parameter, stock

market = parameter(10000.0, unit="person", doc="People who will ever adopt.")
innovation = parameter(0.03, unit="1/year", low=0.01, high=0.05, doc="Adoption without example.", source="Bass 1969")
imitation = parameter(0.38, unit="1/year", low=0.2, high=0.6, doc="Adoption by example.", source="Bass 1969")

potential_adopters = stock("market", unit="person", doc="People who have not adopted.")
adopters = stock(0.0, unit="person", doc="People who have adopted.")


@aux(unit="person/year")
def from_advertising(innovation, potential_adopters):
    """Adoption by innovators."""
    return innovation * potential_adopters


@aux(unit="person/year")
def from_word_of_mouth(imitation, adopters, potential_adopters, market):
    """Adoption by imitators, who meet adopters in proportion."""
    return imitation * potential_adopters * adopters / market


@flow(outof="potential_adopters", into="adopters", unit="person/year")
def adoption(from_advertising, from_word_of_mouth):
    """People who adopt. Source: Bass 1969."""
    return from_advertising + from_word_of_mouth


def build() -> Model:
    """The model over 25 years."""
    return Model(sys.modules[__name__], name="Bass", time_unit="year", start=0.0, stop=25.0, step=0.0625)


def draw(path: str) -> None:
    """Run and draw."""
    from matplotlib.figure import Figure

    run = build().run()
    figure = Figure(figsize=(7, 4), layout="constrained")
    left = figure.subplots()
    left.stackplot(run.time, run["from_advertising"], run["from_word_of_mouth"], labels=("innovators", "imitators"))
    left.set(xlabel="year", ylabel="adoption (people a year)", title="Bass diffusion")
    right = left.twinx()
    right.plot(run.time, run["adopters"], color="black", label="adopters (right)")
    right.set(ylabel="adopters")
    figure.legend(loc="outside lower center", ncols=3)
    figure.savefig(path)


if __name__ == "__main__":
    draw(sys.argv[1] if len(sys.argv) > 1 else "bass.png")
