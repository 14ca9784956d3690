"""The catalogue as a Frictionless data package, written from the records and ``data/fields.csv``: it cannot drift.

After a column or a description changed, ``python -m forkpoint.catalog.datapackage`` writes ``data/datapackage.json``.
Standard: https://datapackage.org (Data Package, Table Schema).
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any, Literal, get_args, get_origin

import annotated_types
from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from forkpoint.catalog.load import DATA, read_rows
from forkpoint.catalog.record import PartialDate, unwrap
from forkpoint.catalog.tables import FILES, Table
from forkpoint.files import write_atomically

PATH = DATA / "datapackage.json"
FIELD_COLUMNS = ("file", "field", "unit", "description")
_PARTIAL_DATE = r"\d{4}(-\d{2}(-\d{2})?)?"
_OTHER_TABLES = {
    "aliases.csv": ("Plain names that mean one of several variants", ("kind", "alias", "id", "why")),
    "fields.csv": ("Unit and meaning of every column", FIELD_COLUMNS),
}


def field_notes() -> dict[tuple[str, str], tuple[str, str]]:
    """Unit and meaning of every column: (file, field) → (unit, description)."""
    rows = read_rows(DATA / "fields.csv", FIELD_COLUMNS)
    return {(str(r["file"]), str(r["field"])): (r["unit"] or "", r["description"] or "") for r in rows}


def descriptor() -> dict[str, Any]:
    """The data package: every file with its fields, types, units, constraints, sources and licence."""
    notes = field_notes()
    return {
        "profile": "data-package",
        "name": "forkpoint-catalog",
        "title": "AI accelerators, language models, export-control events and market observations, with sources",
        "description": "Facts that forkpoint rests on. Each row names its sources and grade; rivals stay side by side.",
        "licenses": [
            {
                "name": "CC-BY-4.0",
                "title": "Creative Commons Attribution 4.0",
                "path": "https://creativecommons.org/licenses/by/4.0/",
            }
        ],
        "sources": [
            {
                "title": "Epoch AI, data on machine-learning hardware and models (CC BY 4.0)",
                "path": "https://epoch.ai/data",
            },
            {"title": "MLCommons, MLPerf training results", "path": "https://mlcommons.org"},
            {"title": "Electronic Code of Federal Regulations", "path": "https://www.ecfr.gov"},
        ],
        "resources": [
            *(_resource(file, table, notes) for file, table in FILES.items()),
            *(_plain_resource(file, title, columns) for file, (title, columns) in _OTHER_TABLES.items()),
        ],
    }


def text() -> str:
    """The descriptor as it stands in ``data/datapackage.json``."""
    return json.dumps(descriptor(), ensure_ascii=False, indent=1) + "\n"


def _resource(file: str, table: Table, notes: dict[tuple[str, str], tuple[str, str]]) -> dict[str, Any]:
    fields = [_field(name, info, *notes[file, name]) for name, info in table.record.model_fields.items()]
    schema: dict[str, Any] = {"fields": fields, "missingValues": [""]}
    if len(table.key) == 1:
        schema["primaryKey"] = list(table.key)
    if file == "systems.csv":
        reference = {"resource": "accelerators", "fields": ["id"]}
        schema["foreignKeys"] = [{"fields": ["accelerator_id"], "reference": reference}]
    return _frame(file, table.title, schema)


def _plain_resource(file: str, title: str, columns: tuple[str, ...]) -> dict[str, Any]:
    return _frame(file, title, {"fields": [{"name": c, "type": "string"} for c in columns], "missingValues": [""]})


def _frame(file: str, title: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": file.removesuffix(".csv"),
        "title": title,
        "path": file,
        "profile": "tabular-data-resource",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "schema": schema,
    }


def _field(name: str, info: FieldInfo, unit: str, description: str) -> dict[str, Any]:
    annotation, metadata, optional = unwrap(info)
    field: dict[str, Any] = {"name": name, **_type(annotation), "description": description}
    if unit:
        field["unit"] = unit
    constraints = _constraints(annotation, metadata)
    if info.is_required() and not optional:
        constraints["required"] = True
    return field | ({"constraints": constraints} if constraints else {})


def _type(annotation: Any) -> dict[str, Any]:
    if annotation is bool:
        return {"type": "boolean", "trueValues": ["1", "true"], "falseValues": ["0", "false"]}
    names = {float: "number", int: "integer", dt.date: "date"}
    if annotation in names:
        return {"type": names[annotation]}
    return {"type": "object" if get_origin(annotation) is dict else "string"}


def _constraints(annotation: Any, metadata: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if get_origin(annotation) is Literal:
        found["enum"] = list(get_args(annotation))
    for item in _flat(metadata):
        if isinstance(item, annotated_types.Gt) and item.gt == 0:
            found["minimum"] = 1 if annotation is int else 1e-9
        elif getattr(item, "pattern", None):
            found["pattern"] = str(item.pattern).removeprefix("^").removesuffix("$")
        elif isinstance(item, BeforeValidator) and item in get_args(PartialDate):
            found["pattern"] = _PARTIAL_DATE
    return found


def _flat(metadata: list[Any]) -> list[Any]:
    return [part for item in metadata for part in (item.metadata if isinstance(item, FieldInfo) else [item])]


if __name__ == "__main__":
    write_atomically(PATH, text())
