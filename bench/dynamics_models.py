"""The synthetic model of the speed table: 232 states in seven arrays, 20 varied parameters, 60 steps."""

# A class serves as a namespace of declarations here: its functions have no self.
# ruff: noqa: N805

from __future__ import annotations

import numpy as np

from forkpoint.dynamics import Dimension, Model, aux, flow, parameter, stock
from forkpoint.dynamics import functions as f

REGION = Dimension("region", ("r1", "r2", "r3"))
VENDOR = Dimension("vendor", tuple(f"v{i}" for i in range(1, 11)))
PLATFORM = Dimension("platform", ("p1", "p2", "p3", "p4"))
AGE = Dimension("age", ("a1", "a2", "a3", "a4", "a5"))
RV, RP, RVA = ("region", "vendor"), ("region", "platform"), ("region", "vendor", "age")


class Synthetic:
    learning = parameter(0.3, doc="Elasticity of cost.")
    markup = parameter(0.5, doc="Markup.")
    price_time = parameter(1.0, unit="quarter", doc="Price adjustment.")
    sensitivity = parameter(1.5, doc="Price sensitivity.")
    fit = parameter(0.8, doc="Weight of software.")
    growth = parameter(0.04, unit="1/quarter", doc="Growth of demand.")
    demand0 = parameter({"r1": 90.0, "r2": 60.0, "r3": 30.0}, dims=("region",), unit="item/quarter", doc="Demand.")
    backlog_time = parameter(1.0, unit="quarter", doc="Delivery time.")
    build_time = parameter(4.0, unit="quarter", doc="Time to build.")
    lifetime = parameter(4.0, unit="quarter", doc="Time in a cohort.")
    scrap_time = parameter(8.0, unit="quarter", doc="Time in the last cohort.")
    margin_share = parameter(0.2, doc="Share of margin into knowledge.")
    forget = parameter(0.03, unit="1/quarter", doc="Decay of knowledge.")
    knowledge_effect = parameter(0.2, doc="Elasticity of value.")
    knowledge0 = parameter(50.0, unit="USD", doc="Initial knowledge.")
    learn_developers = parameter(0.05, unit="1/quarter", doc="Rate of joining.")
    leave_developers = parameter(0.02, unit="1/quarter", doc="Rate of leaving.")
    attraction = parameter(0.7, doc="Pull of the installed base.")
    cost0 = parameter(1.0, unit="USD/item", doc="First cost.")
    output0 = parameter(100.0, unit="item", doc="First output.")
    capacity0 = parameter(15.0, unit="item/quarter", doc="First capacity.")
    base = parameter(np.linspace(0.5, 1.5, 10).tolist(), dims=("vendor",), doc="Quality.")
    platform_of = parameter(
        np.eye(4)[np.arange(10) % 4].tolist(), dims=("vendor", "platform"), doc="Platform of a vendor."
    )

    installed = stock(1.0, dims=RVA, unit="item", doc="Installed by age.")
    backlog = stock(5.0, dims=RV, unit="item", doc="Orders waiting.")
    cumulative = stock("output0", dims=("vendor",), unit="item", doc="Made so far.")
    capacity = stock("capacity0", dims=("vendor",), unit="item/quarter", doc="Capacity.")
    knowledge = stock("knowledge0", dims=("vendor",), unit="USD", doc="Knowledge.")
    developers = stock(10.0, dims=RP, unit="person", doc="Developers.")
    price = stock(1.5, dims=("vendor",), unit="USD/item", doc="Price.")

    @aux(dims=("vendor",), unit="USD/item")
    def cost(cost0, cumulative, output0, learning):
        """Cost falls with experience."""
        return cost0 * f.power(cumulative / output0, -learning)

    @aux(dims=("vendor",))
    def value(base, knowledge, knowledge0, knowledge_effect):
        """Value grows with knowledge."""
        return base * f.power(knowledge / knowledge0, knowledge_effect)

    @aux(dims=RV)
    def software(developers, platform_of):
        """Share of developers on a vendor's platform."""
        return f.total(f.share(developers, over="platform") * platform_of, over="platform")

    @aux(dims=RV)
    def utility(value, price, cost0, software, sensitivity, fit):
        """Utility."""
        return f.log(value) - sensitivity * f.log(price / cost0) + fit * software

    @aux(dims=RV)
    def share(utility):
        """Logit shares."""
        return f.softmax(utility, over="vendor")

    @flow(into="backlog", dims=RV, unit="item/quarter")
    def orders(share, demand0, growth, time, start_time):
        """Orders."""
        return share * demand0 * f.exp(growth * (time - start_time))

    start_time = parameter(0.0, unit="quarter", doc="Start.")

    @aux(dims=("vendor",), unit="item/quarter")
    def wanted(backlog, backlog_time):
        """Output wanted."""
        return f.total(backlog, over="region") / backlog_time

    @aux(dims=("vendor",))
    def utilisation(wanted, capacity):
        """Part of what is wanted that can be made."""
        return f.smooth_minimum(wanted, capacity, 0.05) / wanted

    @flow(outof="backlog", into="installed[age=a1]", dims=RV, unit="item/quarter")
    def shipments(backlog, backlog_time, utilisation):
        """Shipments."""
        return backlog / backlog_time * utilisation

    @flow(into="cumulative", dims=RV, unit="item/quarter")
    def made(shipments):
        """Output."""
        return shipments

    @flow(into="installed", dims=RVA, unit="item/quarter")
    def ageing(installed, lifetime):
        """From cohort to cohort."""
        return f.ageing(installed, lifetime, over="age")

    @flow(outof="installed", dims=RVA, unit="item/quarter")
    def scrapped(installed, scrap_time):
        """Leaves at the end."""
        return f.indicator(age="a5") * installed / scrap_time

    @flow(into="capacity", dims=("vendor",), unit="item/quarter/quarter")
    def building(wanted, capacity, build_time):
        """Capacity follows demand."""
        return (wanted - capacity) / build_time

    @flow(into="knowledge", dims=("vendor",), unit="USD/quarter")
    def research(price, shipments, margin_share):
        """Research out of revenue."""
        return margin_share * price * f.total(shipments, over="region")

    @flow(outof="knowledge", dims=("vendor",), unit="USD/quarter")
    def forgetting(knowledge, forget):
        """Knowledge ages."""
        return forget * knowledge

    @aux(dims=RP, unit="item")
    def base_of_platform(installed, platform_of):
        """Installed base by platform."""
        return f.total(f.total(installed, over="age") * platform_of, over="vendor")

    @flow(into="developers", dims=RP, unit="person/quarter")
    def joining(developers, base_of_platform, attraction, learn_developers):
        """Developers join where the base is."""
        pull = f.exp(attraction * f.share(base_of_platform, over="platform"))
        return learn_developers * developers * pull

    @flow(outof="developers", dims=RP, unit="person/quarter")
    def leaving(developers, leave_developers):
        """Developers leave."""
        return leave_developers * developers

    @flow(into="price", dims=("vendor",), unit="USD/item/quarter")
    def repricing(cost, markup, price, price_time):
        """Prices follow cost."""
        return (cost * (1.0 + markup) - price) / price_time


VARIED = tuple(n for n in vars(Synthetic) if getattr(vars(Synthetic)[n], "kind", "") == "parameter" and
               n not in ("base", "platform_of", "start_time", "demand0", "output0"))[:20]  # fmt: skip


def synthetic() -> Model:
    """The model; 60 quarters."""
    return Model(Synthetic, dimensions=(REGION, VENDOR, PLATFORM, AGE), time_unit="quarter",
                 start=0.0, stop=60.0, step=1.0, name="synthetic")  # fmt: skip


def draws(model: Model, count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Draws of the varied parameters, ±10 % around their values."""
    rng = np.random.default_rng(seed)
    return {n: model.inputs()[n][..., None] * rng.uniform(0.9, 1.1, (*model.shape(n), count)) for n in VARIED}
