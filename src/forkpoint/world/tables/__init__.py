"""Generated tables (``python -m forkpoint.world.machine``, ``python -m forkpoint.world.law``) and reading them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from forkpoint.files import write_atomically

WORLD = Path(__file__).parent.parent


def rows(name: str) -> list[dict[str, str]]:
    """Rows of a CSV file of the world, by its path inside ``world/``."""
    with (WORLD / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def csv_text(columns: Sequence[str], content: Iterable[Mapping[str, Any]]) -> str:
    """Rows as CSV text."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(content)
    return stream.getvalue()


def write_rows(path: Path, columns: Sequence[str], content: Iterable[Mapping[str, Any]]) -> Path:
    """Write rows to a CSV file."""
    return write_atomically(path, csv_text(columns, content))
