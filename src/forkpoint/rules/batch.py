"""Many questions from a file: ``cases.csv`` in, ``results.csv`` out, in one vocabulary."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from forkpoint.errors import DataError, InputError, UnknownName
from forkpoint.files import read_text
from forkpoint.rules.clauses import Law, law
from forkpoint.rules.evaluate import evaluate
from forkpoint.rules.finding import Finding
from forkpoint.rules.items import OWN_FIGURES, find_items, is_quantity, own_item, unknown_item
from forkpoint.rules.parties import not_held
from forkpoint.rules.question import Question, ask, segment_of

COLUMNS = (
    "case_id",
    "kind",
    "chip",
    "sku",
    "destination",
    "end_user_hq",
    "end_user",
    "transaction",
    "purpose",
    "on_date",
    "segment",
)
REQUIRED = ("chip", "destination", "on_date")
_ALSO_CALLED = {"to": "destination", "hq": "end_user_hq", "on": "on_date", "date": "on_date", "id": "case_id"}
"""Headers that say the same in the words of the command line."""
_BLANK = frozenset({"-", "–", "n/a", "none", "null", "nan"})
RESULTS = (
    "case_id",
    "eccn",
    "licence_required",
    "licence_source",
    "exception_available",
    "net_authorisation",
    "review_policy",
    "tariff_232",
    "prc_gate",
)
LARGEST_CELL = 1 << 16
_YES_NO = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")


def read_cases(path: Path | str) -> list[dict[str, str]]:
    """The cases of a CSV file, cells stripped, other columns ignored. Raises InputError and DataError in words.

    Commas, semicolons or tabs separate the cells, whichever the header has most of.
    Columns named after a figure (``tpp``, ``mem_bw_gbs``, …) describe a chip of one's own, row by row.
    """
    text = read_text(path)
    csv.field_size_limit(LARGEST_CELL)
    separator = max(",;\t", key=text.split("\n", 1)[0].count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        header = _known_names(reader.fieldnames or ())
        if not header:
            raise InputError(f"{path}: the file is empty; expected a header with {', '.join(COLUMNS)}")
        missing = [c for c in REQUIRED if c not in header]
        if missing:
            raise InputError(f"{path}: the column '{missing[0]}' is missing; the header has {', '.join(header)[:200]}")
        reader.fieldnames = header
        return [_case(row, number) for number, row in enumerate(reader, start=1) if any(row.values())]
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num} is not valid CSV: {error}") from error


def _known_names(header: Iterable[str | None]) -> list[str]:
    names = ["_".join((name or "").casefold().split()) for name in header]
    return [other if (other := _ALSO_CALLED.get(n, n)) not in names else n for n in names]


def _case(row: Mapping[str | None, object], number: int) -> dict[str, str]:
    cells = {c: v.strip() if isinstance(v := row.get(c), str) else "" for c in (*COLUMNS, *OWN_FIGURES)}
    cells = {c: "" if v.casefold() in _BLANK else v for c, v in cells.items() if c in COLUMNS or v}
    return {**cells, "case_id": cells["case_id"] or str(number)}


def check_cases(
    cases: list[dict[str, str]], name: str, of: Law | None = None, *, explain: bool = True, **words: object
) -> tuple[list[Finding], list[str]]:
    """The finding of every case, and what to tell: chips not in the catalogue, names that may be slips.

    A chip that the catalogue has is answered by the catalogue, another by the figures of its row; of one without any
    nothing is known, so its answer is ``indeterminate`` where figures decide. Any other wrong cell raises InputError
    that names file, row and cell. ``words`` are those of :func:`forkpoint.rules.question.ask`, the same for every case.
    """
    findings, told = [], []
    for number, case in enumerate(cases, start=1):
        where = f"{name}: row {number}"
        label = f"{where} ({case['case_id']})"
        figures = {c: _figure(case, c, number, name) for c in OWN_FIGURES if case.get(c)}
        described = any(map(is_quantity, figures))
        if not (case["chip"] or described):
            raise DataError(name, number, "chip", "", "the name of a chip")
        try:
            question, segment = _question(case, words), segment_of(case["segment"])
        except InputError as error:
            raise InputError(f"{label}: {error}") from error
        try:
            items = find_items(case["chip"], case["sku"], segment)
            if described:
                told.append(f"{label}: '{case['chip']}' is in the catalogue, whose figures count, not the row's")
        except UnknownName as error:
            if described:
                items = [own_item({"name": case["chip"] or case["case_id"], **figures}, where, segment)]
            else:
                items = [unknown_item(case["chip"], segment)]
                told.append(f"{label}: {error}; answered without any figure")
        if "did you mean" in (unheld := not_held(question.end_user)):
            told.append(f"{label}: {unheld}")
        findings.append(evaluate(items, question, of or law(), explain=explain))
    return findings, told


def _figure(case: Mapping[str, str], column: str, number: int, name: str) -> object:
    """A figure as its column has it: a number, a yes or no, or a text. Raises DataError."""
    text = case[column]
    try:
        if column == "planar":
            return _YES_NO[text.casefold()]
        return float(_THOUSANDS.sub("", text)) if is_quantity(column) else text
    except (KeyError, ValueError):
        raise DataError(name, number, column, text, "yes or no" if column == "planar" else "a number") from None


def _question(case: Mapping[str, str], words: Mapping[str, object]) -> Question:
    return ask(
        to=case["destination"],
        on=case["on_date"],
        hq=case["end_user_hq"] or None,
        end_user=case["end_user"] or None,
        transaction=case["transaction"] or None,
        purpose=case["purpose"] or None,
        **words,  # type: ignore[arg-type]
    )


def result_row(case: Mapping[str, str], finding: Finding) -> dict[str, str]:
    """A finding as a row of results; the duty only where the goods could meet it."""
    outcome = finding.outcome
    row = {name: getattr(outcome, name) for name in RESULTS if name != "case_id"}
    if case.get("kind") != "tariff" and (finding.on.isoformat() < "2026-01-15" or finding.to not in ("CN", "MO", "HK")):
        row["tariff_232"] = ""
    return {"case_id": case["case_id"], **row}
