"""Reading Vensim's text format (``.mdl``) into a `Model`, through the same steps as XMILE.

::

    from forkpoint.dynamics.read_vensim import read_vensim

    read_vensim("population.mdl").run()

Read: INTEG, constants and lists of constants, subscripts with ranges, sub-ranges, mappings and exceptions, lookups,
macros, delays, smooths and the deterministic functions. Not read, with an error that says so: data from other files,
random functions, reality checks (left out: they test a model and are no part of it).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from forkpoint.dynamics.exchange.build import Imported, build
from forkpoint.dynamics.exchange.builtins import evaluate_constant
from forkpoint.dynamics.exchange.draft import Declaration, Draft, MacroText
from forkpoint.dynamics.exchange.formula import Call, Expression, Number, Table, canonical, parse
from forkpoint.dynamics.exchange.scalars import lookup_of
from forkpoint.errors import InputError

SKETCH = re.compile(r"^\\+---///.*", re.DOTALL | re.MULTILINE)
FLAG = re.compile(r":\s*(INTERPOLATE|RAW|HOLD BACKWARD|LOOK FORWARD)\s*:", re.IGNORECASE)
CHECK = re.compile(r":\s*(THE CONDITION|TEST INPUT)\s*:", re.IGNORECASE)
EXCEPT = re.compile(r":\s*EXCEPT\s*:", re.IGNORECASE)
MACRO = re.compile(r":MACRO:\s*(.*?)\((.*?)\)(.*?):END OF MACRO:", re.DOTALL | re.IGNORECASE)
HEAD = re.compile(r'\s*(?P<name>"(?:[^"\\]|\\.)*"|[^\[\](){}=:"<]+)\s*(?:\[(?P<subscripts>[^\]]*)\])?\s*')
CLOCK = ("initial_time", "final_time", "time_step", "saveper")


def read_vensim(path: Path | str) -> Imported:
    """The model in a Vensim file. Raises InputError naming file, variable and what is wrong or not translated."""
    data = Path(path).read_bytes() if Path(path).exists() else None
    if data is None:
        raise InputError(f"cannot read {path}: no such file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return build(draft_vensim(text, Path(path).name))


def draft_vensim(text: str, file: str) -> Draft:
    """What a Vensim text declares."""
    draft = Draft(file, "vensim")
    text = SKETCH.sub("", text.replace("\r\n", "\n"))
    text = re.sub(r"\\\n\s*", "", text)
    for name, parameters, body in MACRO.findall(text):
        declarations = tuple(d for entry in entries(body) for d in EntryReader(draft, entry).declarations())
        formal = tuple(canonical(p) for p in re.split(r"[,:]", parameters) if p.strip())
        draft.macros[canonical(name)] = MacroText(canonical(name), formal, declarations)
    found = list(entries(MACRO.sub("", text)))
    subscripts = [entry for entry in found if entry.is_subscript]
    read_dimensions(subscripts, draft)
    for entry in found:
        if not entry.is_subscript:
            draft.declarations += EntryReader(draft, entry).declarations()
    read_clock(draft)
    return draft


@dataclass(frozen=True)
class Entry:
    """One entry of the file: ``equation ~ unit ~ comment |``."""

    equation: str
    unit: str
    comment: str

    @property
    def is_subscript(self) -> bool:
        """Whether it declares a dimension (``region: north, south``) or makes two equivalent (``a <-> b``)."""
        head = HEAD.match(self.equation)
        rest = self.equation[head.end() :] if head else ""
        return rest.startswith("<->") or (
            rest.startswith(":") and not rest.startswith(":=") and not self.has_flag(rest)
        )

    def has_flag(self, rest: str) -> bool:
        """Whether a colon opens a keyword."""
        return bool(FLAG.match(rest) or EXCEPT.match(rest) or CHECK.match(rest))


def entries(text: str) -> Iterator[Entry]:
    """The entries of a file; group headings are left out."""
    position = 0
    while position < len(text):
        equation, position = upto(text, position, "~|", quotes=True)
        parts = []
        while position <= len(text) and text[position - 1 : position] == "~":
            part, position = upto(text, position, "~|")
            parts.append(part)
        equation = re.sub(r"\{[^}]*\}", "", equation).strip()
        if not equation or equation.startswith("*") or CHECK.search(equation):
            continue
        unit = re.sub(r"\[[^\]]*\]", "", parts[0]).strip() if parts else ""
        yield Entry(equation, unit, " ".join(parts[1].split()) if len(parts) > 1 else "")


def upto(text: str, position: int, ends: str, quotes: bool = False) -> tuple[str, int]:
    """The text up to one of ``ends`` (outside quotes if ``quotes``) and the place after it."""
    start, quoted = position, False
    while position < len(text):
        character = text[position]
        if quotes and character == '"' and text[position - 1] != "\\":
            quoted = not quoted
        elif character in ends and not quoted:
            return text[start:position], position + 1
        position += 1
    return text[start:], position + 1


# --- dimensions -------------------------------------------------------------------------------------------------------


def read_dimensions(found: list[Entry], draft: Draft) -> None:
    """All dimensions: labels, numbered ranges, parts that are dimensions themselves, equivalences and mappings."""
    written: dict[str, list[str]] = {}
    mapped: list[tuple[str, str]] = []
    same: list[tuple[str, str]] = []
    for entry in found:
        name, sign, rest = re.split(r"(<->|:)", entry.equation, maxsplit=1)
        if sign == "<->":
            same.append((name.strip(), rest.strip()))
            continue
        labels, _, mapping = rest.partition("->")
        written[name.strip()] = expanded(labels, draft, name)
        mapped += [(name.strip(), one) for one in split_outside(mapping)]
    by_name = {canonical(name): labels for name, labels in written.items()}

    def flat(labels: list[str], depth: int = 0) -> list[str]:
        if depth > 20:
            raise InputError(f"{draft.file}: dimensions contain each other")
        parts = [flat(by_name[canonical(x)], depth + 1) if canonical(x) in by_name else [x] for x in labels]
        return list(dict.fromkeys(item for part in parts for item in part))

    for name, labels in written.items():
        draft.add_dimension(name, flat(labels))
    for name, other in same:
        if canonical(other) not in draft.dimensions:
            name, other = other, name
        draft.dimensions[canonical(name)] = draft.dimensions[canonical(other)]
    for name, target in mapped:
        note_mapping(name, target, draft)


def expanded(text: str, draft: Draft, name: str) -> list[str]:
    """Labels between commas, ``(a1-a5)`` written out."""
    labels: list[str] = []
    for part in split_outside(text):
        span = re.fullmatch(r"\(\s*(.*?)(\d+)\s*-\s*(.*?)(\d+)\s*\)", part)
        if span is None:
            labels.append(part)
            continue
        before, first, other, last = span.groups()
        if canonical(before) != canonical(other):
            raise InputError(f"{draft.file}: dimension '{name.strip()}': the range {part} has two different stems")
        labels += [f"{before}{n}" for n in range(int(first), int(last) + 1)]
    if any("get" in label.casefold().split() for label in labels):
        raise InputError(f"{draft.file}: dimension '{name.strip()}' takes its labels from another file")
    return labels


def split_outside(text: str) -> list[str]:
    """Parts between commas outside brackets, without empty ones."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def note_mapping(name: str, target: str, draft: Draft) -> None:
    """``a -> b`` pairs labels by position; ``a -> (b: b1, b2)`` by the labels named."""
    own = draft.dimensions[canonical(name)]
    if target.startswith("("):
        other, _, listed = target.strip("()").partition(":")
        parts = [draft.dimensions.get(canonical(x), (canonical(x),)) for x in split_outside(listed)]
    else:
        other = target
        parts = [(label,) for label in draft.dimensions.get(canonical(other), ())]
    if len(parts) != len(own):
        raise InputError(
            f"{draft.file}: the mapping of '{name}' to '{other.strip()}' pairs {len(own)} with {len(parts)}"
        )
    pairs = {label: part[0] for label, part in zip(own, parts, strict=True)}
    draft.mappings[canonical(name), canonical(other)] = pairs
    back = {label: mine for mine, part in zip(own, parts, strict=True) for label in part}
    draft.mappings.setdefault((canonical(other), canonical(name)), back)


