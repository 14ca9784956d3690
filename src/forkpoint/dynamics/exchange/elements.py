"""Arrays spread out: every element of every array becomes one scalar equation over scalar names.

Both tools let a formula name whole dimensions, sub-ranges, single labels, positions and sums over labels; spread out,
one set of rules serves them all, and a model that fills an array piece by piece needs no special case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import isfinite

from forkpoint.dynamics.exchange.draft import Declaration, Draft
from forkpoint.dynamics.exchange.formula import (
    Binary,
    Call,
    Expression,
    Name,
    Number,
    Span,
    Table,
    Text,
    Unary,
    Wildcard,
)
from forkpoint.dynamics.exchange.vectors import VECTORS, balanced, joined, vector
from forkpoint.errors import InputError, UnknownName

Key = tuple[str, tuple[str, ...]]
"""A scalar: the variable's canonical name and the labels of the element."""

REDUCTIONS = {"sum", "mean", "prod", "min", "max", "vmin", "vmax", "size", "elmcount", "stddev"}


@dataclass(frozen=True)
class Element:
    """One scalar equation: its key, the declaration it comes from, and the labels its dimensions are bound to."""

    key: Key
    declaration: Declaration
    bound: Mapping[str, str]


def scalar_name(name: str, labels: Sequence[str]) -> str:
    """The name under which formulas refer to an element once arrays are spread out."""
    return f"{name}[{','.join(labels)}]" if labels else name


