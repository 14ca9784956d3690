"""The world as one model: eight sectors, the reference parameters and the exogenous series."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from forkpoint.dynamics.model import Model
from forkpoint.dynamics.variables import Parameter, Series
from forkpoint.world import choice, compute, demand, ecosystem, finance, politics, supply, technology
from forkpoint.world.reference import DIMENSIONS, VENDORS, labels, references
from forkpoint.world.tables import rows

START, STOP, STEP = 2019.0, 2036.0, 0.25
QUARTERS_PER_YEAR = 4
SECTORS = (technology, demand, choice, supply, finance, compute, ecosystem, politics)
UNITS = (
    "USD", "chip", "H100e", "wafer", "die", "stack", "person", "generation", "FLOP", "TPP", "GB",
)  # fmt: skip
LAW_COLUMNS = {
    "legal_worth_training": ("worth_training", "H100e/chip", "Worth in training of the best chip allowed."),
    "legal_worth_serving": ("worth_serving", "H100e/chip", "Worth in serving of the best chip allowed."),
    "list_price": ("price_usd", "USD/chip", "Price of that chip."),
    "market_access": ("access", "1", "Part of the quarter in which a vendor had a chip in volume there."),
    "licence_needed": ("licence_needed", "1", "1 where that chip needs a licence."),
    "capped": ("capped", "1", "1 where a threshold holds the chip back, so that later progress does not reach it."),
}
SERIES = (
    Series(
        name="hyperscaler_capex",
        unit="USD/year",
        meaning="Capex of four American hyperscalers.",
        source="exogenous/hyperscaler_capex.csv",
    ),
    Series(
        name="china_server_spend",
        unit="USD/year",
        meaning="China's spend on accelerated servers.",
        source="exogenous/china_server_spend.csv",
        hold="linear",
    ),
    Series(
        name="nvidia_other_revenue",
        unit="USD/year",
        meaning="NVIDIA's revenue outside data centres.",
        source="exogenous/nvidia_other_revenue.csv",
    ),
    Series(
        name="security_incidents",
        unit="1/year",
        meaning="Dated security incidents, as added suspicion.",
        source="exogenous/security_incidents.csv",
        hold="event",
    ),
    Series(
        name="acquisitions",
        unit="1/year",
        meaning="Dated acquisitions, 1 in the quarter of closing.",
        source="Mellanox joined NVIDIA on 2020-04-27",
        hold="event",
    ),
    Series(
        name="beyond_catalogue",
        unit="1",
        meaning="0 while levers and chips are observed, 1 after.",
        source="definition",
    ),
    Series(
        name="foreign_foundry_access",
        dims=("vendor",),
        unit="1",
        meaning="1 while foreign foundries may make a vendor's dies.",
        source="exogenous/foundry_access.csv",
    ),
    *(
        Series(name=name, dims=("vendor", "region"), unit=unit, meaning=meaning, source="tables/offers.csv")
        for name, (_, unit, meaning) in LAW_COLUMNS.items()
    ),
)


@cache
def world() -> Model:
    """The world model; 2019 to 2035 in steps of a quarter, time in years."""
    parameters = {name: reference.declaration() for name, reference in references().items()}
    used = {i for sector in SECTORS for v in vars(sector).values() for i in getattr(v, "inputs", ())}
    unused = set(parameters) - used
    parameters = {n: p for n, p in parameters.items() if n not in unused}
    return Model(
        *SECTORS,
        parameters,
        SERIES,
        dimensions=[d for d in DIMENSIONS if d.name != "axis"],
        time_unit="year",
        units=UNITS,
        name="forkpoint world",
        start=START,
        stop=STOP,
        step=STEP,
    )


def quarter(text: str) -> float:
    """Time in years of the start of a quarter: "2025Q2" is 2025.25."""
    year, _, number = text.partition("Q")
    return int(year) + (int(number) - 1) / QUARTERS_PER_YEAR


@cache
def observed() -> dict[str, Any]:
    """The exogenous series that hold in every scenario, as {time: value}."""
    found: dict[str, Any] = {
        name: {quarter(r["quarter"]): float(r["usd_per_year"]) for r in rows(f"exogenous/{name}.csv")}
        for name in ("hyperscaler_capex", "nvidia_other_revenue")
    }
    lead = references()["server_lead"].value
    found["china_server_spend"] = {
        max(START, float(r["time"]) - lead): float(r["usd_per_year"]) for r in rows("exogenous/china_server_spend.csv")
    }
    found["security_incidents"] = {
        float(r["time"]): float(r["value"]) for r in rows("exogenous/security_incidents.csv")
    }
    found["acquisitions"] = {float(r["time"]): 1.0 for r in rows("exogenous/acquisitions.csv")}
    end = references()["catalogue_end"].value
    found["beyond_catalogue"] = {START: 0.0, end: 1.0}
    access = dict.fromkeys(VENDORS, 1.0)
    found["foreign_foundry_access"] = {START: dict(access)}
    for row in sorted(rows("exogenous/foundry_access.csv"), key=lambda r: float(r["from"])):
        access[row["vendor"]] = float(row["value"])
        found["foreign_foundry_access"][float(row["from"])] = dict(access)
    return found


@cache
def laws() -> tuple[str, ...]:
    """Variants of the law in ``tables/offers.csv``."""
    return tuple(dict.fromkeys(r["law"] for r in rows("tables/offers.csv")))


@cache
def offers(law: str) -> dict[str, Any]:
    """The law's series for one variant of the law: what vendors may offer, as {time: {vendor: {region: value}}}."""
    table: dict[tuple[str, str], list[dict[str, str]]] = {}
    for wanted in ("as-it-was", law):
        chosen: dict[tuple[str, str], list[dict[str, str]]] = {}
        for row in rows("tables/offers.csv"):
            if row["law"] == wanted:
                chosen.setdefault((row["vendor"], row["region"]), []).append(row)
        table.update(chosen)
    times = sorted({quarter(r["quarter"]) for found in table.values() for r in found})
    series: dict[str, Any] = {name: {} for name in LAW_COLUMNS}
    current: dict[tuple[str, str], dict[str, str]] = {}
    starts = {(v, r, quarter(row["quarter"])): row for (v, r), found in table.items() for row in found}
    for time in times:
        current.update({(v, r): row for (v, r, t), row in starts.items() if t == time})
        for name, (column, _, _) in LAW_COLUMNS.items():
            values = [[float(current[v, r][column]) for r in labels("region")] for v in labels("vendor")]
            series[name][time] = np.asarray(values)
    return series


@cache
def history() -> dict[str, dict[float, Any]]:
    """Dated levers of the past, as timed values of parameters."""
    found: dict[str, dict[float, Any]] = {}
    declared: dict[str, Parameter] = {n: r.declaration() for n, r in references().items()}
    for row in sorted(rows("exogenous/history.csv"), key=lambda r: float(r["from"])):
        name, time, value = row["variable"], float(row["from"]), float(row["value"])
        points = found.setdefault(name, {})
        if row["label"]:
            before = points[max(points)] if points else declared[name].value
            points[time] = {**before, row["label"]: value}
        else:
            points[time] = value
    return found
