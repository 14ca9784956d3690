"""Records: what a cell may hold, and what it becomes."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from forkpoint.catalog import DATA, FILES, Accelerator, Event, first_day, last_day, read_records, read_rows
from forkpoint.catalog.trusted import construct

CHIP = {
    "id": "x-1",
    "name": "X 1",
    "vendor": "X",
    "vendor_country": "US",
    "family": "X",
    "segment": "datacenter",
    "source_urls": "https://example.com/a; a leaflet of 2020",
    "quality": "primary",
}


@pytest.mark.parametrize("file", FILES)
def test_shipped_rows_read_quickly_are_the_rows_read_with_validation(file):
    kind = FILES[file].record
    assert construct(kind, read_rows(DATA / file, kind.model_fields)) == read_records(DATA / file)


def test_records_are_frozen_and_know_their_columns():
    chip = Accelerator.model_validate(CHIP)
    assert chip.source_urls == ("https://example.com/a", "a leaflet of 2020")
    assert chip.fp16_tflops is None
    with pytest.raises(ValidationError):
        chip.vendor = "Y"
    with pytest.raises(ValidationError):
        Accelerator.model_validate(CHIP | {"fp17_tflops": "3"})


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "0", "-1", "many", "1e400", "1,000"])
def test_a_rate_is_a_positive_finite_number(text):
    with pytest.raises(ValidationError):
        Accelerator.model_validate(CHIP | {"fp16_tflops": text})


def test_a_row_needs_a_source():
    with pytest.raises(ValidationError):
        Accelerator.model_validate(CHIP | {"source_urls": None})


@pytest.mark.parametrize("text", ["2022-13", "2022-02-30", "22", "2022-1-1", "2022-10-21T00:00", "soon", "0000"])
def test_a_partial_date_is_a_real_date(text):
    with pytest.raises(ValidationError):
        Accelerator.model_validate(CHIP | {"release_date": text})


@given(st.dates(min_value=dt.date(1, 1, 1), max_value=dt.date(9998, 12, 31)))
def test_a_partial_date_spans_the_days_it_allows(day):
    whole, month, year = day.isoformat(), day.isoformat()[:7], day.isoformat()[:4]
    assert first_day(whole) == day == last_day(whole)
    assert first_day(year) <= first_day(month) <= day <= last_day(month) <= last_day(year)
    assert first_day(month).day == 1
    assert (last_day(month) + dt.timedelta(days=1)).day == 1
    assert Accelerator.model_validate(CHIP | {"release_date": month}).released == first_day(month)


@pytest.mark.parametrize("text", ["[1]", "{", '"a"', "1", '{"a": NaN'])
def test_parameters_of_an_event_are_a_json_table(text):
    event = {
        "event_id": "e",
        "date_announced": "2022-10-07",
        "jurisdiction": "US",
        "type": "letter",
        "title": "t",
        "parameters_json": text,
        "source_urls": "s",
        "confidence": "A",
    }
    with pytest.raises(ValidationError):
        Event.model_validate(event)
