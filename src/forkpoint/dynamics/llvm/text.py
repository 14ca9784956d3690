"""The LLVM text of a run: the step's expressions in functions that fit the processor's registers, and the loop.

Memory, all of doubles; a *vector* holds one value for each of eight draws:

- ``fixed``, ``timed``: plain numbers, as the draws share them; ``timed`` has one row a moment;
- ``drawn``, ``path``, ``state``: vectors; ``path`` has one row a moment;
- ``kept``: vectors; first the stocks one step later, then values that one function leaves for others;
- ``lowest``: a vector for every stock element; ``out``: one row of output vectors for every kept moment;
- ``bar``, ``sum``: cotangents of the stocks, and their sums over time (derivatives only).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from forkpoint.dynamics.emit.symbols import Symbol, in_order
from forkpoint.dynamics.llvm.mathematics import LANES, TRUTH, VECTOR, Lines, definitions, splat
from forkpoint.errors import ModelError

SYMBOLS_A_FUNCTION = 400
"""Compile time grows faster than a function's length; more functions leave more values in memory."""

COMPARISONS = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge", "eq": "oeq", "ne": "une"}
ARITHMETIC = ("add", "sub", "mul", "div", "rem")
VECTOR_FUNCTIONS = {"exp": "exp8", "log": "log8", "tanh": "tanh8"}
INTRINSICS = {"sqrt": "sqrt", "abs": "fabs", "floor": "floor", "ceil": "ceil", "sin": "sin", "cos": "cos",
              "max": "maximum", "min": "minimum"}  # fmt: skip
LIBRARY = ("log1p", "expm1", "tan", "asin", "acos", "atan", "sinh", "cosh")
"""Functions of the C library, called lane by lane: rare in models."""
SHARED = ("fixed", "timed")
WHOLE_POWERS = 8
"""Largest whole exponent that is multiplied out."""

PARAMETERS = ("fixed", "timed", "drawn", "path", "state", "kept", "out", "bar", "sum")


@dataclass
class Code:
    """Functions that compute symbols, each reading its operands from memory and leaving there what others need."""

    name: str
    kept: dict[int, int] = field(default_factory=dict)
    """Symbol (by id) → its slot in ``kept``."""
    slots: int = 0
    text: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def add(self, roots: Sequence[Symbol], stores: dict[int, list[tuple[str, int]]]) -> None:
        """Functions for every symbol below the roots that is not kept yet; ``stores``: where roots go (by id)."""
        order = [s for s in in_order(roots, self.kept) if s.operation != "input" and not _constant(s)]
        chunks = [order[n : n + SYMBOLS_A_FUNCTION] for n in range(0, len(order), SYMBOLS_A_FUNCTION)]
        home = {id(s): n for n, chunk in enumerate(chunks) for s in chunk}
        leaves = {id(s) for n, chunk in enumerate(chunks) for s in chunk for s in s.operands if home.get(id(s), n) != n}
        for chunk in chunks or [[]]:
            body = _Body(self.kept)
            for symbol in chunk:
                body.value(symbol)
                if id(symbol) in leaves:
                    self.kept[id(symbol)] = self.slots
                    body.store("kept", self.slots, symbol)
                    self.slots += 1
                for place, slot in stores.get(id(symbol), ()):
                    body.store(place, slot, symbol)
            self._function(body)
        # Roots that are inputs, constants or values kept by earlier code.
        body = _Body(self.kept)
        done = {id(s) for s in order}
        for symbol in dict.fromkeys(roots):
            if id(symbol) not in done:
                for place, slot in stores.get(id(symbol), ()):
                    body.store(place, slot, symbol)
        self._function(body)

    def keep(self, roots: Sequence[Symbol]) -> None:
        """Compute symbols and keep them for later code."""
        places = {id(s): self.slots + n for n, s in enumerate(dict.fromkeys(roots))}
        self.slots += len(places)
        self.add(list(dict.fromkeys(roots)), {i: [("kept", slot)] for i, slot in places.items()})
        self.kept |= places

    def _function(self, body: _Body) -> None:
        if not body.lines.text:
            return
        name = f"{self.name}_{len(self.calls)}"
        arguments = ", ".join(f"ptr noalias %{p}" for p in PARAMETERS)
        self.text += [f"define internal void @{name}({arguments}) #0 {{", *body.lines.text, "  ret void", "}"]
        self.calls.append(name)


def _constant(symbol: Symbol) -> bool:
    return symbol.operation in ("constant", "true", "false")


