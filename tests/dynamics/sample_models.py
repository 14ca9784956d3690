"""Models that several tests of the engine share: the gallery of examples, and one with everything in it."""

# A class serves as a namespace of declarations here: its functions have no self.
# ruff: noqa: N805

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from forkpoint.dynamics import Dimension, Model, aux, delay, flow, parameter, series, smooth, stock
from forkpoint.dynamics import functions as f

GALLERY = Path(__file__).parents[2] / "examples" / "dynamics"
NAMES = ("sir", "bass", "predator_prey", "lock_in")

REGION = Dimension("region", ("north", "south", "west"))
VENDOR = Dimension("vendor", ("a", "b"))
AGE = Dimension("age", ("new", "middle", "old"))


def example(name: str) -> ModuleType:
    """A script of the gallery as a module."""
    key = f"gallery_{name}"
    if key not in sys.modules:
        spec = importlib.util.spec_from_file_location(key, GALLERY / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[key] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[key])
    return sys.modules[key]


class Everything:
    growth = parameter(0.1, unit="1/year", doc="Growth of demand.")
    sensitivity = parameter(1.2, doc="Sensitivity to price.")
    lead_time = parameter(0.75, unit="year", doc="Delivery time.")
    life = parameter(3.0, unit="year", doc="Time in a cohort.")
    adjust = parameter({"a": 0.5, "b": 1.5}, dims=("vendor",), unit="year", doc="Time to adjust the price.")
    learning = parameter(0.3, doc="Elasticity of cost.")
    first_cost = parameter({"a": 2.0, "b": 3.0}, dims=("vendor",), unit="USD/item", doc="First cost.")
    first_made = parameter(10.0, unit="item", doc="First experience.")
    limit = parameter({"a": 60.0, "b": 20.0}, dims=("vendor",), unit="item/year", doc="Capacity.")
    demand = series(
        {0.0: {"north": 30.0, "south": 20.0, "west": 10.0}, 2.0: {"north": 40.0, "south": 20.0, "west": 10.0}},
        dims=("region",), unit="item/year", hold="linear", doc="Demand.",
    )  # fmt: skip
    campaign = series({1.0: 5.0, 3.1: 2.0}, unit="item/year", hold="event", doc="Machines given away in the north.")
    tariff = parameter(0.0, dims=("region",), doc="Tariff.")

    made = stock("first_made", dims=("vendor",), unit="item", doc="Made so far.")
    price = stock("first_cost", dims=("vendor",), unit="USD/item", doc="Price.")
    fleet = stock(0.0, dims=("region", "age"), unit="item", doc="Machines in use.")
    scrap = stock(0.0, unit="item", doc="Machines scrapped.")
    ordered = delay(time="lead_time", into="fleet[age=new]", outflow="arrivals", order=2, dims=("region",), unit="item")
    seen_price = smooth("price", time="lead_time", order=3, dims=("vendor",), unit="USD/item")

    @aux(dims=("vendor",), unit="USD/item")
    def cost(first_cost, made, first_made, learning):
        """Cost falls with experience."""
        return first_cost * f.power(made / first_made, -learning)

    @aux(dims=("region", "vendor"))
    def share(seen_price, first_cost, tariff, sensitivity):
        """Logit shares."""
        dearness = seen_price / f.mean(first_cost, over="vendor") * (1.0 + f.indicator(vendor="b") * tariff)
        return f.softmax(-sensitivity * f.log(dearness), over="vendor")

    @aux(dims=("region", "vendor"), unit="item/year")
    def wanted(share, demand, growth, time):
        """Wanted."""
        return share * demand * f.exp(growth * time)

    @aux(dims=("vendor",))
    def met(wanted, limit):
        """Part of the demand that is met."""
        asked = f.total(wanted, over="region")
        return f.smooth_minimum(asked, limit, 0.02) / asked

    @flow(into="ordered", dims=("region", "vendor"), unit="item/year")
    def orders(wanted, met):
        """Orders met."""
        return wanted * met

    @flow(into="fleet[region=north,age=new]", unit="item/year")
    def gifts(campaign):
        """Given away."""
        return campaign

    @flow(into="made", dims=("region", "vendor"), unit="item/year")
    def production(orders):
        """Made as ordered."""
        return orders

    @flow(into="fleet", dims=("region", "age"), unit="item/year")
    def growing_old(fleet, life):
        """Cohorts age."""
        return f.ageing(fleet, life, over="age")

    @flow(outof="fleet", into="scrap", dims=("region", "age"), unit="item/year")
    def scrapping(fleet, life):
        """The oldest are scrapped."""
        return f.indicator(age="old") * fleet / life

    @flow(into="price", dims=("vendor",), unit="USD/(item*year)")
    def repricing(cost, price, adjust):
        """Prices follow cost."""
        return (cost - price) / adjust


def everything(**options: object) -> Model:
    """A model with arrays, delays, series, events and a flow that names a label."""
    settings = {"start": 0.0, "stop": 4.0, "step": 0.125} | options
    return Model(Everything, name="everything", dimensions=(REGION, VENDOR, AGE), **settings)  # type: ignore[arg-type]