# --- equations --------------------------------------------------------------------------------------------------------


class EntryReader:
    """Reads one entry that is an equation."""

    def __init__(self, draft: Draft, entry: Entry) -> None:
        head = HEAD.match(entry.equation)
        if head is None:
            raise InputError(f"{draft.file}: '{entry.equation[:60]}' is no equation")
        self.draft, self.entry = draft, entry
        self.label = re.sub(r"\s+", " ", head["name"].strip()).strip('"').replace('\\"', '"')
        self.subscripts = tuple(canonical(s) for s in (head["subscripts"] or "").split(",") if s.strip())
        self.rest = FLAG.sub("", entry.equation[head.end() :]).strip()
        self.where = f"{draft.file}: '{self.label}'"

    def declarations(self) -> list[Declaration]:
        """The equation's declarations: one, or one for each element of a list of constants."""
        exceptions: tuple[tuple[str, ...], ...] = ()
        rest = self.rest
        if found := EXCEPT.match(rest):
            listed, _, rest = rest[found.end() :].partition("=")
            exceptions = tuple(
                tuple(canonical(s) for s in one.split(",")) for one in re.findall(r"\[([^\]]*)\]", listed)
            )
            rest = "=" + rest
        base = Declaration(self.label, "aux", None, self.subscripts, exceptions=exceptions,
                           unit=self.entry.unit, meaning=self.entry.comment)  # fmt: skip
        if rest.startswith("("):
            return [replace(base, kind="lookup", lookup=lookup_of(self.points(rest)))]
        if not rest.startswith(("=", ":=")):
            raise self.draft.error(self.label, "it has no equation here: its data are in another file")
        text = rest.lstrip(":=").strip()
        if numbers := self.table(text):
            return self.listed(base, numbers)
        return [self.from_formula(base, self.parse(text))]

    def parse(self, text: str) -> Expression:
        """The formula, Vensim's way."""
        return parse(text, self.where, word_operators=False)

    def points(self, text: str) -> tuple[tuple[float, float], ...]:
        """A lookup's points: pairs, or all x and then all y."""
        inner = re.sub(r"^\(\s*\[[^\]]*\]\s*,?", "(", text)
        if "(" in inner[1:]:
            table = self.parse(inner)
            if isinstance(table, Table):
                return table.points
        try:
            numbers = [float(part) for part in inner.strip("() \n\t").split(",")]
        except ValueError as error:
            raise self.draft.error(self.label, "its lookup holds something that is not a number") from error
        half = len(numbers) // 2
        if half == 0 or len(numbers) % 2:
            raise self.draft.error(self.label, f"its lookup needs as many y as x values, got {len(numbers)} numbers")
        return tuple(zip(numbers[:half], numbers[half:], strict=True))

    def table(self, text: str) -> list[float]:
        """The numbers of a list of constants (``1,2;3,4;`` or TABBED ARRAY); empty if it is a formula."""
        tabbed = re.fullmatch(r"TABBED\s+ARRAY\s*\((.*)\)", text, re.DOTALL | re.IGNORECASE)
        parts = tabbed[1].split() if tabbed else re.split(r"[,;]", text.strip().rstrip(";"))
        try:
            numbers = [float(part) for part in parts if part.strip()]
        except ValueError:
            return []
        return numbers if tabbed or len(numbers) > 1 else []

    def listed(self, base: Declaration, numbers: list[float]) -> list[Declaration]:
        """One declaration an element, the last dimension fastest."""
        axes = [self.draft.dimensions.get(s, (s,)) for s in self.subscripts]
        labels = list(product(*axes))
        if len(labels) != len(numbers):
            problem = f"it lists {len(numbers)} numbers for {len(labels)} elements"
            raise self.draft.error(self.label, problem)
        return [replace(base, formula=Number(n), subscripts=own) for own, n in zip(labels, numbers, strict=True)]

    def from_formula(self, base: Declaration, formula: Expression) -> Declaration:
        """A stock where the formula is an integral, else an auxiliary."""
        match formula:
            case Call("integ", (rate, initial)):
                return replace(base, kind="stock", formula=initial, rate=rate)
            case Call("active_initial", (active, initial)):
                return replace(base, formula=active, active_initial=initial)
            case Call(function, _) if function.startswith("get_") and function != "get_time_value":
                raise self.draft.error(
                    self.label, f"{function.upper().replace('_', ' ')}: its data are in another file"
                )
        return replace(base, formula=formula)


def read_clock(draft: Draft) -> None:
    """Start, stop, step and saving interval from the variables of these names."""
    formulas = {d.name: d.formula for d in draft.declarations if not d.subscripts and d.kind == "aux"}

    def formula_of(name: str) -> Expression:
        formula = formulas.get(name)
        if formula is None:
            raise InputError(f"'{name}' must be a constant here")
        return formula

    values: dict[str, float] = {}
    for name in CLOCK:
        formula = formulas.get(name)
        if formula is None and name != "saveper":
            raise InputError(f"{draft.file}: no {name.upper().replace('_', ' ')}, so the run has no time span")
        if formula is not None:
            try:
                values[name] = evaluate_constant(formula, formula_of, "vensim", {})
            except InputError as error:
                raise draft.error(name, str(error)) from error
    draft.start, draft.stop, draft.step = (values[name] for name in CLOCK[:3])
    draft.save_every = values.get("saveper")
