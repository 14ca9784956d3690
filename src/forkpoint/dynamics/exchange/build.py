"""From scalar equations to a `Model`: each becomes a plain function whose source is generated and kept readable."""

from __future__ import annotations

import hashlib
import keyword
import linecache
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any

from forkpoint.dynamics.exchange.builtins import Coder, namespace
from forkpoint.dynamics.exchange.draft import Draft
from forkpoint.dynamics.exchange.scalars import Scalar, Scalars, names_in
from forkpoint.dynamics.model import Model
from forkpoint.dynamics.variables import RESERVED, Aux, Flow, Stock
from forkpoint.errors import InputError

if TYPE_CHECKING:
    from forkpoint.dynamics.trajectory import Trajectory


@dataclass(frozen=True)
class Imported:
    """A model read from another tool's file.

    ``labels``: variable of the model → name as the file writes it (``stock_a__north`` → ``Stock A[North]``), without
    the hidden variables that delays and smooths stand for. ``source``: the Python functions that were generated.
    """

    model: Model
    labels: Mapping[str, str]
    method: str
    save_every: int
    source: str = field(repr=False)

    def run(self, **options: Any) -> Trajectory:
        """Run over the file's own time span with its own method; options as for `Model.run`."""
        options = {"method": self.method, "save_every": self.save_every, "outputs": list(self.labels), **options}
        return self.model.run(**options)


def identifiers(names: list[str]) -> dict[str, str]:
    """A distinct Python identifier for every name, as close to it as can be."""
    taken: set[str] = {*RESERVED, "f", "r"}
    found: dict[str, str] = {}
    for name in names:
        base = re.sub(r"\W+", "_", re.sub(r"[\[,·.]+", "__", name.rstrip("]")))
        base = re.sub(r"_{3,}", "__", base).strip("_") or "variable"
        if base[0].isdigit() or keyword.iskeyword(base):
            base = f"v_{base}"
        if not base.isidentifier():
            base = re.sub(r"[^A-Za-z0-9_]", "_", base)
        candidate, count = base, 1
        while candidate in taken:
            count += 1
            candidate = f"{base}_{count}"
        taken.add(candidate)
        found[name] = candidate
    return found


def function_source(scalar: Scalar, names: Mapping[str, str], scalars: Scalars) -> str:
    """The Python source of one equation."""
    coder = Coder(scalars.draft.dialect, names.__getitem__, scalars.lookups, f"{scalars.draft.file}: '{scalar.label}'")
    code = coder.value(scalar.formula)
    used = [names[name] for name in sorted(names_in(scalar.formula) - {":na:"})]
    for clock in RESERVED:
        if clock not in used and re.search(rf"\b{clock}\b", code):
            used.append(clock)
    return f"def {names[scalar.name]}({', '.join(used)}):\n    return {code}\n"


def remembered(source: str, file: str) -> str:
    """A name under which Python finds the generated source again, for tracebacks and the page of equations."""
    name = f"<read from {file}, {hashlib.sha256(source.encode()).hexdigest()[:12]}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    return name


def check_clock(draft: Draft) -> None:
    """Raise InputError where start, stop, step and saving interval make no run."""
    clock = {"start": draft.start, "stop": draft.stop, "step": draft.step, "saving interval": draft.save_every}
    for name, value in clock.items():
        if value is not None and not isfinite(value):
            raise InputError(f"{draft.file}: the {name} of the run is {value}, not a finite number")
    if draft.step <= 0.0 or draft.stop < draft.start:
        raise InputError(
            f"{draft.file}: a run needs step > 0 and stop ≥ start, "
            f"got step {draft.step:g}, start {draft.start:g}, stop {draft.stop:g}"
        )


def build(draft: Draft) -> Imported:
    """The model of a draft. Raises InputError (what the file gets wrong, or what is not translated) and ModelError."""
    check_clock(draft)
    try:
        scalars = Scalars(draft)
    except RecursionError:
        raise InputError(f"{draft.file}: a formula is nested too deeply") from None
    names = identifiers(list(scalars.variables)) | {clock: clock for clock in RESERVED}
    source = "\n\n".join(function_source(scalar, names, scalars) for scalar in scalars.variables.values())
    scope = namespace()
    try:
        exec(compile(source, remembered(source, draft.file), "exec"), scope)
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise InputError(f"{draft.file}: a formula is nested too deeply: {error}") from error
    declared: list[Any] = []
    for scalar in scalars.variables.values():
        name = names[scalar.name]
        function = scope[name]
        code = function.__code__
        common: dict[str, Any] = {
            "name": name, "function": function, "inputs": code.co_varnames[: code.co_argcount], "where": draft.file,
            "unit": scalar.unit or "1", "meaning": scalar.meaning,
        }  # fmt: skip
        if scalar.kind == "stock":
            declared.append(Stock(non_negative=False, **common))
        elif scalar.kind == "flow":
            into, outof = (names[stock] if stock else None for stock in (scalar.into, scalar.outof))
            declared.append(Flow(**common, into=into, outof=outof))
        else:
            declared.append(Aux(**common))
    model = Model(declared, name=draft.file, start=draft.start, stop=draft.stop, step=draft.step)
    labels = {names[s.name]: s.label for s in scalars.variables.values() if not s.hidden}
    save_every = max(1, round((draft.save_every or draft.step) / draft.step))
    return Imported(model, labels, draft.method, save_every, source)
