"""Floor 2: what a chip does with a model: one operator, one step, the best plan on ten thousand chips.

``predict(model, chip, chips, job)``, ``plan(model, chip, chips)`` and ``compare`` load on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PUBLIC = {
    "predict": "forkpoint.perf.jobs:predict",
    "plan": "forkpoint.perf.jobs:plan",
    "compare": "forkpoint.perf.jobs:compare",
    "Architecture": "forkpoint.perf.workload:Architecture",
    "Prediction": "forkpoint.perf.prediction:Prediction",
}

__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'forkpoint.perf' has no attribute '{name}'")
    module, attribute = _PUBLIC[name].split(":")
    return getattr(import_module(module), attribute)
