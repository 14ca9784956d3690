"""Models that the emitters are tried on: a closed one, one with delays and data, one with arrays."""

# ruff: noqa: N805 - classes here are namespaces of equations

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from forkpoint.dynamics import Dimension, Model, aux, flow, parameter, series, stock
from forkpoint.dynamics import functions as f


def epidemic() -> Model:
    """Kermack & McKendrick's SIR."""

    class Sir:
        contacts = parameter(0.4, unit="1/day", low=0.1, high=1.0, source="test", doc="Contacts that infect.")
        duration = parameter(7.0, unit="day", low=2.0, high=20.0, source="test", doc="Length of illness.")
        seed = parameter(1.0, unit="person", low=0.5, high=5.0, source="test", doc="First cases.")

        @stock(unit="person")
        def susceptible(seed: Any) -> Any:
            """People who can fall ill."""
            return 1000.0 - seed

        @stock(unit="person")
        def infectious(seed: Any) -> Any:
            """People who are ill."""
            return seed

        recovered = stock(0.0, unit="person", doc="People who were ill.")

        @flow(outof="susceptible", into="infectious", unit="person/day")
        def infection(susceptible: Any, infectious: Any, contacts: Any) -> Any:
            """Mass action. Source: Kermack & McKendrick 1927."""
            return contacts * susceptible * infectious / 1000.0

        @flow(outof="infectious", into="recovered", unit="person/day")
        def recovery(infectious: Any, duration: Any) -> Any:
            """First-order recovery."""
            return infectious / duration

    return Model(Sir, name="epidemic", time_unit="day", start=0.0, stop=120.0, step=0.5)


def market() -> Model:
    """Vendors, regions and vintages: choice, learning, ageing, capacity, data, kinks and comparisons."""
    vendor = Dimension("vendor", ("alder", "birch", "cedar"))
    region = Dimension("region", ("north", "south"))
    vintage = Dimension("vintage", ("new", "used", "old"))

    class Market:
        learning_rate = parameter(0.32, low=0.2, high=0.4, source="test", doc="Elasticity of cost.")
        first_cost = parameter(
            {"alder": 9.0, "birch": 12.0, "cedar": 7.5}, dims=("vendor",), unit="USD", low=5.0, high=15.0,
            source="test", doc="Cost of the first unit.",
        )  # fmt: skip
        tariff = parameter(0.1, dims=("region",), low=0.0, high=0.5, source="test", doc="Tariff.")
        sensitivity = parameter(0.8, low=0.2, high=2.0, source="test", doc="Sensitivity to price.")
        life = parameter(3.0, unit="year", low=1.0, high=6.0, source="test", doc="Length of a vintage.")
        demand = series({2020.0: 10.0, 2022.0: 14.0, 2026.0: 30.0}, unit="unit/year", hold="linear", doc="Demand.")
        quota = series({2020.0: 8.0, 2023.0: 5.5, 2025.0: 9.0}, unit="unit/year", hold="step", doc="Quota.")

        cumulative = stock(10.0, dims=("vendor",), unit="unit", doc="Units ever made.")
        installed = stock(1.0, dims=("vendor", "region", "vintage"), unit="unit", doc="Units in use.")

        @aux(dims=("vendor",), unit="USD")
        def cost(first_cost: Any, cumulative: Any, learning_rate: Any) -> Any:
            """Wright's law. Source: Wright 1936."""
            return first_cost * (cumulative / 10.0) ** (-learning_rate)

        @aux(dims=("vendor", "region"), unit="USD")
        def price(cost: Any, tariff: Any, time: Any) -> Any:
            """Cost with margin and tariff; the margin falls after 2023."""
            margin = f.where((time > 2023.0) & (tariff >= 0.0), 1.2, 1.35)
            return cost * margin * (1.0 + tariff)

        @aux(dims=("vendor", "region"))
        def share(price: Any, sensitivity: Any, installed: Any) -> Any:
            """Logit choice with a network effect."""
            base = f.total(installed, over="vintage")
            return f.softmax(0.1 * f.log(1.0 + base) - sensitivity * price, over="vendor")

        @aux(dims=("region",), unit="unit/year")
        def market_size(demand: Any, quota: Any, tariff: Any) -> Any:
            """Demand, limited by the quota in the south."""
            limited = f.smooth_minimum(demand, quota, 0.05)
            return f.where(f.indicator(region="south") > 0.5, limited, f.minimum(demand, 2.0 * quota)) * (1.0 - tariff)

        @flow(into="installed[vintage=new]", dims=("vendor", "region"), unit="unit/year")
        def sales(share: Any, market_size: Any) -> Any:
            """Units sold."""
            return share * market_size

        @flow(into="cumulative", dims=("vendor", "region"), unit="unit/year")
        def output(sales: Any) -> Any:
            """Units made."""
            return sales

        @flow(into="installed", dims=("vendor", "region", "vintage"), unit="unit/year")
        def growing_old(installed: Any, life: Any) -> Any:
            """Units pass from vintage to vintage."""
            return f.ageing(installed, life, over="vintage")

        @flow(outof="installed", dims=("vendor", "region", "vintage"), unit="unit/year")
        def scrapping(installed: Any, life: Any, time: Any) -> Any:
            """The old are scrapped, more slowly in winter."""
            last = f.indicator(vintage="old")
            return last * installed / life * (1.0 + 0.1 * f.sin(6.2831853 * time)) * f.gate(installed, 0.0, 0.5)

        @aux(dims=("region",))
        def concentration(share: Any) -> Any:
            """Herfindahl index of the shares above a tenth."""
            return f.total(f.maximum(share - 0.1, 0.0) ** 2, over="vendor") + f.tanh(f.at(share, vendor="alder"))

        @aux()
        def leader(cumulative: Any) -> Any:
            """Largest against smallest cumulative output."""
            return f.largest(cumulative, over="vendor") / f.smallest(cumulative, over="vendor")

    return Model(Market, dimensions=(vendor, region, vintage), name="market", start=2020.0, stop=2028.0, step=0.25)


def gallery(name: str) -> Model:
    """A model of ``examples/dynamics``."""
    path = Path(__file__).parents[2] / "examples" / "dynamics" / f"{name}.py"
    spec = spec_from_file_location(f"example_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    model = module.build()
    assert isinstance(model, Model)
    return model


GALLERY = ("bass", "lock_in", "predator_prey", "sir")
NAMES = ("epidemic", "market", *GALLERY)


def named(name: str) -> Model:
    """One of the models by name."""
    return epidemic() if name == "epidemic" else market() if name == "market" else gallery(name)
