"""A table of cases as people make it: headers, blanks, figures instead of a name."""

from __future__ import annotations

from pathlib import Path

import pytest

from forkpoint.errors import InputError
from forkpoint.rules.batch import check_cases, read_cases


def answers(tmp_path: Path, text: str) -> list[tuple[str, str]]:
    file = tmp_path / "cases.csv"
    file.write_text(text, encoding="utf-8")
    findings, _ = check_cases(read_cases(file), "cases.csv")
    return [(f.eccn, f.licence_required) for f in findings]


def test_headers_in_the_words_of_the_command_line(tmp_path: Path) -> None:
    text = "Chip,To,HQ,On,End User\nH20,Hong Kong SAR,,2025/04/09,\nH100,Malaysia,PRC,1 June 2024,-\n"
    assert answers(tmp_path, text) == [("not_3A090", "yes"), ("3A090.a", "yes")]


def test_marks_of_nothing_and_empty_lines_say_nothing(tmp_path: Path) -> None:
    text = "chip,destination,on_date,transaction,purpose,segment,sku\nH20,CN,2024-06-01,n/a,–,none,-\n,,,,,,\n"
    assert answers(tmp_path, text) == [("not_3A090", "no")]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_spreadsheet_may_separate_as_it_likes(separator: str, tmp_path: Path) -> None:
    text = 'chip,destination,on_date,sku\nA100,CN,2023-12-01,"SXM/PCIe"\n'.replace(",", separator)
    assert answers(tmp_path, text) == [("3A090.a", "yes")]


def test_namibia_is_not_nothing(tmp_path: Path) -> None:
    assert answers(tmp_path, "chip,destination,on_date,hq\nH100,NA,2024-06-01,NA\n") == [("3A090.a", "no")]


def test_a_chip_by_its_figures(tmp_path: Path) -> None:
    text = 'chip,to,on,tpp,logic_die_area_mm2,planar\n,CN,2024-01-01,"4,800",,\nx,CN,2024-01-01,2000,500,yes\n'
    assert answers(tmp_path, text) == [("3A090.a", "yes"), ("not_3A090", "no")]


def test_the_catalogue_comes_before_the_figures_of_a_row(tmp_path: Path) -> None:
    file = tmp_path / "cases.csv"
    file.write_text("chip,to,on,tpp,vendor\nH20,CN,2025-05-01,9000,\nH20,CN,2025-05-01,,NVIDIA\n", encoding="utf-8")
    findings, told = check_cases(read_cases(file), "cases.csv")
    assert [f.licence_source for f in findings] == ["letter", "letter"]
    assert told == ["cases.csv: row 1 (1): 'H20' is in the catalogue, whose figures count, not the row's"]


def test_a_buyer_whose_name_may_be_a_slip_is_told(tmp_path: Path) -> None:
    file = tmp_path / "cases.csv"
    file.write_text("chip,to,on,end_user\nL20,CN,2025-01-01,Huwaei\nL20,CN,2025-01-01,Acme\n", encoding="utf-8")
    findings, told = check_cases(read_cases(file), "cases.csv")
    slip = "no party held here is called 'Huwaei': did you mean Huawei? Else screen it elsewhere"
    assert told == [f"cases.csv: row 1 (1): {slip}"]
    assert [f.flags for f in findings] == [(slip,), ("no party held here is called 'Acme': screen it elsewhere",)]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("x,CN,2024-01-01,5k,,", "row 1, column 'tpp': '5k' is not a number"),
        ("x,CN,2024-01-01,-1,,", "'tpp' is '-1.0', not a finite number above zero"),
        ("x,CN,2024-01-01,5000,maybe,", "'maybe' is not yes or no"),
        ("x,CN,2024-01-01,5000,,Chinaa", "did you mean China"),
        (",CN,2024-01-01,,,", "the name of a chip"),
        ("H20,CN,,,,", "row 1"),
        ("H20,,2024-01-01,,,", "the destination is empty"),
    ],
)
def test_a_wrong_cell_is_told(row: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="row 1") as error:
        answers(tmp_path, f"chip,destination,on_date,tpp,planar,vendor_country\n{row}\n")
    assert said in str(error.value)
