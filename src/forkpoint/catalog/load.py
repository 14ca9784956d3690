"""From CSV to records: a file that ships with forkpoint, or a user's own folder laid over it."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from forkpoint.catalog.names import NameIndex
from forkpoint.catalog.tables import FILES
from forkpoint.errors import DataError, InputError, UnknownName
from forkpoint.files import read_text

DATA = Path(__file__).parent / "data"
ENVIRONMENT_VARIABLE = "FORKPOINT_CATALOG"
LARGEST_CELL = 1 << 20

if TYPE_CHECKING:
    from forkpoint.catalog.evidence import Claim, Observation, Verification
    from forkpoint.catalog.hardware import Accelerator, Alternative, HbmStack, System
    from forkpoint.catalog.law import Country, Event
    from forkpoint.catalog.record import Record
    from forkpoint.catalog.workloads import LanguageModel, Measurement

R = TypeVar("R", bound="Record")


@dataclass(frozen=True)
class Catalog:
    """All that is known: each table loads when it is first asked for, a user's folder laid over ours."""

    folder: Path | None = None
    _cache: dict[str, list[Any]] = field(default_factory=dict, repr=False)

    def table(self, file: str) -> list[Any]:
        """The rows of one file as records, the user's rows overriding ours by key and extending them."""
        if file not in self._cache:
            from forkpoint.catalog.trusted import construct

            table = FILES[file]
            rows = construct(table.record, read_rows(DATA / file, table.record.model_fields))
            own = None if self.folder is None else self.folder / file
            if own is not None and own.exists():
                by_key = {_key(r, table.key): r for r in rows}
                rows = list((by_key | {_key(r, table.key): r for r in read_records(own)}).values())
            self._cache[file] = rows
        return self._cache[file]

    @cached_property
    def accelerators(self) -> dict[str, Accelerator]:
        """Accelerators by id."""
        return {a.id: a for a in cast("list[Accelerator]", self.table("accelerators.csv"))}

    @cached_property
    def language_models(self) -> dict[str, LanguageModel]:
        """Language models by name."""
        return {m.name: m for m in cast("list[LanguageModel]", self.table("language_models.csv"))}

    @cached_property
    def hbm_stacks(self) -> dict[str, HbmStack]:
        """Standalone HBM stacks by id."""
        return {h.id: h for h in cast("list[HbmStack]", self.table("hbm_stacks.csv"))}

    @cached_property
    def systems(self) -> dict[str, System]:
        """Servers, racks and pods by id."""
        return {s.id: s for s in cast("list[System]", self.table("systems.csv"))}

    @property
    def alternatives(self) -> list[Alternative]:
        """Rival values of accelerators' figures."""
        return cast("list[Alternative]", self.table("accelerator_alternatives.csv"))

    @property
    def events(self) -> list[Event]:
        """Legal and political events."""
        return cast("list[Event]", self.table("events.csv"))

    @property
    def observations(self) -> list[Observation]:
        """Observations of market, supply and ecosystem."""
        return cast("list[Observation]", self.table("observations.csv"))

    @property
    def claims(self) -> list[Claim]:
        """The article's claims."""
        return cast("list[Claim]", self.table("claims.csv"))

    @property
    def countries(self) -> list[Country]:
        """Dated country groups."""
        return cast("list[Country]", self.table("country_groups.csv"))

    @property
    def measurements(self) -> list[Measurement]:
        """Published measurements of performance."""
        return cast("list[Measurement]", self.table("performance_measured.csv"))

    @property
    def verifications(self) -> list[Verification]:
        """Values that were checked again."""
        return cast("list[Verification]", self.table("verification.csv"))

    @cached_property
    def _accelerator_names(self) -> NameIndex:
        chips = self.accelerators.values()
        spellings = {a.id: [s for s in (a.id, a.name, a.name_zh) if s] for a in chips}
        makers = {a.id: f"{a.vendor} {a.vendor_zh or ''}" for a in chips}
        traits = {a.id: f"{a.family or ''} {a.mem_type or ''} {a.segment}" for a in chips}
        return NameIndex("accelerator", spellings, read_aliases("accelerator"), makers, traits)

    @cached_property
    def _language_model_names(self) -> NameIndex:
        models = self.language_models.values()
        spellings = {m.name: [m.name] for m in models}
        return NameIndex("language model", spellings, read_aliases("language model"), {m.name: m.lab for m in models})

    def accelerator(self, name: str) -> Accelerator:
        """The accelerator that ``name``, as people type it, means. Raises UnknownName or AmbiguousName."""
        return self.accelerators[self._accelerator_names.resolve(name)]

    def accelerator_candidates(self, name: str) -> list[Accelerator]:
        """Every accelerator that ``name`` could mean (empty where none)."""
        return [self.accelerators[i] for i in self._accelerator_names.candidates(name)]

    def language_model(self, name: str) -> LanguageModel:
        """The language model that ``name``, as people type it, means. Raises UnknownName or AmbiguousName."""
        return self.language_models[self._language_model_names.resolve(name)]

    @cached_property
    def _hbm_names(self) -> NameIndex:
        spellings = {h.id: [h.id, h.name] for h in self.hbm_stacks.values()}
        makers = {h.id: h.maker for h in self.hbm_stacks.values()}
        return NameIndex("HBM stack", spellings, read_aliases("HBM stack"), makers)

    @cached_property
    def _system_names(self) -> NameIndex:
        spellings = {s.id: [n for n in (s.id, s.name, s.name_zh, *s.aliases) if n] for s in self.systems.values()}
        makers = {s.id: s.vendor for s in self.systems.values()}
        return NameIndex("system", spellings, read_aliases("system"), makers)

    def find(self, name: str) -> tuple[str, Accelerator | System | HbmStack]:
        """The accelerator, system or HBM stack that ``name`` means, with its file; a whole name beats part of one.

        Raises UnknownName or AmbiguousName.
        """
        homes: list[tuple[str, NameIndex, Mapping[str, Any]]] = [
            ("accelerators.csv", self._accelerator_names, self.accelerators),
            ("systems.csv", self._system_names, self.systems),
            ("hbm_stacks.csv", self._hbm_names, self.hbm_stacks),
        ]
        homes.sort(key=lambda home: not home[1].knows(name))
        unknown = UnknownName("accelerator, system or HBM stack", name, [n for h in homes for n in h[1].names()])
        for file, index, records in homes:
            try:
                return file, records[index.resolve(name)]
            except UnknownName:
                continue
        raise unknown

    def hbm_stack(self, name: str) -> HbmStack:
        """The HBM stack that ``name``, as people type it, means. Raises UnknownName or AmbiguousName."""
        return self.hbm_stacks[self._hbm_names.resolve(name)]

    def hbm_stack_candidates(self, name: str) -> list[HbmStack]:
        """Every HBM stack that ``name`` could mean (empty where none)."""
        return [self.hbm_stacks[i] for i in self._hbm_names.candidates(name)]

    def system(self, name: str) -> System:
        """The system that ``name``, as people type it, means. Raises UnknownName or AmbiguousName."""
        return self.systems[self._system_names.resolve(name)]

    def system_candidates(self, name: str) -> list[System]:
        """Every system that ``name`` could mean (empty where none)."""
        return [self.systems[i] for i in self._system_names.candidates(name)]