class _Body:
    """The instructions of one function."""

    def __init__(self, kept: dict[int, int]) -> None:
        self.lines, self.kept = Lines(), kept
        self.names: dict[int, str] = {}

    def value(self, symbol: Symbol) -> str:
        """The name that holds a symbol."""
        name = self.names.get(id(symbol))
        if name is None:
            name = self.names[id(symbol)] = self._made(symbol)
        return name

    def store(self, place: str, slot: int, symbol: Symbol) -> None:
        """Write a symbol to memory; a truth value as 1 or 0."""
        name = self.value(symbol)
        if symbol.is_truth:
            name = self.lines.add(f"select {TRUTH} {name}, {VECTOR} {splat(1.0)}, {VECTOR} {splat(0.0)}")
        self.lines.text.append(f"  store {VECTOR} {name}, ptr {self._address(place, slot)}, align 8")

    def _address(self, place: str, slot: int, kind: str = VECTOR) -> str:
        return self.lines.add(f"getelementptr {kind}, ptr %{place}, i64 {slot}")

    def _made(self, symbol: Symbol) -> str:
        add = self.lines.add
        operation = symbol.operation
        if _constant(symbol):
            return splat(symbol.number) if operation == "constant" else f"splat (i1 {operation})"
        if operation == "input":
            return self._read(symbol.variable, symbol.element)
        if id(symbol) in self.kept:
            name = self._read("kept", self.kept[id(symbol)])
            return add(f"fcmp une {VECTOR} {name}, {splat(0.0)}") if symbol.is_truth else name
        if operation == "pow":
            return self._power(*symbol.operands)
        names = [self.value(o) for o in symbol.operands]
        if operation in ARITHMETIC:
            return self.lines.operation(operation, *names)
        if operation in COMPARISONS:
            return add(f"fcmp {COMPARISONS[operation]} {VECTOR} {names[0]}, {names[1]}")
        if operation in VECTOR_FUNCTIONS:
            return add(f"call {VECTOR} @{VECTOR_FUNCTIONS[operation]}({VECTOR} {names[0]})")
        if operation in INTRINSICS:
            given = ", ".join(f"{VECTOR} {n}" for n in names)
            return add(f"call {VECTOR} @llvm.{INTRINSICS[operation]}.v{LANES}f64({given})")
        if operation in LIBRARY:
            return self._lane_by_lane(operation, names[0])
        match operation:
            case "neg":
                return add(f"fneg {VECTOR} {names[0]}")
            case "select":
                return add(f"select {TRUTH} {names[0]}, {VECTOR} {names[1]}, {VECTOR} {names[2]}")
            case "and" | "or":
                return add(f"{operation} {TRUTH} {names[0]}, {names[1]}")
            case "not":
                return add(f"xor {TRUTH} {names[0]}, splat (i1 true)")
        raise ModelError(f"the model cannot be compiled: '{operation}' has no LLVM form")

    def _read(self, place: str, slot: int) -> str:
        if place not in SHARED:
            return self.lines.add(f"load {VECTOR}, ptr {self._address(place, slot)}, align 8")
        number = self.lines.add(f"load double, ptr {self._address(place, slot, 'double')}")
        first = self.lines.add(f"insertelement {VECTOR} poison, double {number}, i32 0")
        return self.lines.add(f"shufflevector {VECTOR} {first}, {VECTOR} poison, <{LANES} x i32> zeroinitializer")

    def _power(self, base: Symbol, exponent: Symbol) -> str:
        x = self.value(base)
        whole = exponent.operation == "constant" and exponent.number.is_integer()
        if not whole or abs(exponent.number) > WHOLE_POWERS:
            return self.lines.add(f"call {VECTOR} @pow8({VECTOR} {x}, {VECTOR} {self.value(exponent)})")
        found = splat(1.0)
        for _ in range(abs(int(exponent.number))):
            found = x if found == splat(1.0) else self.lines.operation("mul", found, x)
        return self.lines.operation("div", splat(1.0), found) if exponent.number < 0 else found

    def _lane_by_lane(self, function: str, x: str) -> str:
        found = "poison"
        for lane in range(LANES):
            item = self.lines.add(f"extractelement {VECTOR} {x}, i32 {lane}")
            result = self.lines.add(f"call double @{function}(double {item})")
            found = self.lines.add(f"insertelement {VECTOR} {found}, double {result}, i32 {lane}")
        return found


DECLARATIONS = "\n".join(
    [f"declare {VECTOR} @llvm.{n}.v{LANES}f64({VECTOR}{f', {VECTOR}' if n in ('maximum', 'minimum') else ''})"
     for n in INTRINSICS.values()] + [f"declare double @{name}(double)" for name in LIBRARY])  # fmt: skip
WIDE = 'attributes #0 = { nounwind "min-legal-vector-width"="512" "prefer-vector-width"="512" }'


def module(functions: Iterable[str]) -> str:
    """A whole module of these functions."""
    return "\n".join([DECLARATIONS, definitions(), *functions, WIDE, ""])


def calls(code: Code, rows: dict[str, str]) -> list[str]:
    """Calls of a code's functions; ``rows``: memory → the name of this moment's row."""
    given = ", ".join(f"ptr {rows.get(p, f'%{p}')}" for p in PARAMETERS)
    return [f"  call void @{name}({given})" for name in code.calls]