class Spread:
    """The elements of a draft, and the rewriting of array formulas into scalar ones."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.axes = self.axes_of_variables()
        self.elements = self.spread()

    def axes_of_variables(self) -> dict[str, tuple[tuple[str, ...], ...]]:
        """Labels along each axis of every variable, in the order of declaration."""
        axes: dict[str, list[dict[str, None]]] = {}
        for declaration in self.draft.declarations:
            known = axes.setdefault(declaration.name, [{} for _ in declaration.subscripts])
            if len(known) != len(declaration.subscripts):
                raise self.draft.error(declaration, "its equations have different numbers of subscripts")
            for position, subscript in enumerate(declaration.subscripts):
                known[position].update(dict.fromkeys(self.labels_of(subscript)))
        return {name: tuple(self.ordered(tuple(labels)) for labels in positions) for name, positions in axes.items()}

    def ordered(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        """Labels in the order of the smallest dimension that holds them all."""
        holding = [d for d in self.draft.dimensions.values() if set(labels) <= set(d)]
        return tuple(label for label in min(holding, key=len) if label in labels) if holding else labels

    def labels_of(self, subscript: str) -> tuple[str, ...]:
        """The labels that a subscript stands for: those of a dimension, or the one label itself."""
        return self.draft.dimensions.get(subscript, (subscript,))

    def spread(self) -> dict[Key, Element]:
        """Every element with its declaration; a later or narrower equation replaces an earlier or wider one."""
        found: dict[Key, Element] = {}
        order = sorted(self.draft.declarations, key=lambda d: -sum(s in self.draft.dimensions for s in d.subscripts))
        for declaration in order:
            excluded = {
                labels for exception in declaration.exceptions for labels in product(*map(self.labels_of, exception))
            }
            for labels in product(*map(self.labels_of, declaration.subscripts)):
                if labels in excluded:
                    continue
                bound = dict(zip(declaration.over, labels, strict=False))
                bound |= {
                    subscript: label
                    for subscript, label in zip(declaration.subscripts, labels, strict=True)
                    if subscript in self.draft.dimensions
                }
                found[declaration.name, labels] = Element((declaration.name, labels), declaration, bound)
        return found

    # --- one subscript ------------------------------------------------------------------------------------------------

    def resolve(
        self, subscript: Expression, element: Element, axis: tuple[str, ...]
    ) -> str | tuple[str, ...] | Expression:
        """What a subscript means inside an element: one label, several (a tuple), or a formula for the position."""
        match subscript:
            case Wildcard(None):
                return axis
            case Wildcard(dimension):
                return self.dimension(str(dimension), element)
            case Span(first, last):
                low, high = (self.place(end, element, axis) for end in (first, last))
                return axis[low : high + 1]
            case Number(value):
                return self.numbered(value, axis, element)
            case Name(name, ()):
                return self.named(name, element, axis)
        return subscript

    def place(self, subscript: Expression, element: Element, axis: tuple[str, ...]) -> int:
        """Position of a single label along an axis."""
        label = self.resolve(subscript, element, axis)
        if not isinstance(label, str) or label not in axis:
            raise self.draft.error(
                element.declaration, "a range of labels must begin and end with labels of its dimension"
            )
        return axis.index(label)

    def numbered(self, value: float, axis: tuple[str, ...], element: Element) -> str:
        """The label at a position counted from 1, unless the labels themselves are numbers."""
        if (text := f"{value:g}") in axis:
            return text
        if not isfinite(value) or value != int(value) or not 1 <= value <= len(axis):
            raise self.draft.error(element.declaration, f"subscript {value:g} is not within 1 to {len(axis)}")
        return axis[int(value) - 1]

    def dimension(self, name: str, element: Element) -> tuple[str, ...]:
        """The labels of a dimension. Raises InputError with the nearest name where there is none."""
        if name not in self.draft.dimensions:
            where = f"{self.draft.file}: '{element.declaration.label}'"
            raise UnknownName("dimension", name, self.draft.dimensions, where=where)
        return self.draft.dimensions[name]

    def named(self, name: str, element: Element, axis: tuple[str, ...]) -> str | tuple[str, ...] | Expression:
        """A dimension bound on the left side gives its label; an unbound one all its labels; a label gives itself."""
        if name in element.bound:
            label = element.bound[name]
            return label if label in axis else self.same_place(name, label, axis)
        if name in self.draft.dimensions:
            for other, label in element.bound.items():
                mapped = self.mapped(other, name, label)
                if mapped is not None:
                    return mapped
            return self.draft.dimensions[name]
        if name in axis:
            return name
        if any(key[0] == name for key in self.elements):
            return Name(name)
        where = f"{self.draft.file}: '{element.declaration.label}'"
        raise UnknownName("dimension or label", name, [*self.draft.dimensions, *axis], where=where)

    def mapped(self, bound: str, wanted: str, label: str) -> str | None:
        """The label of ``wanted`` for a label of ``bound``: by mapping, or because one is part of the other."""
        for pair, back in (((bound, wanted), False), ((wanted, bound), True)):
            if pair in self.draft.mappings:
                mapping = self.draft.mappings[pair]
                if back:
                    mapping = {value: key for key, value in mapping.items()}
                if label in mapping:
                    return mapping[label]
        mine, theirs = self.draft.dimensions[bound], self.draft.dimensions[wanted]
        return label if label in theirs and (set(theirs) <= set(mine) or set(mine) <= set(theirs)) else None

    def same_place(self, dimension: str, label: str, axis: tuple[str, ...]) -> str:
        """The label of another axis of the same length that stands at the same place."""
        for (source, _), mapping in self.draft.mappings.items():
            if source == dimension and mapping.get(label) in axis:
                return mapping[label]
        labels = self.draft.dimensions.get(dimension, ())
        if len(labels) == len(axis):
            return axis[labels.index(label)]
        raise InputError(f"{self.draft.file}: label '{label}' of '{dimension}' is not on the axis ({', '.join(axis)})")

    # --- a formula ----------------------------------------------------------------------------------------------------

    def scalar(self, formula: Expression, element: Element) -> Expression:
        """The formula with every reference turned into that of one element. Raises InputError where an array stays."""
        match formula:
            case Number() | Text() | Table():
                return formula
            case Unary(operator, operand):
                return Unary(operator, self.scalar(operand, element))
            case Binary(operator, left, right):
                return Binary(operator, self.scalar(left, element), self.scalar(right, element))
            case Name(name, subscripts):
                return self.reference(name, subscripts, element)
            case Call(function, arguments, _) if function in REDUCTIONS and self.reduces(function, arguments, element):
                return self.reduction(function, arguments[0], element)
            case Call(function, arguments, _) if function in VECTORS:
                return vector(self, function, arguments, element)
            case Call(function, arguments, subscripts):
                if function in self.axes:
                    function = self.element_name(function, subscripts, element)
                return Call(function, tuple(self.scalar(a, element) for a in arguments))
        raise self.draft.error(element.declaration, "a subscript stands where a value is expected")

    def reduces(self, function: str, arguments: tuple[Expression, ...], element: Element) -> bool:
        """Whether this call runs over labels (``MIN(a, b)`` does not, ``MIN(a[*])`` does)."""
        return len(arguments) == 1 or function in ("sum", "mean", "prod", "size", "vmin", "vmax", "stddev", "elmcount")

    def reference(self, name: str, subscripts: tuple[Expression, ...], element: Element) -> Expression:
        """The element of a variable that a reference means, or a choice by position where a subscript is a formula."""
        axes = self.axes.get(name)
        if axes is None:
            if name in element.bound:
                return Number(float(self.position_of(element.bound[name], name)))
            if name in self.draft.labels and not subscripts:
                return Number(float(self.position_of(name)))
            return Name(name)
        subscripts = self.completed(name, subscripts, element)
        choices: list[tuple[Expression | None, list[str]]] = [(None, [])]
        for subscript, axis in zip(subscripts, axes, strict=True):
            resolved = self.resolve(subscript, element, axis)
            if isinstance(resolved, tuple):
                if len(resolved) != 1:
                    problem = f"'{scalar_name(name, ['*'])}' is a whole array where one value is expected"
                    raise self.draft.error(element.declaration, problem)
                resolved = resolved[0]
            choices = self.chosen(choices, resolved, axis, element)
        terms: list[Expression] = []
        for condition, labels in choices:
            own = Name(scalar_name(name, labels))
            terms.append(own if condition is None else Call("if_then_else", (condition, own, Number(0.0))))
        return joined("+", terms)

    def chosen(
        self,
        choices: list[tuple[Expression | None, list[str]]],
        resolved: str | Expression,
        axis: tuple[str, ...],
        element: Element,
    ) -> list[tuple[Expression | None, list[str]]]:
        """The choices extended by one subscript: a label, or every label under the condition of its position."""
        if isinstance(resolved, str):
            return [(condition, [*labels, resolved]) for condition, labels in choices]
        position = self.scalar(resolved, element)
        extended: list[tuple[Expression | None, list[str]]] = []
        for condition, labels in choices:
            for place, label in enumerate(axis, start=1):
                here: Expression = Binary("=", Call("int", (position,)), Number(float(place)))
                extended.append((here if condition is None else Binary("and", condition, here), [*labels, label]))
        return extended

    def position_of(self, label: str, dimension: str = "") -> int:
        """Position of a label, from 1: in the dimension named (XMILE) or the largest that has it (Vensim)."""
        holding = [d for d in self.draft.dimensions.values() if label in d]
        if dimension and self.draft.dialect == "xmile":
            return self.draft.dimensions[dimension].index(label) + 1
        return max(holding, key=len).index(label) + 1 if holding else 0

    def completed(self, name: str, subscripts: tuple[Expression, ...], element: Element) -> tuple[Expression, ...]:
        """A bare array name inside an array equation takes the left side's dimensions, each where its labels fit."""
        axes = self.axes[name]
        if len(subscripts) == len(axes):
            return subscripts
        if subscripts:
            problem = f"'{name}' has {len(axes)} dimensions, but {len(subscripts)} subscripts are given"
            raise self.draft.error(element.declaration, problem)
        free = dict(element.bound)
        found: list[Expression] = []
        for axis in axes:
            fitting = next((dimension for dimension, label in free.items() if label in axis), None)
            if fitting is None:
                found.append(Wildcard())
            else:
                del free[fitting]
                found.append(Name(fitting))
        return tuple(found)

    def element_name(self, name: str, subscripts: tuple[Expression, ...], element: Element) -> str:
        """The scalar name of a lookup that is called with subscripts."""
        reference = self.reference(name, subscripts, element)
        if not isinstance(reference, Name):
            raise self.draft.error(
                element.declaration, f"the lookup '{name}' is chosen by a formula; only labels can choose it"
            )
        return reference.name

    # --- functions over labels ----------------------------------------------------------------------------------------

    def instances(self, formula: Expression, element: Element) -> list[Expression]:
        """The formula once for every combination of the labels that it leaves open."""
        return [self.scalar(bound_formula, inner) for bound_formula, inner in self.opened(formula, element)]

    def opened(self, formula: Expression, element: Element) -> Iterable[tuple[Expression, Element]]:
        """The formula with its open dimensions bound, one combination of labels after the other."""
        axes: dict[str, tuple[str, ...]] = {}
        marked = self.marked(formula, element, axes)
        for labels in product(*axes.values()):
            bound = {**element.bound, **dict(zip(axes, labels, strict=True))}
            yield marked, replace(element, bound=bound)

    def marked(self, formula: Expression, element: Element, axes: dict[str, tuple[str, ...]]) -> Expression:
        """The formula with each open subscript replaced by a name that ``axes`` maps to its labels."""
        match formula:
            case Unary(operator, operand):
                return Unary(operator, self.marked(operand, element, axes))
            case Binary(operator, left, right):
                return Binary(operator, self.marked(left, element, axes), self.marked(right, element, axes))
            case Call(function, arguments, subscripts):
                if function in REDUCTIONS and len(arguments) == 1:
                    return formula
                subscripts = self.open_subscripts(function, subscripts, element, axes) if subscripts else ()
                return Call(function, tuple(self.marked(a, element, axes) for a in arguments), subscripts)
            case Name(name, subscripts) if self.axes.get(name):
                # Inside a reduction a bare array name means the whole array, whatever the left side is bound to.
                subscripts = subscripts or tuple(Wildcard() for _ in self.axes[name])
                return Name(name, self.open_subscripts(name, subscripts, element, axes))
        return formula

    def open_subscripts(
        self, name: str, subscripts: tuple[Expression, ...], element: Element, axes: dict[str, tuple[str, ...]]
    ) -> tuple[Expression, ...]:
        """Subscripts with each that stands for several labels named after what it runs over."""
        if len(subscripts) != len(self.axes[name]):
            problem = f"'{name}' has {len(self.axes[name])} dimensions, but {len(subscripts)} subscripts are given"
            raise self.draft.error(element.declaration, problem)
        found: list[Expression] = []
        for place, (subscript, axis) in enumerate(zip(subscripts, self.axes[name], strict=True)):
            resolved = self.resolve(subscript, element, axis)
            if not isinstance(resolved, tuple):
                found.append(subscript)
                continue
            mark = f"{place}:{','.join(resolved)}!"
            if isinstance(subscript, Name):
                mark = f"{subscript.name}!"
            elif isinstance(subscript, Wildcard) and subscript.dimension:
                mark = f"{subscript.dimension}!"
            axes[mark] = resolved
            found.append(Name(mark))
        return tuple(found)

    def reduction(self, function: str, argument: Expression, element: Element) -> Expression:
        """A sum, mean, product, smallest, largest, count or spread over labels, written out."""
        if function in ("size", "elmcount"):
            return Number(float(self.count(argument, element)))
        items = self.instances(argument, element)
        if not items:
            raise self.draft.error(element.declaration, f"{function} over no label")
        if function in ("sum", "mean"):
            total = joined("+", items)
            return total if function == "sum" else Binary("/", total, Number(float(len(items))))
        if function == "prod":
            return joined("*", items)
        if function == "stddev":
            centre = Binary("/", joined("+", items), Number(float(len(items))))
            squares = joined("+", [Binary("^", Binary("-", item, centre), Number(2.0)) for item in items])
            return Call("sqrt", (Binary("/", squares, Number(float(max(len(items) - 1, 1)))),))
        return balanced(lambda a, b: Call(function.removeprefix("v"), (a, b)), items)

    def count(self, argument: Expression, element: Element) -> int:
        """Number of labels of a dimension, or of elements of an array."""
        if isinstance(argument, Name) and argument.name in self.draft.dimensions:
            return len(self.draft.dimensions[argument.name])
        return sum(1 for _ in self.opened(argument, element))
