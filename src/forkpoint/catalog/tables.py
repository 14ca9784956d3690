"""The catalogue's files: what a row of each is, and the columns that name a row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from forkpoint.catalog.record import Record


@dataclass(frozen=True)
class Table:
    """One catalogue file. The record class loads on first use: a chip's question need not pay for market rows."""

    module: str
    record_name: str
    key: tuple[str, ...]
    """The columns that name a row: a user's row with the same key replaces ours."""
    title: str
    sources: tuple[str, ...] = ("source_urls",)
    """The columns that hold a row's sources."""

    @cached_property
    def record(self) -> type[Record]:
        """The record class of a row."""
        found: type[Record] = getattr(import_module(f"forkpoint.catalog.{self.module}"), self.record_name)
        return found


OBSERVATION_KEY = (
    "series",
    "entity",
    "region",
    "period_start",
    "period_end",
    "published",
    "source_url",
    "value",
    "unit",
    "notes",
)

FILES: dict[str, Table] = {
    "accelerators.csv": Table("hardware", "Accelerator", ("id",), "AI accelerators"),
    "accelerator_alternatives.csv": Table(
        "hardware",
        "Alternative",
        ("id", "field", "alternative", "source_url"),
        "Rival values of accelerators' figures",
        ("source_url",),
    ),
    "hbm_stacks.csv": Table("hardware", "HbmStack", ("id",), "Standalone stacks of high-bandwidth memory"),
    "systems.csv": Table("hardware", "System", ("id",), "Servers, baseboards, racks and pods"),
    "language_models.csv": Table(
        "workloads", "LanguageModel", ("name",), "Language models as workloads", ("source_url", "config_source")
    ),
    "performance_measured.csv": Table(
        "workloads", "Measurement", ("id",), "Published measurements of training and serving", ("source_url",)
    ),
    "events.csv": Table("law", "Event", ("event_id",), "Dated legal and political events"),
    "country_groups.csv": Table(
        "law", "Country", ("iso2", "valid_from"), "Dated export-control country groups", ("source",)
    ),
    "observations.csv": Table(
        "evidence", "Observation", OBSERVATION_KEY, "Observations of market, supply and ecosystem", ("source_url",)
    ),
    "claims.csv": Table("evidence", "Claim", ("claim_id",), "Claims of the article", ("evidence_urls", "notes")),
    "verification.csv": Table(
        "evidence",
        "Verification",
        ("file", "row_key", "field", "source_url", "new_value"),
        "Values checked again against public text",
        ("source_url", "notes"),
    ),
}
"""Every catalogue file by name."""
