"""Delays and smoothing, declared in one line and expanded into stocks and flows.

``smooth("price", time="perception_time")`` is an *information* delay: a stock (of the declaration's name) that closes
its gap to the input, ``d/dt x = (input − x) / time``; order n chains n of them, each with ``time / n``. It starts at
the input's initial value unless ``initial`` says otherwise.

``delay(time="lead_time", into="installed", outflow="arrivals")`` is a *material* delay: a flow that names it as its
``into=`` enters the first of n stocks, and what leaves the last is the flow ``outflow``; nothing is lost on the way.
The total in transit is an auxiliary of the declaration's name. It starts empty unless ``initial`` names a parameter or
gives a number, which is spread evenly over the n stocks.

Reference: Sterman (2000), Business Dynamics, chapter 11.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from forkpoint.dynamics.variables import Aux, Dimension, Flow, Macro, Stock, Variable, _names, _place, _words
from forkpoint.errors import ModelError


def smooth(
    source: str,
    *,
    time: str,
    order: int = 1,
    initial: str | None = None,
    dims: Iterable[str | Dimension] = (),
    unit: str = "1",
    doc: str = "",
) -> Macro:
    """A stock that follows the variable ``source`` with mean delay ``time`` (a parameter or auxiliary), order 1, 2, ….

    ``unit`` and ``dims`` are those of ``source``; the model's time unit is that of ``time``.
    """
    _check_order(order)
    place, axes, meaning = _place(), _names(dims), _words(doc)[0]

    def expand(name: str, known: Mapping[str, Variable]) -> list[Variable]:
        parts: list[Variable] = []
        common: dict[str, Any] = {"dims": axes, "where": place}
        rate = _per_time(unit, name, time, known)
        for i in range(1, order + 1):
            stage = name if i == order else f"{name}_stage{i}"
            before = source if i == 1 else f"{name}_stage{i - 1}"
            parts.append(Stock(name=stage, unit=unit, function=_same, inputs=(initial or source,), non_negative=False,
                               meaning=meaning if i == order else f"Stage {i} of {name}.", **common))  # fmt: skip
            parts.append(Flow(name=f"{stage}_change", unit=rate, function=_closing(order), inputs=(before, stage, time),
                              into=stage, meaning=f"Adjustment of {stage} to {before}.", **common))  # fmt: skip
        return parts

    return Macro(dims=axes, unit=unit, meaning=meaning, where=place, expand=expand)


def delay(
    *,
    time: str,
    outflow: str,
    into: str | None = None,
    order: int = 3,
    initial: str | float = 0.0,
    dims: Iterable[str | Dimension] = (),
    unit: str = "1",
    doc: str = "",
) -> Macro:
    """A material delay of mean length ``time``; flows enter by ``into="<its name>"`` and leave as the flow ``outflow``.

    ``unit`` is that of what is in transit. ``into`` is the stock that ``outflow`` enters.
    """
    _check_order(order)
    place, axes, meaning = _place(), _names(dims), _words(doc)[0]

    def expand(name: str, known: Mapping[str, Variable]) -> list[Variable]:
        parts: list[Variable] = []
        common: dict[str, Any] = {"dims": axes, "where": place}
        rate = _per_time(unit, name, time, known)
        stages = [f"{name}_stage{i}" for i in range(1, order + 1)]
        for i, stage in enumerate(stages):
            start: dict[str, Any] = {"initial": initial / order} if not isinstance(initial, str) else {
                "function": _part(order), "inputs": (initial,)}  # fmt: skip
            last = i == order - 1
            parts.append(
                Stock(name=stage, unit=unit, meaning=f"In transit, part {i + 1} of {order}.", **start, **common)
            )
            parts.append(Flow(name=outflow if last else f"{stage}_leaving", unit=rate, function=_leaving(order),
                              inputs=(stage, time), outof=stage, into=into if last else stages[i + 1],
                              meaning=f"What has passed {name}." if last else f"From part {i + 1} to the next.",
                              **common))  # fmt: skip
        parts.append(Aux(name=name, unit=unit, function=_sum, inputs=tuple(stages), meaning=meaning, **common))
        return parts

    return Macro(dims=axes, unit=unit, meaning=meaning, where=place, expand=expand, entry="{name}_stage1")


def _per_time(unit: str, name: str, time: str, known: Mapping[str, Variable]) -> str:
    if time not in known:
        from forkpoint.errors import nearest

        close = nearest(time, known)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise ModelError(f"the delay '{name}' needs '{time}', which no variable of the model is called{hint}")
    return f"{unit}/({known[time].unit})"


def _check_order(order: int) -> None:
    if order < 1 or order != int(order):
        raise ModelError(f"the order of a delay is 1, 2, 3, …, not {order!r}")


def _closing(order: int) -> Callable[..., Any]:
    def closing(before: Any, here: Any, time: Any) -> Any:
        return (before - here) / (time / order)

    return closing


def _leaving(order: int) -> Callable[..., Any]:
    def leaving(here: Any, time: Any) -> Any:
        return here / (time / order)

    return leaving


def _part(order: int) -> Callable[..., Any]:
    def part(whole: Any) -> Any:
        return whole / order

    return part


def _sum(*stages: Any) -> Any:
    total = stages[0]
    for stage in stages[1:]:
        total = total + stage
    return total


def _same(value: Any) -> Any:
    return value
