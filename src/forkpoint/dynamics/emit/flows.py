"""Where every element of every flow goes, for languages without arrays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from forkpoint.dynamics.model import Model


def flow_ends(model: Model) -> Iterable[tuple[str, int, str, int, float]]:
    """Every entry of a flow element into or out of a stock element: flow, element, stock, element, sign."""
    for flow in model.flows:
        dims, shape = model[flow].dims, model.shape(flow)
        for end, sign in (("into", 1.0), ("outof", -1.0)):
            found = model.destination(flow, end)
            if found is None:
                continue
            stock, fixed = found
            target = model[stock].dims
            for element, index in enumerate(np.ndindex(*shape)):
                at = dict(zip(dims, index, strict=True))
                at |= {dim: model.dimensions[dim].position(label) for dim, label in fixed.items()}
                place = int(np.ravel_multi_index([at[d] for d in target], model.shape(stock))) if target else 0
                yield flow, element, stock, place, sign
