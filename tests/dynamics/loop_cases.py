"""Small models with known feedback behaviour, and a large synthetic one."""

from __future__ import annotations

import numpy as np

from forkpoint.dynamics import Dimension, Model, aux, flow, parameter, stock
from forkpoint.dynamics import functions as f


def bass(step: float = 0.0625, stop: float = 20.0) -> Model:
    """Bass (1969) diffusion: word of mouth (R) against saturation (B)."""

    market = parameter(1000.0, unit="person", doc="Market size.")
    innovation = parameter(0.01, unit="1/year", doc="p.")
    imitation = parameter(0.5, unit="1/year", doc="q.")
    potential = stock("market", unit="person", doc="Potential adopters.", non_negative=False)
    adopters = stock(0.0, unit="person", doc="Adopters.")

    @flow(outof="potential", into="adopters", unit="person/year")
    def adoption(potential, adopters, market, innovation, imitation):
        """Innovators and imitators."""
        return potential * (innovation + imitation * adopters / market)

    return Model(dict(locals()), start=0.0, stop=stop, step=step, name="bass")


def logistic(step: float = 0.125, stop: float = 40.0) -> Model:
    """Logistic growth as births and crowding deaths: dominance shifts at half the capacity."""

    growth = parameter(0.4, unit="1/year", doc="Growth rate.")
    capacity = parameter(1000.0, unit="person", doc="Carrying capacity.")
    population = stock(5.0, unit="person", doc="Population.")

    @flow(into="population", unit="person/year")
    def births(population, growth):
        """Births."""
        return growth * population

    @flow(outof="population", unit="person/year")
    def deaths(population, growth, capacity):
        """Deaths by crowding."""
        return growth * population * population / capacity

    return Model(dict(locals()), start=0.0, stop=stop, step=step, name="logistic")


def arms_race(step: float = 0.25, stop: float = 20.0) -> Model:
    """Three powers, each reacting to both others: 3 own + 3 pairs + 2 rings (either way round) = 8 loops."""
    declared = {}
    names = ("a", "b", "c")
    for index, name in enumerate(names):
        others = [n for n in names if n != name]
        declared[f"arms_{name}"] = stock(10.0 + 5.0 * index, unit="weapon", doc="Arms.")

        def build(own, first, second, fear, fatigue):
            """Build-up (Richardson 1960)."""
            return fear * (first + second) - fatigue * own

        from dataclasses import replace

        flow_of = flow(into=f"arms_{name}", unit="weapon/year")(build)
        declared[f"build_{name}"] = replace(
            flow_of, name=f"build_{name}",
            inputs=(f"arms_{name}", *(f"arms_{o}" for o in others), "fear", "fatigue"),
        )  # fmt: skip
    declared["fear"] = parameter(0.2, unit="1/year", doc="Reaction to the others.")
    declared["fatigue"] = parameter(0.5, unit="1/year", doc="Decay.")
    return Model(declared, start=0.0, stop=stop, step=step, name="arms_race")


def market(step: float = 0.25, stop: float = 20.0) -> Model:
    """Vendors × regions with learning, network effect and choice by softmax: array equations of every kind."""
    vendor, region = Dimension("vendor", ("north", "south", "east")), Dimension("region", ("home", "abroad"))

    first_cost = parameter({"north": 9.0, "south": 12.0, "east": 10.0}, dims=("vendor",), unit="USD/item", doc="Cost.")
    learning = parameter(0.3, unit="1", doc="Elasticity of cost.")
    price_weight = parameter(0.4, unit="item/USD", doc="Weight of the price.")
    network = parameter(1.5, unit="1", doc="Weight of the installed base.")
    orders = parameter({"home": 100.0, "abroad": 60.0}, dims=("region",), unit="item/year", doc="Orders.")
    lifetime = parameter(5.0, unit="year", doc="Life of an item.")
    experience = stock(100.0, dims=("vendor",), unit="item", doc="Items ever made.")
    base = stock(20.0, dims=("vendor", "region"), unit="item", doc="Installed base.")

    @aux(dims=("vendor",), unit="USD/item")
    def cost(first_cost, experience, learning):
        """Wright's law."""
        return first_cost * (experience / 100.0) ** (-learning)

    @aux(dims=("vendor", "region"), unit="1")
    def installed_share(base):
        """Share of the installed base."""
        return f.share(base, over="vendor")

    @aux(dims=("vendor", "region"), unit="1")
    def choice(cost, installed_share, price_weight, network):
        """Logit shares."""
        return f.softmax(network * installed_share - price_weight * cost, over="vendor")

    @flow(into="base", dims=("vendor", "region"), unit="item/year")
    def sales(choice, orders):
        """Sales."""
        return choice * orders

    @flow(outof="base", dims=("vendor", "region"), unit="item/year")
    def scrapping(base, lifetime):
        """Scrapping."""
        return base / lifetime

    @flow(into="experience", dims=("vendor",), unit="item/year")
    def production(sales):
        """Production."""
        return f.total(sales, over="region")

    return Model(dict(locals()), dimensions=(vendor, region), start=0.0, stop=stop, step=step, name="market")


