"""One exception tree; every message is for the person who typed.

ForkpointError
├── InputError            something given by the user is wrong (exit code 2)
│   ├── UnknownName       a name that nothing carries; offers the nearest
│   ├── AmbiguousName     a name that several things carry; lists them
│   └── DataError         a cell of a file is wrong; names file, row, column, value
├── ModelError            a model's own definition does not hold together
├── RunError              a run left the region where its equations mean something
└── MissingExtra          an optional part is not installed; says how to install it
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

_FEW = 12
"""So many names are listed whole where none is near."""


class ForkpointError(Exception):
    """Base of all errors that forkpoint raises on purpose."""


class InputError(ForkpointError):
    """Something that the user gave is wrong."""


class UnknownName(InputError):
    """A name that nothing carries. The message offers the nearest valid ones."""

    def __init__(self, kind: str, name: str, valid: Iterable[str], where: str = "") -> None:
        known = list(dict.fromkeys(valid))
        self.kind, self.name, self.nearest = kind, name, nearest(name, known)
        hint = f"; did you mean {' or '.join(self.nearest)}?" if self.nearest else ""
        if not hint and 0 < len(known) <= _FEW:
            hint = f"; known: {', '.join(known)}"
        super().__init__(f"{where + ': ' if where else ''}no {kind} is called '{name}'{hint}")


class AmbiguousName(InputError):
    """A name that several things carry. The message lists the candidates."""

    def __init__(self, kind: str, name: str, candidates: Sequence[str]) -> None:
        self.kind, self.name, self.candidates = kind, name, tuple(candidates)
        listing = ", ".join(candidates[:12]) + (", …" if len(candidates) > 12 else "")
        super().__init__(f"'{name}' can mean {len(candidates)} {kind}s: {listing}; name one of them")


class DataError(InputError):
    """A cell of a file is wrong: file, row (counted from 1 after the header), column, value, expectation."""

    def __init__(self, file: str, row: int | str, column: str, value: object, expected: str) -> None:
        self.file, self.row, self.column, self.value, self.expected = file, row, column, value, expected
        shown = repr(value)
        shown = shown if len(shown) <= 80 else shown[:77] + "…"
        super().__init__(f"{file}: row {row}, column '{column}': {shown} is not {expected}")


class ModelError(ForkpointError):
    """The definition of a model does not hold together (unknown input, cycle, unit, …)."""


class RunError(ForkpointError):
    """A run left the region where its equations mean something (non-finite, negative stock, …)."""


class MissingExtra(ForkpointError):
    """An optional part of forkpoint is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"this needs the package '{package}': pip install 'forkpoint[{extra}]'")


def nearest(name: str, valid: Iterable[str], count: int = 3) -> list[str]:
    """The valid names closest to ``name``, best first, compared without regard to case; else those it is part of."""
    by_folded = {v.casefold(): v for v in valid}
    wanted = name.strip().casefold()
    close = get_close_matches(wanted, by_folded, n=count, cutoff=0.6)
    if not close and len(wanted) > 1:
        close = [known for known in by_folded if wanted in known][:count]
    return [by_folded[known] for known in close]
