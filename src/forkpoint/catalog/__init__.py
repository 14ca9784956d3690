"""Floor 1: what is known, with sources. CSV files become frozen, typed records."""

from forkpoint.catalog.load import DATA, FILES, Catalog, catalog, check_file, read_records, read_rows
from forkpoint.catalog.records import (
    Accelerator,
    Alternative,
    Claim,
    Country,
    Event,
    HbmStack,
    LanguageModel,
    Measurement,
    Observation,
    Record,
    System,
    Verification,
    first_day,
    last_day,
)

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
    "Verification",
    "catalog",
    "check_file",
    "first_day",
    "last_day",
    "read_records",
    "read_rows",
]
