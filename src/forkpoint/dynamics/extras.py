"""Loading of optional packages."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from forkpoint.errors import MissingExtra


def load(package: str, extra: str = "world") -> Any:
    """Import an optional package. Raises MissingExtra, which says how to install it."""
    try:
        return import_module(package)
    except ImportError as error:
        if error.name and error.name.split(".")[0] == package.split(".")[0]:
            raise MissingExtra(package, extra) from error
        raise
