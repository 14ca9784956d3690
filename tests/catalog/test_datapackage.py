"""The data package: valid for the Frictionless library, and never apart from the records."""

import datetime as dt
import json
import typing

import frictionless
import pytest

from forkpoint.catalog import DATA, FILES
from forkpoint.catalog.datapackage import PATH, field_notes, text
from forkpoint.catalog.record import unwrap

PACKAGE = json.loads(PATH.read_text(encoding="utf-8"))
TYPES = {float: "number", int: "integer", bool: "boolean", dt.date: "date"}


def test_the_file_is_what_the_records_say():
    assert PATH.read_text(encoding="utf-8") == text(), "run: python -m forkpoint.catalog.datapackage"


def test_frictionless_finds_package_and_tables_valid():
    report = frictionless.Package(str(PATH)).validate()
    assert report.valid, report.flatten(["name", "rowNumber", "fieldName", "message"])[:5]
    assert {task.name for task in report.tasks} == {f.stem for f in DATA.glob("*.csv")}


@pytest.mark.parametrize("file", FILES)
def test_every_field_agrees_with_its_record(file):
    schema = next(r["schema"] for r in PACKAGE["resources"] if r["path"] == file)
    fields = FILES[file].record.model_fields
    header = (DATA / file).read_text(encoding="utf-8").split("\n", 1)[0].split(",")
    assert [f["name"] for f in schema["fields"]] == list(fields)
    assert set(header) <= set(fields)
    for field in schema["fields"]:
        annotation, _, optional = unwrap(fields[field["name"]])
        constraints = field.get("constraints", {})
        assert field["description"]
        if annotation in TYPES:
            assert field["type"] == TYPES[annotation]
        if typing.get_origin(annotation) is typing.Literal:
            assert constraints["enum"] == list(typing.get_args(annotation))
        if constraints.get("required"):
            assert fields[field["name"]].is_required()
            assert not optional


def test_every_number_with_a_unit_in_its_name_has_that_unit():
    ends = {
        "_tflops": "TFLOP/s",
        "_tops": "TOP/s",
        "_gbs": "GB/s",
        "_gb": "GB",
        "_mm2": "mm²",
        "_w": "W",
        "_usd": "USD",
    }
    for (_, field), (unit, _) in field_notes().items():
        for end, expected in ends.items():
            if field.endswith(end):
                assert unit == expected, field


def test_no_column_is_described_that_no_file_has():
    assert set(field_notes()) == {(f, n) for f, t in FILES.items() for n in t.record.model_fields}
