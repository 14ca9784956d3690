"""A draft as scalar equations: functions that remember are stocks and flows, each flow knows its stocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from forkpoint.dynamics.exchange.draft import Draft, Lookup, MacroText
from forkpoint.dynamics.exchange.elements import Element, Spread, scalar_name
from forkpoint.dynamics.exchange.formula import Binary, Call, Expression, Name, Number, Table, Unary
from forkpoint.dynamics.exchange.memory import MEMORY
from forkpoint.dynamics.variables import RESERVED
from forkpoint.errors import InputError, UnknownName

CLOCK = {
    "xmile": {"dt": "time_step", "starttime": "initial_time", "stoptime": "final_time"},
    "vensim": {},
}


@dataclass
class Scalar:
    """One scalar variable. ``formula`` is the initial value of a stock; ``into`` and ``outof`` name a flow's stocks."""

    name: str
    label: str
    kind: Literal["stock", "flow", "aux"]
    formula: Expression
    into: str = ""
    outof: str = ""
    unit: str = ""
    meaning: str = ""
    hidden: bool = False


class Scalars:
    """The scalar variables and lookups of a draft."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.arrays = Spread(draft)
        self.lookups: dict[str, Lookup] = {}
        self.variables: dict[str, Scalar] = {}
        self.owner = ""
        self.starting: dict[str, Expression] = {}
        """Auxiliaries with another formula while initial values are worked out (ACTIVE INITIAL)."""
        self.bindings: list[Mapping[str, Expression]] = []
        elements = list(self.arrays.elements.values())
        for element in elements:
            self.note_lookup(element)
        for element in elements:
            self.add(element)
        for element in elements:
            if element.declaration.kind == "stock":
                self.connect(element)
        self.substitute_starting()
        self.check_names()

    # --- variables ----------------------------------------------------------------------------------------------------

    def note_lookup(self, element: Element) -> None:
        """Remember the graphical function of an element under the element's name."""
        lookup = element.declaration.lookup
        if lookup is not None:
            self.lookups[scalar_name(*element.key)] = lookup
        elif isinstance(element.declaration.formula, Table):
            points = element.declaration.formula.points
            self.lookups[scalar_name(*element.key)] = lookup_of(points)

    def add(self, element: Element) -> None:
        """Add the variable of one element."""
        declaration, name = element.declaration, scalar_name(*element.key)
        if declaration.kind == "lookup" or name in ("time", "time_step"):
            return
        if declaration.formula is None:
            raise self.draft.error(declaration, "it has no equation")
        self.owner = name
        formula = self.lower(self.arrays.scalar(declaration.formula, element))
        if declaration.lookup is not None and declaration.kind != "stock":
            formula = Call(name, (formula,))
        if declaration.kind == "flow" and declaration.non_negative:
            formula = Call("max", (formula, Number(0.0)))
        if declaration.active_initial is not None:
            self.starting[name] = self.lower(self.arrays.scalar(declaration.active_initial, element))
        kind: Literal["stock", "aux"] = "stock" if declaration.kind == "stock" else "aux"
        self.variables[name] = Scalar(
            name, self.label(element), kind, formula, unit=declaration.unit, meaning=declaration.meaning
        )

    def label(self, element: Element) -> str:
        """The element's name as the file writes it."""
        labels = ",".join(self.draft.labels.get(label, label) for label in element.key[1])
        return f"{element.declaration.label}[{labels}]" if labels else element.declaration.label

    def new(self, suffix: str, kind: Literal["stock", "flow", "aux"], formula: Expression, into: str = "") -> Name:
        """A hidden variable that belongs to the one being translated."""
        base = f"{self.owner}·{suffix}"
        name, count = base, 1
        while name in self.variables:
            count += 1
            name = f"{base}{count}"
        self.variables[name] = Scalar(name, name, kind, formula, into=into, hidden=True)
        return Name(name)

    # --- flows --------------------------------------------------------------------------------------------------------

    def connect(self, element: Element) -> None:
        """Give a stock its flows: named flows where they serve one stock, else a hidden one for the rest."""
        declaration = element.declaration
        stock = self.owner = scalar_name(*element.key)
        terms: list[tuple[bool, Expression]] = []
        if declaration.rate is not None:
            terms += signed_terms(self.lower(self.arrays.scalar(declaration.rate, element)))
        for names, positive in ((declaration.inflows, True), (declaration.outflows, False)):
            terms += [(positive, self.arrays.reference(name, (), element)) for name in names]
        rest: list[tuple[bool, Expression]] = []
        for positive, term in terms:
            if declaration.non_negative or not (isinstance(term, Name) and self.attach(term.name, stock, positive)):
                rest.append((positive, term))
        if not rest:
            return
        rate = summed(rest)
        if declaration.non_negative:
            # XMILE 1.0, 4.2: what a non-negative stock does not hold cannot leave it.
            emptying = Unary("-", Binary("/", Name(stock), Name("time_step")))
            rate = Call("max", (rate, emptying))
        self.new("net", "flow", rate, into=stock)

    def attach(self, name: str, stock: str, positive: bool) -> bool:
        """Make an auxiliary a flow of this stock if that end of it is free."""
        variable = self.variables.get(name)
        if name in RESERVED:
            return False
        if variable is None:
            raise UnknownName("flow", name, self.variables, where=f"{self.draft.file}: stock '{stock}'")
        if variable.kind == "stock" or (variable.into if positive else variable.outof):
            return False
        if (variable.outof if positive else variable.into) == stock:
            return False
        variable.kind = "flow"
        if positive:
            variable.into = stock
        else:
            variable.outof = stock
        return True

    # --- formulas -----------------------------------------------------------------------------------------------------

    def lower(self, formula: Expression) -> Expression:
        """The formula without functions that remember and without macros."""
        match formula:
            case Unary(operator, operand):
                return Unary(operator, self.lower(operand))
            case Binary(operator, left, right):
                return Binary(operator, self.lower(left), self.lower(right))
            case Name(name):
                return self.bound(name)
            case Call(function, arguments):
                return self.call(function, arguments)
        return formula

    def bound(self, name: str) -> Expression:
        """A name: a macro's parameter or inner variable, the clock, or itself."""
        if self.bindings and name in self.bindings[-1]:
            return self.bindings[-1][name]
        name = CLOCK[self.draft.dialect].get(name, name)
        declared = name in self.arrays.axes
        if name in ("initial_time", "final_time", "saveper") and not declared:
            save_every = self.draft.save_every or self.draft.step
            return Number({"initial_time": self.draft.start, "final_time": self.draft.stop}.get(name, save_every))
        if name == "pi" and not declared:
            return Call("pi", ())
        return Name(name)

    def call(self, function: str, arguments: tuple[Expression, ...]) -> Expression:
        """A call: of a lookup, a macro, a function that remembers, or one that does not."""
        if function in self.draft.macros:
            return self.instance(self.draft.macros[function], tuple(self.lower(a) for a in arguments))
        if function in ("lookup", "with_lookup", "lookup_extrapolate") and function not in self.lookups:
            return self.looked_up(function, arguments)
        lowered = tuple(self.lower(a) for a in arguments)
        remember = MEMORY[self.draft.dialect].get(function)
        if remember is None or function in self.lookups:
            return Call(function, lowered)
        return remember(self, lowered)

    def looked_up(self, function: str, arguments: tuple[Expression, ...]) -> Expression:
        """LOOKUP(table, x) and WITH LOOKUP(x, points) as a call of a named lookup."""
        if len(arguments) != 2:
            raise self.draft.error(self.owner, f"{function.upper()} takes 2 arguments, got {len(arguments)}")
        if isinstance(arguments[1], Table):
            name = f"{self.owner}·table{len(self.lookups)}"
            self.lookups[name] = lookup_of(arguments[1].points)
            return Call(name, (self.lower(arguments[0]),))
        if not isinstance(arguments[0], Name) or arguments[0].name not in self.lookups:
            raise self.draft.error(self.owner, f"the first argument of {function.upper()} must be a graphical function")
        name = arguments[0].name
        if function == "lookup_extrapolate":
            self.lookups[f"{name}·extrapolated"] = replace(self.lookups[name], mode="extrapolate")
            name = f"{name}·extrapolated"
        return Call(name, (self.lower(arguments[1]),))

    def instance(self, macro: MacroText, arguments: tuple[Expression, ...]) -> Expression:
        """A macro written out at the place of one call: its variables are new and hidden."""
        if len(arguments) != len(macro.parameters):
            problem = f"macro {macro.name} takes {len(macro.parameters)} arguments, got {len(arguments)}"
            raise self.draft.error(self.owner, problem)
        if all(declaration.name != macro.name for declaration in macro.declarations):
            raise self.draft.error(self.owner, f"the macro {macro.name} has no equation of its own name")
        caller, taken = self.owner, set(self.variables)
        prefix = f"{caller}·{macro.name}"
        while any(name.startswith(f"{prefix}·") for name in taken):
            prefix += "'"
        inner = {d.name: Name(f"{prefix}·{d.name}") for d in macro.declarations}
        self.bindings.append({**dict(zip(macro.parameters, arguments, strict=True)), **inner})
        for declaration in macro.declarations:
            self.owner = inner[declaration.name].name
            if declaration.formula is None:
                raise self.draft.error(declaration, f"it has no equation in the macro {macro.name}")
            formula = self.lower(declaration.formula)
            kind: Literal["stock", "aux"] = "stock" if declaration.kind == "stock" else "aux"
            self.variables[self.owner] = Scalar(self.owner, self.owner, kind, formula, hidden=True)
            if declaration.rate is not None:
                self.new("net", "flow", self.lower(declaration.rate), into=self.owner)
        self.bindings.pop()
        self.owner = caller
        return inner[macro.name]

    # --- after all are known ------------------------------------------------------------------------------------------

    def substitute_starting(self) -> None:
        """Initial values see ACTIVE INITIAL's second formula, also through other auxiliaries."""
        if not self.starting:
            return
        copies = dict(self.starting)
        changed = True
        while changed:
            changed = False
            for variable in self.variables.values():
                if variable.kind == "stock" or variable.name in copies:
                    continue
                if names_in(variable.formula) & copies.keys():
                    copies[variable.name] = variable.formula
                    changed = True
        renamed = {name: Name(f"{name}·start") for name in copies}
        for variable in list(self.variables.values()):
            if variable.kind == "stock":
                variable.formula = substituted(variable.formula, renamed)
        for name, formula in copies.items():
            new = renamed[name].name
            self.variables[new] = Scalar(new, new, "aux", substituted(formula, renamed), hidden=True)

    def check_names(self) -> None:
        """Raise UnknownName for a reference to a variable that the file does not declare."""
        known = {*self.variables, "time", "time_step", ":na:"}
        for variable in self.variables.values():
            for name in names_in(variable.formula) - known:
                where = f"{self.draft.file}: '{variable.label}'"
                raise UnknownName("variable", name, known, where=where)

    def constant(self, formula: Expression) -> float:
        """The value of a formula at the start of a run. Raises InputError where it cannot be told from constants."""
        from forkpoint.dynamics.exchange.builtins import evaluate_constant

        def value_of(name: str) -> Expression:
            if name in RESERVED:
                return Number(self.draft.step if name == "time_step" else self.draft.start)
            variable = self.variables.get(name)
            if variable is None and (element := self.element_of(name)) is not None:
                assert element.declaration.formula is not None
                return self.arrays.scalar(element.declaration.formula, element)
            if variable is None:
                raise InputError(f"'{name}' must be a constant here")
            return variable.formula

        try:
            return evaluate_constant(formula, value_of, self.draft.dialect, self.lookups)
        except InputError as error:
            raise self.draft.error(self.owner, str(error)) from error

    def element_of(self, name: str) -> Element | None:
        """The auxiliary element of a scalar name, also before it is translated."""
        base, _, labels = name.partition("[")
        element = self.arrays.elements.get((base, tuple(labels.rstrip("]").split(",")) if labels else ()))
        return element if element is not None and element.declaration.kind in ("aux", "flow") else None