def run_function(prepare: Code, start: Code, step: Code, sizes: dict[str, int], stocks: int, outputs: int) -> str:
    """``@run``: prepare, then for every moment: the step, the outputs, the stocks one step later and their lowest.

    ``stride``: vectors from the stocks of one moment to those of the next: 0 writes over them, ``stocks`` keeps all.
    Outputs of moments between two kept ones are written to the next kept row, which the kept moment overwrites.
    """
    rows = {"timed": "%timed_now", "path": "%path_now", "state": "%state_now", "out": "%out_now"}
    pointers = ", ".join(f"ptr noalias %{p}" for p in (*PARAMETERS, "lowest"))
    return "\n".join([
        f"define void @run({pointers}, i64 %count, i64 %every, i64 %stride) #0 {{",
        "begin:",
        *calls(prepare, {}),
        *calls(start, {}),
        "  br label %moment",
        "moment:",
        "  %n = phi i64 [0, %begin], [%after, %moved]",
        *_row("timed", "double", "%n", sizes["timed"]),
        *_row("path", VECTOR, "%n", sizes["path"]),
        *_row("state", VECTOR, "%n", "%stride"),
        "  %reached = add i64 %n, %every",
        "  %before = sub i64 %reached, 1",
        "  %row = udiv i64 %before, %every",
        *_row("out", VECTOR, "%row", outputs),
        *calls(step, rows),
        "  %last = icmp eq i64 %n, %count",
        "  %after = add i64 %n, 1",
        "  br i1 %last, label %done, label %stocks",
        "stocks:",
        "  %following = getelementptr " + f"{VECTOR}, ptr %state_now, i64 %stride",
        "  br label %stock",
        "stock:",
        "  %i = phi i64 [0, %stocks], [%next, %stock]",
        f"  %old_at = getelementptr {VECTOR}, ptr %state_now, i64 %i",
        f"  %old = load {VECTOR}, ptr %old_at, align 8",
        f"  %low_at = getelementptr {VECTOR}, ptr %lowest, i64 %i",
        f"  %low = load {VECTOR}, ptr %low_at, align 8",
        f"  %less = fcmp olt {VECTOR} %old, %low",
        f"  %least = select {TRUTH} %less, {VECTOR} %old, {VECTOR} %low",
        f"  store {VECTOR} %least, ptr %low_at, align 8",
        *_copied("kept", "following"),
        f"  %more = icmp ult i64 %next, {stocks}",
        "  br i1 %more, label %stock, label %moved",
        "moved:",
        "  br label %moment",
        "done:",
        "  ret void",
        "}",
    ])  # fmt: skip


def back_function(prepare: Code, back: Code, finish: Code, sizes: dict[str, int], stocks: int, outputs: int) -> str:
    """``@back``: from the last moment to the first, cotangents of the stocks one step later into those of the stocks.

    ``out`` holds the cotangents of the outputs; sums over time go to ``sum``.
    """
    rows = {"timed": "%timed_now", "path": "%path_now", "state": "%state_now", "out": "%out_now"}
    pointers = ", ".join(f"ptr noalias %{p}" for p in PARAMETERS)
    return "\n".join([
        f"define void @back({pointers}, i64 %count) #0 {{",
        "begin:",
        *calls(prepare, {}),
        "  br label %moment",
        "moment:",
        "  %n = phi i64 [%count, %begin], [%before, %moved]",
        *_row("timed", "double", "%n", sizes["timed"]),
        *_row("path", VECTOR, "%n", sizes["path"]),
        *_row("state", VECTOR, "%n", stocks),
        *_row("out", VECTOR, "%n", outputs),
        *calls(back, rows),
        "  br label %stock",
        "stock:",
        "  %i = phi i64 [0, %moment], [%next, %stock]",
        *_copied("kept", "bar"),
        f"  %more = icmp ult i64 %next, {stocks}",
        "  br i1 %more, label %stock, label %moved",
        "moved:",
        "  %first = icmp eq i64 %n, 0",
        "  %before = sub i64 %n, 1",
        "  br i1 %first, label %done, label %moment",
        "done:",
        *calls(finish, {}),
        "  ret void",
        "}",
    ])  # fmt: skip


def _row(place: str, kind: str, number: str, length: int | str) -> list[str]:
    """``%place_now``: the row of a moment."""
    return [
        f"  %{place}_first = mul i64 {number}, {length}",
        f"  %{place}_now = getelementptr {kind}, ptr %{place}, i64 %{place}_first",
    ]


def _copied(source: str, target: str) -> list[str]:
    """Vector ``%i`` from one memory to another, and ``%next``."""
    return [
        f"  %from = getelementptr {VECTOR}, ptr %{source}, i64 %i",
        f"  %moved_value = load {VECTOR}, ptr %from, align 8",
        f"  %to = getelementptr {VECTOR}, ptr %{target}, i64 %i",
        f"  store {VECTOR} %moved_value, ptr %to, align 8",
        "  %next = add i64 %i, 1",
    ]
