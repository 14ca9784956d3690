"""Days, transactions, purposes and segments as people write them."""

from __future__ import annotations

import datetime as dt

import pytest

from forkpoint.errors import InputError, UnknownName
from forkpoint.rules.clauses import parse_day
from forkpoint.rules.question import PURPOSES, TRANSACTIONS, purpose_of, segment_of, transaction_of

WRITTEN = (
    "2023-12-05; 2023-12-5; 2023/12/5; 2023.12.05; 20231205; 2023年12月5日; 2023-12-05 00:00:00; 2023-12-05T09:30:00Z; "
    "5 December 2023; 5 Dec 2023; 5th Dec. 2023; Dec 5, 2023; 05-Dec-2023"
)


@pytest.mark.parametrize("text", WRITTEN.split("; "))
def test_a_day_is_read_where_day_and_month_are_plain(text: str) -> None:
    assert parse_day(text, "day") == dt.date(2023, 12, 5)


@pytest.mark.parametrize("text", ["05/12/2023", "12/25/2023", "5.12.23"])
def test_numbers_alone_do_not_say_which_is_the_month(text: str) -> None:
    with pytest.raises(InputError, match="which is the day and which the month"):
        parse_day(text, "day")


@pytest.mark.parametrize("text", ["", "2023", "2023-12", "202312", "2025-02-30", "31 Feb 2024", "Junk 5 2023", "soon"])
def test_what_is_no_day_is_told(text: str) -> None:
    with pytest.raises(InputError, match="YYYY-MM-DD"):
        parse_day(text, "day")


@pytest.mark.parametrize(
    ("kind", "spellings"),
    [
        ("export_from_us", "export; US export; Export from the United States; direct export; sale"),
        ("export_from_abroad", "export from abroad; export from Taiwan; foreign export"),
        ("reexport", "re-export; Re-export from Malaysia"),
        ("transfer_in_country", "in-country transfer; transfer (in-country); resale"),
        ("import_to_us", "import; import to US; US import"),
        ("deemed_export", "deemed export; deemed re-export"),
        ("foundry_export", "foundry; export by a fab"),
        ("osat_export", "OSAT"),
        ("use", "cloud access; IaaS; remote access; servicing"),
    ],
)
def test_transactions(kind: str, spellings: str) -> None:
    assert {s: transaction_of(s) for s in spellings.split("; ")} == dict.fromkeys(spellings.split("; "), kind)


@pytest.mark.parametrize("text", ["import to China", "smuggling", "expotr_from_us"])
def test_a_transaction_that_is_not_clear_is_refused(text: str) -> None:
    with pytest.raises(UnknownName):
        transaction_of(text)


@pytest.mark.parametrize(
    ("purpose", "spellings"),
    [
        ("us_data_centre", "US data center; US datacenter"),
        ("us_test_then_export", "US lab test then export to China; test and export"),
        ("us_research", "US R&D; research"),
        ("military_intelligence", "military-intelligence end use"),
        ("military", "military end use; for the PLA"),
        ("wmd", "WMD; nuclear; missiles; chemical weapons"),
        ("technical_analysis", "destructive test; reverse engineering; technical analysis"),
        ("model_training", "AI training"),
        ("other", "inference; non-military"),
    ],
)
def test_purposes(purpose: str, spellings: str) -> None:
    assert {s: purpose_of(s) for s in spellings.split("; ")} == dict.fromkeys(spellings.split("; "), purpose)


def test_every_word_of_the_law_means_itself() -> None:
    assert [transaction_of(t) for t in TRANSACTIONS] == list(TRANSACTIONS)
    assert [purpose_of(p) for p in PURPOSES] == list(PURPOSES)


@pytest.mark.parametrize(
    ("segment", "spellings"),
    [
        ("datacenter", "Data Centre; server; DC; cloud"),
        ("consumer", "gaming; laptop; non-data-center; automotive"),
        ("workstation", "Workstation; professional visualization"),
        (None, "memory; HBM; n/a; unknown; "),
    ],
)
def test_segments(segment: str | None, spellings: str) -> None:
    assert {s: segment_of(s) for s in spellings.split("; ")} == dict.fromkeys(spellings.split("; "), segment)