def lookup_of(points: Sequence[tuple[float, float]]) -> Lookup:
    """The graphical function through points, in rising order of x."""
    points = sorted(points, key=lambda point: point[0])
    return Lookup(tuple(x for x, _ in points), tuple(y for _, y in points))


def signed_terms(formula: Expression, positive: bool = True) -> list[tuple[bool, Expression]]:
    """A sum as its terms, each with whether it is added."""
    match formula:
        case Binary("+", left, right):
            return signed_terms(left, positive) + signed_terms(right, positive)
        case Binary("-", left, right):
            return signed_terms(left, positive) + signed_terms(right, not positive)
        case Unary("-", operand):
            return signed_terms(operand, not positive)
        case Number(0.0):
            return []
    return [(positive, formula)]


def summed(terms: list[tuple[bool, Expression]]) -> Expression:
    """The sum of signed terms."""
    positive, first = terms[0]
    result = first if positive else Unary("-", first)
    for positive, term in terms[1:]:
        result = Binary("+" if positive else "-", result, term)
    return result


def transformed(formula: Expression, change: Callable[[Name], Expression]) -> Expression:
    """The formula with every name changed."""
    match formula:
        case Name():
            return change(formula)
        case Unary(operator, operand):
            return Unary(operator, transformed(operand, change))
        case Binary(operator, left, right):
            return Binary(operator, transformed(left, change), transformed(right, change))
        case Call(function, arguments, subscripts):
            return Call(function, tuple(transformed(a, change) for a in arguments), subscripts)
    return formula


def substituted(formula: Expression, names: Mapping[str, Expression]) -> Expression:
    """The formula with the given names replaced."""
    return transformed(formula, lambda name: names.get(name.name, name))


def names_in(formula: Expression) -> set[str]:
    """All names that a scalar formula refers to."""
    found: set[str] = set()

    def note(name: Name) -> Expression:
        found.add(name.name)
        return name

    transformed(formula, note)
    return found
