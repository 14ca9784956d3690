"""Floor 2: the law. An item, a question, a day; out comes a finding that shows its arithmetic.

``check`` answers one question, ``check_many`` a hundred thousand. Everything loads on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PUBLIC = {
    "Finding": "finding",
    "Item": "items",
    "Law": "clauses",
    "Outcome": "finding",
    "Question": "question",
    "ask": "question",
    "check": "evaluate",
    "check_many": "many",
    "derive": "derivation",
    "find_items": "items",
    "law": "clauses",
}


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'forkpoint.rules' has no attribute '{name}'")
    return getattr(import_module(f"forkpoint.rules.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_PUBLIC)
