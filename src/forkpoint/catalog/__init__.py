"""Floor 1: what is known, with sources. CSV files become frozen, typed records, each loaded on first use."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from forkpoint.catalog.load import DATA, Catalog, catalog, check_file, read_records, read_rows
from forkpoint.catalog.tables import FILES, Table

if TYPE_CHECKING:
    from forkpoint.catalog.evidence import Claim, Observation, Verification
    from forkpoint.catalog.hardware import Accelerator, Alternative, HbmStack, System
    from forkpoint.catalog.law import Country, Event
    from forkpoint.catalog.record import Record, first_day, last_day
    from forkpoint.catalog.workloads import LanguageModel, Measurement

_HOMES = {
    **dict.fromkeys(("Claim", "Observation", "Verification"), "evidence"),
    **dict.fromkeys(("Accelerator", "Alternative", "HbmStack", "System"), "hardware"),
    **dict.fromkeys(("Country", "Event"), "law"),
    **dict.fromkeys(("Record", "first_day", "last_day"), "record"),
    **dict.fromkeys(("LanguageModel", "Measurement"), "workloads"),
}

__all__ = [
    "DATA",
    "FILES",
    "Accelerator",
    "Alternative",
    "Catalog",
    "Claim",
    "Country",
    "Event",
    "HbmStack",
    "LanguageModel",
    "Measurement",
    "Observation",
    "Record",
    "System",
    "Table",
    "Verification",
    "catalog",
    "check_file",
    "first_day",
    "last_day",
    "read_records",
    "read_rows",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'forkpoint.catalog' has no attribute '{name}'")
    return getattr(import_module(f"forkpoint.catalog.{_HOMES[name]}"), name)


class _Room(ModuleType):
    """``forkpoint.catalog()`` is a public verb and this package has the same name: the package answers the call."""

    def __call__(self, folder: Path | str | None = None) -> Catalog:
        return catalog(folder)


sys.modules[__name__].__class__ = _Room
