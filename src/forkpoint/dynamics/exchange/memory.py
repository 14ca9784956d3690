"""Functions that remember the past, as the stocks and flows that they stand for.

Delays and smooths are the chains of first-order stages that both tools document. Fixed delays, PREVIOUS and SAMPLE IF
TRUE hold values for whole steps; as stocks whose flow is (new − old) / step they are exact under Euler's method.
"""

from __future__ import annotations

from collections.abc import Callable
from math import floor
from typing import TYPE_CHECKING, TypeAlias

from forkpoint.dynamics.exchange.formula import Binary, Call, Expression, Name, Number
from forkpoint.errors import InputError

if TYPE_CHECKING:
    from forkpoint.dynamics.exchange.scalars import Scalars

Arguments: TypeAlias = tuple[Expression, ...]
Remember: TypeAlias = "Callable[[Scalars, Arguments], Expression]"

STEP = Name("time_step")


def times(a: Expression, b: Expression) -> Expression:
    """``a × b``."""
    return Binary("*", a, b)


def over(a: Expression, b: Expression) -> Expression:
    """``a / b``."""
    return Binary("/", a, b)


def less(a: Expression, b: Expression) -> Expression:
    """``a − b``."""
    return Binary("-", a, b)


def plus(a: Expression, b: Expression) -> Expression:
    """``a + b``."""
    return Binary("+", a, b)


def either(condition: Expression, a: Expression, b: Expression) -> Expression:
    """``a`` where the condition holds, else ``b``."""
    return Call("if_then_else", (condition, a, b))


def order_of(model: Scalars, formula: Expression) -> int:
    """The number of stages that an argument asks for."""
    order = model.constant(formula)
    if order != int(order) or order < 1:
        raise model.draft.error(
            model.owner, f"the order of a delay or smooth must be a whole number ≥ 1, not {order:g}"
        )
    return int(order)


def argument(model: Scalars, arguments: Arguments, place: int, what: str) -> Expression:
    """A required argument. Raises InputError that names it."""
    if place >= len(arguments):
        raise model.draft.error(model.owner, f"argument {place + 1} ({what}) of a delay, smooth or trend is missing")
    return arguments[place]


def smooth(model: Scalars, arguments: Arguments, order: int, initial: Expression | None) -> Expression:
    """Exponential smoothing of the given order: each stage closes its gap in time / order."""
    previous, time = (
        model.new("input", "aux", arguments[0]),
        over(argument(model, arguments, 1, "time"), Number(float(order))),
    )
    start: Expression = previous if initial is None else initial
    for stage in range(order):
        level = model.new(f"smooth{stage + 1}_", "stock", start)
        model.new("change", "flow", over(less(previous, level), time), into=level.name)
        previous = level
    return previous


def delay(model: Scalars, arguments: Arguments, order: int, initial: Expression | None) -> Expression:
    """Material delay of the given order: each stage passes on its content in time / order."""
    previous = model.new("input", "aux", arguments[0])
    time = model.new("stage_time", "aux", over(argument(model, arguments, 1, "time"), Number(float(order))))
    start: Expression = previous if initial is None else initial
    for stage in range(order):
        level = model.new(f"delay{stage + 1}_", "stock", times(start, time))
        outflow = model.new("outflow", "aux", over(level, time))
        model.new("change", "flow", less(previous, outflow), into=level.name)
        previous = outflow
    return previous


def pipeline(model: Scalars, arguments: Arguments, initial: Expression | None) -> Expression:
    """Fixed delay by a constant time: one stock a step."""
    steps = floor(model.constant(argument(model, arguments, 1, "time")) / model.draft.step + 0.5)
    if steps > 2000:
        raise model.draft.error(
            model.owner, f"a fixed delay of {steps} steps is more than the 2000 that are translated"
        )
    previous = model.new("input", "aux", arguments[0])
    start: Expression = previous if initial is None else initial
    for place in range(max(steps, 1)):
        previous = held(model, previous, start, f"place{place + 1}_")
    return previous


def held(model: Scalars, value: Expression, start: Expression, name: str = "held") -> Name:
    """A stock that takes on ``value`` after one step."""
    level = model.new(name, "stock", start)
    model.new("change", "flow", over(less(value, level), STEP), into=level.name)
    return level


def initial(model: Scalars, arguments: Arguments) -> Expression:
    """The value at the start of the run: a stock without flows."""
    return model.new("initial", "stock", arguments[0])


def previous_value(model: Scalars, arguments: Arguments) -> Expression:
    """The value one step before."""
    value = model.new("input", "aux", arguments[0])
    return held(model, value, arguments[1] if len(arguments) > 1 else value)


def trend(model: Scalars, arguments: Arguments) -> Expression:
    """Fractional growth of the input against its own exponential average."""
    value, time = model.new("input", "aux", arguments[0]), argument(model, arguments, 1, "averaging time")
    growth = arguments[2] if len(arguments) > 2 else Number(0.0)
    average = model.new("average", "stock", over(value, plus(Number(1.0), times(growth, time))))
    model.new("change", "flow", over(less(value, average), time), into=average.name)
    return Call("zidz", (less(value, average), times(Call("abs", (average,)), time)))


