"""How the sectors declare stocks: a function gives the initial value, or an account starts at zero and adds up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from forkpoint.dynamics import variables
from forkpoint.dynamics.variables import Stock


def stock(*, dims: tuple[str, ...] = (), unit: str, non_negative: bool = True) -> Callable[[Callable[..., Any]], Stock]:
    """Declare a stock whose initial value the function gives."""
    decorator = variables.stock(dims=dims, unit=unit, non_negative=non_negative)
    return cast(Callable[[Callable[..., Any]], Stock], decorator)


def account(*, dims: tuple[str, ...] = (), unit: str, doc: str) -> Stock:
    """Declare a stock that is empty at the start and adds up what flows into it."""
    return cast(Stock, variables.stock(0.0, dims=dims, unit=unit, doc=doc))
