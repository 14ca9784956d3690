"""A stock-and-flow engine: a model is plain functions, run by NumPy, LLVM, JAX and a browser.

Start with :mod:`forkpoint.dynamics.variables` (how a model is declared) and :mod:`forkpoint.dynamics.model`.
Everything loads on first use.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_PUBLIC = {
    "Aux": "variables", "Dimension": "variables", "Flow": "variables", "Model": "model", "Parameter": "variables",
    "Pullback": "pullback", "Series": "variables", "State": "trajectory", "Stock": "variables",
    "Trajectory": "trajectory", "Variable": "variables", "aux": "variables", "causal_loop_diagram": "loop_diagram",
    "delay": "delays", "explain_difference": "comparison", "find_loops": "loops", "flow": "variables",
    "gradient": "gradients", "knock_out": "knockout", "loop_measures": "knockout", "loop_scores": "loop_scores",
    "make_plan": "simulate", "parameter": "variables", "read_parameters": "parameters", "read_series": "series_file",
    "sensitivity": "gradients", "series": "variables", "smooth": "delays", "stock": "variables",
}  # fmt: skip

__all__ = [*_PUBLIC, "functions"]


def __getattr__(name: str) -> Any:
    if name == "functions":
        return import_module("forkpoint.dynamics.functions")
    if name not in _PUBLIC:
        raise AttributeError(f"module 'forkpoint.dynamics' has no attribute '{name}'")
    return getattr(import_module(f"forkpoint.dynamics.{_PUBLIC[name]}"), name)


class _Package(ModuleType):
    """Keeps a public function whose submodule has the same name: importing the submodule must not hide it."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (isinstance(value, ModuleType) and name in _PUBLIC):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __dir__() -> list[str]:
    return sorted(__all__)