def forecast(model: Scalars, arguments: Arguments) -> Expression:
    """The input carried on with its trend over a horizon."""
    value, time, horizon = arguments[0], *(argument(model, arguments, n, "time") for n in (1, 2))
    growth = trend(model, (value, time, *arguments[3:4]))
    return times(value, plus(Number(1.0), times(growth, horizon)))


def net_present_value(model: Scalars, arguments: Arguments) -> Expression:
    """The discounted sum of a stream: NPV(stream, rate, initial, factor)."""
    stream, rate = arguments[0], argument(model, arguments, 1, "discount rate")
    start = arguments[2] if len(arguments) > 2 else Number(0.0)
    factor = arguments[3] if len(arguments) > 3 else Number(1.0)
    discount = model.new("discount", "stock", Number(1.0))
    model.new("change", "flow", Binary("*", less(Number(0.0), discount), rate), into=discount.name)
    value = model.new("value", "stock", start)
    model.new("gain", "flow", times(stream, discount), into=value.name)
    return times(plus(value, times(times(stream, STEP), discount)), factor)


def time_value(model: Scalars, arguments: Arguments) -> Expression:
    """GET TIME VALUE(from, offset, kind): the time now (0) or at the start (1), plus an offset."""
    origin, kind = (model.constant(argument(model, arguments, n, "origin, offset, kind")) for n in (0, 2))
    if kind != 0 or origin not in (0, 1):
        raise model.draft.error(model.owner, "GET TIME VALUE is translated for model time only, not for calendar dates")
    return plus(Name("time") if origin == 0 else Number(model.draft.start), arguments[1])


def sample_if_true(model: Scalars, arguments: Arguments) -> Expression:
    """The input where the condition holds, else what was last taken."""
    condition, value, start = (argument(model, arguments, n, "condition, input, initial value") for n in range(3))
    level = model.new("sample", "stock", start)
    current = model.new("current", "aux", either(condition, value, level))
    model.new("change", "flow", over(less(current, level), STEP), into=level.name)
    return current


def most_stages(model: Scalars, arguments: Arguments) -> int:
    """How many stages Vensim allows: none shorter than a step, where the time is known at the start."""
    try:
        time = model.constant(argument(model, arguments, 1, "time"))
    except InputError:
        return 1000
    return max(1, floor(time / model.draft.step + 1e-9)) if time == time else 1000


def ordered(
    rule: Callable[..., Expression], order: int | None, initial_at: int | None, order_at: int | None = None
) -> Remember:
    """A delay or smooth with its order fixed or in an argument, and its initial value in an argument or absent."""

    def remember(model: Scalars, arguments: Arguments) -> Expression:
        stages = order if order is not None else order_of(model, argument(model, arguments, order_at or 0, "order"))
        if rule is delay and order_at is not None and model.draft.dialect == "vensim":
            stages = min(stages, most_stages(model, arguments))
        start = arguments[initial_at] if initial_at is not None and initial_at < len(arguments) else None
        return rule(model, arguments, stages, start)

    return remember


def fixed(model: Scalars, arguments: Arguments) -> Expression:
    """DELAY(input, time[, initial]) of XMILE and DELAY FIXED(input, time, initial) of Vensim."""
    return pipeline(model, arguments, arguments[2] if len(arguments) > 2 else None)


MEMORY: dict[str, dict[str, Remember]] = {
    "xmile": {
        "smth1": ordered(smooth, 1, 2), "smth3": ordered(smooth, 3, 2), "smthn": ordered(smooth, None, 3, 2),
        "delay1": ordered(delay, 1, 2), "delay3": ordered(delay, 3, 2), "delayn": ordered(delay, None, 3, 2),
        "delay": fixed, "init": initial, "previous": previous_value, "trend": trend, "forcst": forecast,
        "forecast": forecast, "npv": net_present_value,
    },
    "vensim": {
        "smooth": ordered(smooth, 1, None), "smoothi": ordered(smooth, 1, 2),
        "smooth3": ordered(smooth, 3, None), "smooth3i": ordered(smooth, 3, 2),
        "smooth_n": ordered(smooth, None, 2, 3),
        "delay1": ordered(delay, 1, None), "delay1i": ordered(delay, 1, 2),
        "delay3": ordered(delay, 3, None), "delay3i": ordered(delay, 3, 2),
        "delay_n": ordered(delay, None, 2, 3), "delay_fixed": fixed, "initial": initial, "reinitial": initial,
        "trend": trend, "forecast": forecast, "npv": net_present_value, "sample_if_true": sample_if_true,
        "get_time_value": time_value,
    },
}  # fmt: skip
"""Functions that remember, by dialect and canonical name."""