def large(sectors: int = 12, per_sector: int = 12, seed: int = 1, stop: float = 17.5) -> Model:
    """A synthetic model of about 150 array equations over 8 vendors × 4 regions × 5 vintages, densely fed back."""
    dims = (Dimension("vendor", tuple("abcdefgh")), Dimension("region", tuple("wxyz")),
            Dimension("vintage", tuple("12345")))  # fmt: skip
    rng = np.random.default_rng(seed)
    choices = [(), ("vendor",), ("region",), ("vendor", "region"), ("vendor", "region", "vintage")]
    from dataclasses import replace

    declared = {"rate": parameter(0.05, doc="Rate.")}
    shapes = {}
    for s in range(sectors):
        shape = choices[rng.integers(len(choices))]
        declared[f"stock_{s}"] = stock(1.0 + s, dims=shape, doc="A stock.", non_negative=False)
        shapes[f"stock_{s}"] = shape

    def smooth_sum(target):
        def equation(first, second, third):
            """A bounded function of sums."""
            frame = f.FRAME.get()
            value = 0.0
            for weight, x in ((0.5, first), (0.3, second), (-0.2, third)):
                for dim in frame.dims:
                    axis = frame.axis(dim)
                    if dim not in target and np.ndim(x) >= -axis and x.shape[axis] > 1:
                        x = f.mean(x, over=dim)
                value = value + weight * x
            return f.tanh(0.1 * value)

        return equation

    for s in range(sectors):
        for k in range(per_sector):
            name, target = f"aux_{s}_{k}", choices[rng.integers(len(choices))]
            pool = [f"stock_{s}", f"aux_{s}_{k - 1}" if k else f"stock_{(s + 1) % sectors}"]
            pool.append(f"aux_{s}_{rng.integers(k)}" if k > 2 else f"stock_{rng.integers(sectors)}")
            declared[name] = replace(aux(dims=target)(smooth_sum(target)), name=name, inputs=tuple(pool))
        shape = shapes[f"stock_{s}"]

        name = f"flow_{s}"
        last = f"aux_{s}_{per_sector - 1}"
        declared[name] = replace(
            flow(into=f"stock_{s}", dims=shape)(smooth_sum(shape)), name=name, inputs=(last, f"stock_{s}", last)
        )
    return Model(declared, dimensions=dims, start=0.0, stop=stop, step=0.25, name="large")


def linear_chain(rate: float = 0.3, gift: float = 2.0, step: float = 0.125, stop: float = 4.0) -> Model:
    """A linear model with closed forms: growth with a steady gift, and a tank drained in proportion beside it."""
    rate = parameter(rate, unit="1/year", doc="Growth rate.")
    gift = parameter(gift, unit="USD/year", doc="Steady inflow.")
    loss = parameter(0.1, unit="1/year", doc="Rate of spending.")
    unused = parameter(7.0, unit="1", doc="Enters nothing.")
    wealth = stock(10.0, unit="USD", doc="Wealth.")
    tank = stock(3.0, unit="USD", doc="Drained without competitor.")

    @flow(into="wealth", unit="USD/year")
    def interest(wealth, rate):
        """Interest."""
        return rate * wealth

    @flow(into="wealth", unit="USD/year")
    def giving(gift):
        """Gifts."""
        return gift

    @flow(outof="wealth", unit="USD/year")
    def spending(wealth, loss):
        """Spending."""
        return loss * wealth

    @flow(outof="tank", unit="USD/year")
    def drain(tank, loss):
        """Drain."""
        return loss * tank

    return Model(dict(locals()), start=0.0, stop=stop, step=step, name="linear_chain")
