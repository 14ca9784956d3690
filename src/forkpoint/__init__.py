"""forkpoint: where one AI stack becomes two.

The public face: nouns and a few verbs, the same ones as on the command line. Everything loads on first use,
so that ``import forkpoint`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "catalog": "forkpoint.catalog:catalog",
    "check": "forkpoint.rules.evaluate:check",
    "check_many": "forkpoint.rules.many:check_many",
    "derive": "forkpoint.rules.derivation:derive",
    "predict": "forkpoint.perf.jobs:predict",
    "plan": "forkpoint.perf.jobs:plan",
    "compare": "forkpoint.perf.jobs:compare",
    "run": "forkpoint.world.run:run",
    "ensemble": "forkpoint.uncertainty.ensemble:ensemble",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'forkpoint' has no attribute '{name}'")
    module, attribute = _PUBLIC[name].split(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
