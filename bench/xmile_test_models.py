"""How many of the SDXorg test models does the reader reproduce?  ``python bench/xmile_test_models.py CHECKOUT``

CHECKOUT is a checkout of the repository SDXorg/test-models. Every model file with a canonical output beside it is read,
run, and compared with that output at rtol 1e-4. The table has one line a miss with its reason.
"""

from __future__ import annotations

import argparse
import csv
import math
import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forkpoint.dynamics.exchange.build import Imported
from forkpoint.dynamics.exchange.formula import canonical
from forkpoint.dynamics.read_vensim import read_vensim
from forkpoint.dynamics.read_xmile import read_xmile
from forkpoint.dynamics.trajectory import Trajectory
from forkpoint.errors import ForkpointError

CLOCK = {"time", "months", "initial_time", "final_time", "time_step", "saveper"}
RTOL = 1e-4
ATOL = 1e-6
"""Of the largest value in the column."""


@dataclass
class Outcome:
    """What became of one file."""

    file: str
    passed: bool
    reason: str = ""


def readable(path: Path) -> str:
    """The text of a file in UTF-8 or Latin-1."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def column(name: str) -> str:
    """A column's name as both sides write it: canonical, subscripts without spaces."""
    head, _, tail = name.strip().strip('"').replace('\\"', '"').partition("[")
    labels = ",".join(canonical(part) for part in tail.rstrip("] ").split(",")) if tail else ""
    return f"{canonical(head.strip().strip(chr(34)))}[{labels}]" if labels else canonical(head)


def number(cell: str) -> float:
    """A cell's number; unknown where it is empty or none."""
    try:
        return float(cell)
    except ValueError:
        return math.nan


def rounding(cell: str) -> float:
    """Half a unit of the last digit printed, where fewer than six are."""
    digits = re.fullmatch(r"-?(\d+)\.(\d+)(?:[eE]([+-]?\d+))?", cell)
    if digits is None:
        return 0.0
    shown = (digits[1] + digits[2]).lstrip("0")
    return 0.5 * 10.0 ** (int(digits[3] or 0) - len(digits[2])) if len(shown) < 6 else 0.0


def canonical_output(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Times and columns (value, rounding) of an output file; Vensim saves constants in the first row only."""
    rows = list(csv.reader(readable(path).splitlines(), delimiter="," if path.suffix == ".csv" else "\t"))
    header, body = rows[0], [row for row in rows[1:] if any(cell.strip() for cell in row)]
    columns: dict[str, np.ndarray] = {}
    for index, name in enumerate(header):
        cells = [row[index].strip() if index < len(row) else "" for row in body]
        if cells and cells[0] and not any(cells[1:]):
            cells = cells[:1] * len(cells)
        columns.setdefault(column(name), np.array([(number(cell), rounding(cell)) for cell in cells]))
    first = column(header[0])
    return columns[first][:, 0], {n: v for n, v in columns.items() if n not in CLOCK and n != first}


def outputs_beside(model: Path) -> list[Path]:
    """The canonical outputs of a model: of Vensim, Stella or both."""
    return sorted(p for p in model.parent.iterdir() if p.name.startswith("output") and p.suffix in (".tab", ".csv"))


def difference(imported: Imported, run: Trajectory, output: Path) -> str:
    """Where a run first differs from a canonical output; empty where it matches in all columns."""
    times, expected = canonical_output(output)
    ours = {column(label): np.asarray(run[variable]) for variable, label in imported.labels.items()}
    missing = [n for n in expected if n not in ours]
    if missing:
        return f"columns not in the model: {', '.join(missing[:4])}"
    for name, cells in expected.items():
        reference, digits = cells[:, 0], cells[:, 1]
        on_grid = np.interp(times, run.time, ours[name])
        known = np.isfinite(reference)
        # Vensim saves single precision: what is left where terms cancel is noise of the size of the column.
        scale = float(np.max(np.abs(reference[known]), initial=0.0))
        close = np.isclose(on_grid, reference, rtol=RTOL, atol=ATOL * scale + 1e-12 + digits)
        if not close[known].all():
            at = int(np.flatnonzero(known & ~close)[0])
            return f"'{name}' at time {times[at]:g}: {on_grid[at]:.8g}, expected {reference[at]:.8g}"
    return ""


def compare(model: Path, name: str) -> Outcome:
    """Read, run and compare one file with every canonical output beside it; one full match is enough."""
    try:
        imported = READERS[model.suffix.lower()](model)
        run = imported.run()
    except ForkpointError as error:
        return Outcome(name, False, " ".join(str(error).split()))
    except Exception as error:  # a bench reports every failure; the tests hold the reader to ForkpointError
        return Outcome(name, False, f"{type(error).__name__}: {error}")
    found = [difference(imported, run, output) for output in outputs_beside(model)]
    if "" in found:
        return Outcome(name, True)
    if imported.method == "rk4":
        run = imported.run(method="euler")
        if "" in [difference(imported, run, output) for output in outputs_beside(model)]:
            return Outcome(name, True, "the file says RK4, its canonical output is Euler's")
    return Outcome(name, False, found[0])


READERS = {".xmile": read_xmile, ".stmx": read_xmile, ".mdl": read_vensim}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--match", default="", help="only files whose path contains this")
    arguments = parser.parse_args()
    outcomes: list[Outcome] = []
    for model in sorted(p for p in arguments.checkout.rglob("*") if p.suffix.lower() in READERS):
        name = str(model.relative_to(arguments.checkout))
        if outputs_beside(model) and arguments.match in name:
            outcomes.append(compare(model, name))
    for outcome in outcomes:
        if outcome.reason:
            print(f"{'note' if outcome.passed else 'miss'}  {outcome.file}: {outcome.reason[:220]}")
    by_kind = Counter((Path(o.file).suffix, o.passed) for o in outcomes)
    for kind in READERS:
        print(f"{kind:7} {by_kind[kind, True]} of {by_kind[kind, True] + by_kind[kind, False]}")
    print(f"total   {sum(o.passed for o in outcomes)} of {len(outcomes)} files match at rtol {RTOL:g}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