@cache
def _catalog(folder: str | None) -> Catalog:
    return Catalog(None if folder is None else Path(folder))


def catalog(folder: Path | str | None = None) -> Catalog:
    """The catalogue, with a user's ``folder`` (or that of FORKPOINT_CATALOG) laid over it.

    Raises InputError where that folder does not exist or holds none of the catalogue's files.
    """
    chosen = folder or os.environ.get(ENVIRONMENT_VARIABLE) or None
    if chosen is not None:
        path = Path(chosen)
        if not path.is_dir():
            raise InputError(f"the catalogue folder {path} does not exist")
        if not any((path / file).exists() for file in FILES):
            raise InputError(f"the catalogue folder {path} holds none of {', '.join(FILES)}")
    return _catalog(None if chosen is None else str(chosen))


def read_records(path: Path | str, *, text: str | None = None) -> list[Record]:
    """The records of one catalogue file, known by its name. Raises DataError at the first wrong cell."""
    found, errors = check_file(path, text=text)
    if errors:
        raise errors[0]
    return found


def check_file(path: Path | str, *, text: str | None = None) -> tuple[list[Record], list[DataError]]:
    """The records of a file and every wrong cell in it. Raises InputError where it is no catalogue file."""
    name = Path(path).name
    if name not in FILES:
        raise UnknownName("catalogue file", name, FILES)
    from pydantic import ValidationError

    kind, key = FILES[name].record, FILES[name].key
    found: list[Record] = []
    errors: list[DataError] = []
    seen: dict[tuple[object, ...], int] = {}
    required = [field for field, info in kind.model_fields.items() if info.is_required()]
    for number, row in enumerate(read_rows(path, kind.model_fields, required=required, text=text), start=1):
        try:
            record = kind.model_validate(row)
        except ValidationError as error:
            for e in error.errors():
                column = str(e["loc"][0]) if e["loc"] else "row"
                errors.append(DataError(str(path), number, column, e.get("input") or "", _expectation(dict(e))))
            continue
        identity = _key(record, key)
        if identity in seen:
            errors.append(
                DataError(str(path), number, key[0], identity[0], f"new: row {seen[identity]} has the same key")
            )
        seen[identity] = number
        found.append(record)
    return found, errors


