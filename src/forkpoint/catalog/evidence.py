"""Rows of evidence: observations, the article's claims, values checked again."""

import datetime as dt
from typing import Literal

from forkpoint.catalog.record import BarList, Finite, PartialDate, Quality, Record, last_day


class Observation(Record):
    """An observation of market, supply or ecosystem: period, value, range, unit, and when it was published."""

    series: str
    entity: str
    region: str
    period_start: dt.date
    period_end: dt.date
    value: Finite | None = None
    low: Finite | None = None
    high: Finite | None = None
    unit: str
    actual_or_estimate_or_forecast: Literal["actual", "estimate", "forecast"]
    published: PartialDate
    source_title: str | None = None
    source_url: str
    quality: Quality
    notes: str | None = None

    @property
    def known_from(self) -> dt.date:
        """The last day that the date of publication allows: the figure was surely public by then."""
        return last_day(self.published)


class Claim(Record):
    """A statement or causal link of the article, the verdict of the evidence, and the better value."""

    claim_id: str
    type: Literal["fact", "quote", "opinion", "causal"]
    paragraph_no: int
    subject: str
    predicate: str
    value: str | None = None
    unit: str | None = None
    date_of_claim: dt.date
    verdict: Literal["contradicted", "partly", "supported", "unverifiable", "opinion"]
    better_value: str | None = None
    evidence_urls: BarList = ()
    notes: str | None = None
    cause: str | None = None
    effect: str | None = None
    sign: Literal["+", "-"] | None = None
    delay: str | None = None
    loop: str | None = None


class Verification(Record):
    """A value of these files that was checked again against public text, and what came of it."""

    file: str
    row_key: str
    field: str
    old_value: str | None = None
    new_value: str | None = None
    verdict: Literal["confirmed", "corrected", "conflict", "not_found"]
    source_url: str | None = None
    notes: str | None = None
