"""Checking units by running every equation on quantities (pint).

Each equation is called twice on the same random numbers: bare, as a run calls it, and as quantities in the declared
units. It balances when the second call works, its result has the declared unit, and both results are the same number.
The last part finds what dimensional analysis alone cannot: a year added to a quarter is a time, but the bare numbers
are wrong.

A bare number in an equation is dimensionless; only zero fits any unit. A constant with a unit is a parameter. All
problems of a model are reported together.

Known units: second … year, month, quarter; percent; person, item, USD, EUR; meter, gram, joule, watt, byte, bit with SI
prefixes. A model adds its own: ``Model(…, units=("widget", "crate = 12 * widget"))``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from forkpoint.dynamics.extras import load
from forkpoint.dynamics.functions import FRAME
from forkpoint.dynamics.variables import RESERVED, Equation, Flow
from forkpoint.errors import ForkpointError, ModelError

if TYPE_CHECKING:
    from forkpoint.dynamics.model import Model

DEFINITIONS = """\
micro- = 1e-6 = u-
milli- = 1e-3 = m-
kilo- = 1e3 = k-
mega- = 1e6 = M-
giga- = 1e9 = G-
tera- = 1e12 = T-
peta- = 1e15 = P-
exa- = 1e18 = E-
radian = []
percent = 0.01
thousand = 1e3
million = 1e6
billion = 1e9
second = [time] = s
minute = 60 * second = min
hour = 3600 * second = h
day = 24 * hour
week = 7 * day
year = 365.25 * day
quarter = year / 4
month = year / 12
person = [person] = _ = people
item = [item]
USD = [currency_USD]
EUR = [currency_EUR]
meter = [length] = m
gram = [mass] = g
joule = kilogram * meter ** 2 / second ** 2 = J
watt = joule / second = W
bit = [information]
byte = 8 * bit = B
"""


@dataclass(frozen=True)
class UnitProblem:
    """One equation whose units do not balance."""

    variable: str
    message: str


@cache
def registry(definitions: tuple[str, ...] = ()) -> Any:
    """A pint registry with the units above and a model's own. Raises ModelError for a definition pint cannot read."""
    pint = load("pint")
    units = pint.UnitRegistry(None, autoconvert_offset_to_baseunit=True)
    own = [text if "=" in text else f"{text} = [{text}]" for text in definitions]
    for text in [*DEFINITIONS.splitlines(), *own]:
        try:
            units.define(text)
        except Exception as error:  # pint raises many kinds
            raise ModelError(f"cannot define the unit '{text}': {str(error).splitlines()[0]}") from error
    return units


def check_units(model: Model) -> None:
    """Raise ModelError listing every equation of the model whose units do not balance."""
    problems = unit_problems(model)
    if problems:
        listed = "\n".join(f"  {p.message}" for p in problems)
        raise ModelError(f"units do not balance in {len(problems)} of {len(model.variables)} variables:\n{listed}")


def unit_problems(model: Model) -> list[UnitProblem]:
    """Every equation whose units do not balance, with both sides in words."""
    units = registry(model.units)
    problems: list[UnitProblem] = []
    known: dict[str, Any] = {}
    for variable in model.variables.values():
        try:
            known[variable.name] = units.parse_units("" if variable.unit == "1" else variable.unit)
        except Exception as error:  # pint raises many kinds
            problems.append(UnitProblem(variable.name, f"{variable.label} has the unit '{variable.unit}': {error}"))
    known |= dict.fromkeys(RESERVED, units.parse_units(model.time_unit))
    for variable in model.variables.values():
        if isinstance(variable, Flow) and variable.name in known:
            problems += _flow_problems(model, variable, known, units)
        if not isinstance(variable, Equation) or variable.function is None or not variable.inputs:
            continue
        if {variable.name, *variable.inputs} <= known.keys():
            message = _equation_problem(model, variable, known, units)
            problems += [UnitProblem(variable.name, f"{variable.label}: {message}")] if message else []
    return problems


def _flow_problems(model: Model, flow: Flow, known: dict[str, Any], units: Any) -> Sequence[UnitProblem]:
    found = []
    for end in ("into", "outof"):
        place = model.destination(flow.name, end)
        if place is None or place[0] not in known:
            continue
        stock = model.stocks[place[0]]
        gained = units.Quantity(1.0, known[flow.name]) * units.Quantity(1.0, known["time"])
        message = _difference(gained, known[stock.name])
        if message:
            text = f"{flow.label} in {flow.unit}, over a {model.time_unit}, does not give {stock.label} in {stock.unit}"
            found.append(UnitProblem(flow.name, f"{text}: {message}"))
    return found


def _equation_problem(model: Model, variable: Equation, known: dict[str, Any], units: Any) -> str:
    bound = model.equation(variable.name)
    rng = np.random.default_rng(20190101)
    bare = []
    for name, view in zip(bound.inputs, bound.views, strict=True):
        shape = () if name in RESERVED else model.shape(name)
        value = np.asarray(rng.uniform(0.5, 1.5, shape))
        bare.append(value if view is None else value[view])
    given = [units.Quantity(value, known[name]) for name, value in zip(bound.inputs, bare, strict=True)]
    sides = ", ".join(f"{name} [{_show(variable_unit(model, name))}]" for name in bound.inputs)
    token = FRAME.set(bound.frame)
    try:
        with np.errstate(all="ignore"):
            plain = bound.function(*bare)
            measured = bound.function(*given)
    except ForkpointError as error:
        return str(error)
    except Exception as error:  # pint and NumPy raise many kinds
        return f"its inputs do not fit together ({sides}): {error}"
    finally:
        FRAME.reset(token)
    if not hasattr(measured, "units"):
        if not np.any(measured):
            return ""
        measured = units.Quantity(np.asarray(measured), "")
    message = _difference(measured, known[variable.name])
    if message:
        given_unit = _show(str(measured.units))
        return f"declared in {_show(variable.unit)}, but its equation gives {given_unit} ({sides}); {message}"
    in_declared = measured.to(known[variable.name]).magnitude
    if not np.allclose(in_declared, plain, rtol=1e-9, atol=0.0, equal_nan=True):
        return f"inputs in units of different size ({sides}) are combined as if they were of the same"
    return ""


def _difference(measured: Any, declared: Any) -> str:
    """Why a quantity is not in the declared unit; empty where it is."""
    if not measured.is_compatible_with(declared):
        return f"dimension {measured.dimensionality} against {(1.0 * declared).dimensionality}"
    factor = (1.0 * measured.units).to(declared).magnitude
    return "" if abs(factor - 1.0) < 1e-9 else f"the same dimension, but a factor of {factor:.6g} apart"


def variable_unit(model: Model, name: str) -> str:
    """The declared unit of a variable or of the time."""
    return model.time_unit if name in RESERVED else model[name].unit


def _show(unit: str) -> str:
    return "1 (dimensionless)" if unit in ("1", "", "dimensionless") else unit