def read_rows(
    path: Path | str, columns: Iterable[str], *, required: Iterable[str] = (), text: str | None = None
) -> list[dict[str, str | None]]:
    """The rows of a CSV file as text, empty cells as None.

    Raises InputError for an empty file, a malformed line, a column that is missing or stands twice, UnknownName for
    a column that is not in ``columns``.
    """
    content = read_text(path) if text is None else text
    csv.field_size_limit(LARGEST_CELL)
    short = "\0short"
    reader = csv.DictReader(io.StringIO(content, newline=""), strict=True, restval=short)
    valid = list(columns)
    try:
        header = reader.fieldnames
        if not header:
            raise InputError(f"{path}: the file is empty; expected a header with {', '.join(valid[:6])}, …")
        for column in header:
            if column not in valid:
                raise UnknownName("column", column, valid, where=f"{path}, header")
        _check_header(path, header, required)
        rows = []
        for number, row in enumerate(reader, start=1):
            if None in row:
                raise InputError(f"{path}: row {number} has more cells than the header has columns")
            if short in row.values():
                raise InputError(f"{path}: row {number} has fewer cells than the header has columns")
            rows.append({k: v if v not in ("", None) else None for k, v in row.items()})
        return rows
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num} is not valid CSV: {error}") from error


def _check_header(path: Path | str, header: Sequence[str], required: Iterable[str]) -> None:
    twice = sorted({c for c in header if list(header).count(c) > 1})
    if twice:
        raise InputError(f"{path}, header: the column '{twice[0]}' stands twice")
    missing = [c for c in required if c not in header]
    if missing:
        raise InputError(f"{path}, header: the column{'s'[: len(missing) > 1]} {', '.join(missing)} must be there")


def read_aliases(kind: str) -> dict[str, str]:
    """Plain names that people use for one of several variants, each a documented choice."""
    rows = read_rows(DATA / "aliases.csv", ("kind", "alias", "id", "why"))
    return {str(r["alias"]): str(r["id"]) for r in rows if r["kind"] == kind}


def _key(record: Record, columns: tuple[str, ...]) -> tuple[object, ...]:
    return tuple(getattr(record, c) for c in columns)


def _expectation(error: Mapping[str, Any]) -> str:
    """What a cell should have held, in words that follow 'is not'."""
    if error.get("input") in (None, "", ()):
        return "a value (this column must not be empty)"
    limits, message = error.get("ctx") or {}, str(error["msg"])
    words = {
        "greater_than": f"a number greater than {limits.get('gt')}",
        "finite_number": "a finite number",
        "float_parsing": "a number",
        "int_parsing": "a whole number",
        "int_from_float": "a whole number",
        "bool_parsing": "true or false",
        "literal_error": f"one of {limits.get('expected')}",
        "string_pattern_mismatch": f"text that matches {limits.get('pattern')}",
        "dict_type": "a JSON table in braces",
    }
    if error["type"] in words:
        return words[str(error["type"])]
    if str(error["type"]).startswith("date"):
        return "a date as YYYY-MM-DD"
    return message.removeprefix("Value error, ").removeprefix("Input should be ")
