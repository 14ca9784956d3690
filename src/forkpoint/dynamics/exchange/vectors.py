"""Functions that look at a whole array from one element: ranks, orders, inverses, and what sums are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from forkpoint.dynamics.exchange.formula import Binary, Call, Expression, Name, Number, Unary, Wildcard

if TYPE_CHECKING:
    from forkpoint.dynamics.exchange.elements import Element, Spread

VECTORS = {"rank", "vector_rank", "vector_order", "vector_sort_order", "vector_select", "vector_elm_map",
           "invert_matrix"}  # fmt: skip


def vector(spread: Spread, function: str, arguments: tuple[Expression, ...], element: Element) -> Expression:
    """Functions that look at a whole vector from one element, written out."""
    if function in ("rank", "vector_rank", "vector_order", "vector_sort_order"):
        return ordering(spread, function, arguments, element)
    if function == "invert_matrix":
        return inverse(spread, arguments[0], element)
    raise spread.draft.error(element.declaration, f"the function {function.upper()} is not translated")


def inverse(spread: Spread, matrix: Expression, element: Element) -> Expression:
    """One element of the inverse of a small matrix: cofactor over determinant (Cramer's rule)."""
    rows, columns = matrix.subscripts[-2:] if isinstance(matrix, Name) and len(matrix.subscripts) > 1 else (None, None)
    if not (isinstance(matrix, Name) and isinstance(rows, Name) and isinstance(columns, Name)):
        raise spread.draft.error(
            element.declaration, "INVERT MATRIX needs an array over two dimensions of the left side"
        )
    if not {rows.name, columns.name} <= element.bound.keys():
        raise spread.draft.error(element.declaration, "INVERT MATRIX needs the two dimensions on the left side")
    axes = [spread.dimension(name.name, element) for name in (rows, columns)]
    if len(axes[0]) != len(axes[1]) or len(axes[0]) > 4:
        raise spread.draft.error(element.declaration, "INVERT MATRIX is translated for square matrices of up to 4 rows")
    entries = [
        [
            spread.scalar(matrix, replace(element, bound={**element.bound, rows.name: row, columns.name: column}))
            for column in axes[1]
        ]
        for row in axes[0]
    ]
    row, column = (axis.index(element.bound[n.name]) for axis, n in zip(axes, (rows, columns), strict=True))
    cofactor = determinant(minor(entries, column, row)) if len(entries) > 1 else Number(1.0)
    signed = cofactor if (row + column) % 2 == 0 else Unary("-", cofactor)
    return Binary("/", signed, determinant(entries))


def ordering(spread: Spread, function: str, arguments: tuple[Expression, ...], element: Element) -> Expression:
    """RANK (1 = smallest when the second argument is positive) and VECTOR SORT ORDER (0 = first place)."""
    if len(arguments) != 2:
        raise spread.draft.error(element.declaration, f"{function.upper()} takes 2 arguments, got {len(arguments)}")
    vector, direction = arguments[0], spread.scalar(arguments[1], element)
    last = vector.subscripts[-1] if isinstance(vector, Name) and vector.subscripts else Wildcard()
    if not isinstance(vector, Name) or not isinstance(last, Name) or last.name not in element.bound:
        raise spread.draft.error(
            element.declaration, f"{function.upper()} needs an array over a dimension of the left side"
        )
    opened = Name(vector.name, (*vector.subscripts[:-1], Wildcard(last.name)))
    items = spread.instances(opened, element)
    labels = spread.draft.dimensions[last.name]
    own = labels.index(element.bound[last.name])
    if len(items) != len(labels):
        problem = f"{function.upper()}: the array has {len(items)} elements, its dimension {len(labels)} labels"
        raise spread.draft.error(element.declaration, problem)
    ranks = [before_count(items, index, direction) for index in range(len(items))]
    if function in ("rank", "vector_rank"):
        return Binary("+", ranks[own], Number(1.0))
    terms: list[Expression] = [
        Call("if_then_else", (Binary("=", rank, Number(float(own))), Number(float(index)), Number(0.0)))
        for index, rank in enumerate(ranks)
    ]
    return joined("+", terms)


def minor(matrix: Sequence[Sequence[Expression]], row: int, column: int) -> list[list[Expression]]:
    """The matrix without one row and one column."""
    return [[x for c, x in enumerate(line) if c != column] for r, line in enumerate(matrix) if r != row]


def determinant(matrix: Sequence[Sequence[Expression]]) -> Expression:
    """The determinant of a small matrix, written out by its first row."""
    if len(matrix) == 1:
        return matrix[0][0]
    result: Expression = Binary("*", matrix[0][0], determinant(minor(matrix, 0, 0)))
    for column in range(1, len(matrix)):
        term = Binary("*", matrix[0][column], determinant(minor(matrix, 0, column)))
        result = Binary("-" if column % 2 else "+", result, term)
    return result


def before_count(items: Sequence[Expression], index: int, direction: Expression) -> Expression:
    """How many items come before the one at ``index``, ascending if ``direction`` > 0; ties keep their order."""
    rising: list[Expression] = []
    falling: list[Expression] = []
    for other, item in enumerate(items):
        if other == index:
            continue
        tie = other < index
        rising.append(one_if(Binary("<=" if tie else "<", item, items[index])))
        falling.append(one_if(Binary(">=" if tie else ">", item, items[index])))
    if not rising:
        return Number(0.0)
    up: Expression = Binary(">", direction, Number(0.0))
    return Call("if_then_else", (up, joined("+", rising), joined("+", falling)))


def one_if(condition: Expression) -> Expression:
    """1 where the condition holds, else 0."""
    return Call("if_then_else", (condition, Number(1.0), Number(0.0)))


def joined(operator: str, items: Sequence[Expression]) -> Expression:
    """The items with one operator between them, as a balanced tree: long sums stay shallow."""
    return balanced(lambda a, b: Binary(operator, a, b), items)


def balanced(join: Callable[[Expression, Expression], Expression], items: Sequence[Expression]) -> Expression:
    """The items joined two by two."""
    if len(items) == 1:
        return items[0]
    half = (len(items) + 1) // 2
    return join(balanced(join, items[:half]), balanced(join, items[half:]))
