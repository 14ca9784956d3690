"""The function of an equation as LaTeX, from its source text: what the author wrote is what the page shows."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from forkpoint.errors import ModelError

BINARY: dict[type[ast.operator], tuple[str, int]] = {
    ast.Add: (" + ", 4), ast.Sub: (" - ", 4), ast.Mult: (r" \, ", 5), ast.Pow: ("^", 8), ast.BitAnd: (r" \wedge ", 2),
    ast.BitOr: (r" \vee ", 1), ast.Mod: (r" \bmod ", 5), ast.FloorDiv: (r" \div ", 5),
}  # fmt: skip
COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<", ast.LtE: r"\le", ast.Gt: ">", ast.GtE: r"\ge", ast.Eq: "=", ast.NotEq: r"\ne",
}  # fmt: skip
ATOM = 9

Written = tuple[str, int]
"""LaTeX and how tightly it binds."""


def equation_latex(
    function: Callable[..., Any], inputs: tuple[str, ...], symbol: Callable[[str], str], label: str
) -> tuple[str, list[tuple[str, str]]]:
    """The returned expression and the intermediate results (name, expression) before it.

    ``inputs`` are the variables that the arguments stand for, ``symbol`` writes a variable. Raises ModelError, naming
    the equation by ``label``, where its source is not at hand or holds what the page cannot show.
    """
    node = source_node(function, label)
    arguments = [argument.arg for argument in node.args.args]
    names = {argument: symbol(name) for argument, name in zip(arguments, inputs, strict=True)}
    closure = inspect.getclosurevars(function)
    writer = LatexWriter(names, {**closure.globals, **closure.nonlocals}, label)
    if isinstance(node, ast.Lambda):
        return writer.write(node.body), []
    return writer.body(node.body)


def source_node(function: Callable[..., Any], label: str) -> ast.FunctionDef | ast.Lambda:
    """The syntax tree of a function or lambda."""
    function = inspect.unwrap(function)
    try:
        text = textwrap.dedent(inspect.getsource(function))
        tree = ast.parse(text if text.lstrip()[0] not in "(,)." else f"({text.strip()})")
    except (OSError, TypeError, SyntaxError, IndexError) as error:
        raise ModelError(f"{label}: its source cannot be read for the page of equations") from error
    wanted = function.__code__.co_varnames[: function.__code__.co_argcount]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.Lambda) and tuple(a.arg for a in node.args.args) == wanted:
            return node
    raise ModelError(f"{label}: its source cannot be read for the page of equations")


class LatexWriter:
    """Writes expressions of one function; ``names`` maps arguments and locals to LaTeX, ``known`` holds outer names."""

    def __init__(self, names: dict[str, str], known: Mapping[str, Any], label: str) -> None:
        self.names, self.known, self.label = names, known, label

    def refuse(self, node: ast.AST) -> ModelError:
        """The error for what has no form on the page."""
        return ModelError(f"{self.label}: '{ast.unparse(node).splitlines()[0]}' has no form on the page of equations")

    def body(self, statements: list[ast.stmt]) -> tuple[str, list[tuple[str, str]]]:
        """The statements of a function."""
        lines: list[tuple[str, str]] = []
        for statement in statements:
            match statement:
                case ast.Expr(ast.Constant()):
                    continue
                case ast.Assign([ast.Name(name)], value) | ast.AnnAssign(ast.Name(name), _, ast.expr() as value):
                    written = self.write(value)
                    self.names[name] = text(name)
                    lines.append((self.names[name], written))
                case ast.Assign([ast.Tuple(targets)], value) if all(isinstance(t, ast.Name) for t in targets):
                    written = self.write(value)
                    self.names |= {t.id: text(t.id) for t in targets if isinstance(t, ast.Name)}
                    lines.append((", ".join(self.write(t) for t in targets), written))
                case ast.Return(ast.expr() as value):
                    return self.write(value), lines
                case _:
                    raise self.refuse(statement)
        raise ModelError(f"{self.label}: its function returns nothing")

    def write(self, node: ast.expr) -> str:
        """LaTeX of an expression."""
        return self.expression(node)[0]

    def inside(self, node: ast.expr, level: int) -> str:
        """LaTeX of an operand, in brackets where it binds less tightly than ``level``."""
        written, own = self.expression(node)
        return written if own >= level else rf"\left({written}\right)"

    def expression(self, node: ast.expr) -> Written:
        """LaTeX of an expression and how tightly it binds."""
        match node:
            case ast.Constant(bool() as value):
                return rf"\text{{{str(value).lower()}}}", ATOM
            case ast.Constant(int() | float() as value):
                return figure(value), ATOM if value >= 0 else 4
            case ast.Constant(str() as value):
                return text(value), ATOM
            case ast.Name(name):
                return self.name(name), ATOM
            case ast.Attribute(_, name):
                return text(name), ATOM
            case ast.BinOp(left, ast.Div(), right):
                return rf"\frac{{{self.write(left)}}}{{{self.write(right)}}}", 6
            case ast.BinOp(left, ast.Pow(), right):
                return f"{self.inside(left, ATOM)}^{{{self.write(right)}}}", 8
            case ast.BinOp(left, operator, right) if type(operator) in BINARY:
                sign, level = BINARY[type(operator)]
                tighter = level + 1 if isinstance(operator, ast.Sub) else level
                return f"{self.inside(left, level)}{sign}{self.inside(right, tighter)}", level
            case ast.UnaryOp(ast.USub(), operand):
                return f"-{self.inside(operand, 5)}", 4
            case ast.UnaryOp(ast.Not() | ast.Invert(), operand):
                return rf"\neg {self.inside(operand, ATOM)}", 7
            case ast.UnaryOp(ast.UAdd(), operand):
                return self.expression(operand)
            case ast.Compare(left, operators, others):
                return self.comparison(left, operators, others), 3
            case ast.Call(function, arguments, keywords):
                return self.call(node, function, arguments, keywords)
            case ast.Tuple(items) | ast.List(items):
                return ", ".join(self.write(item) for item in items), 0
            case ast.Subscript(value, index):
                return rf"{self.inside(value, ATOM)}_{{{self.write(index)}}}", ATOM
        raise self.refuse(node)

    def name(self, name: str) -> str:
        """An argument, a local name, or a number from outside the function."""
        if name in self.names:
            return self.names[name]
        value = self.known.get(name)
        return figure(value) if isinstance(value, int | float) and not isinstance(value, bool) else text(name)

    def comparison(self, left: ast.expr, operators: list[ast.cmpop], others: list[ast.expr]) -> str:
        """A chain of comparisons."""
        parts = [self.inside(left, 4)]
        for operator, other in zip(operators, others, strict=True):
            if type(operator) not in COMPARISONS:
                raise self.refuse(other)
            parts += [COMPARISONS[type(operator)], self.inside(other, 4)]
        return " ".join(parts)

    def call(
        self, node: ast.Call, function: ast.expr, arguments: list[ast.expr], keywords: list[ast.keyword]
    ) -> Written:
        """A function of the engine in its usual notation; any other by its name."""
        if not isinstance(function, ast.Name | ast.Attribute) or any(isinstance(a, ast.Starred) for a in arguments):
            raise self.refuse(node)
        name = function.attr if isinstance(function, ast.Attribute) else function.id
        options = {k.arg: k.value for k in keywords if k.arg}
        over = self.index(options["over"]) if "over" in options else ""
        parts = [self.write(argument) for argument in arguments]
        match name, len(parts):
            case ("exp", 1):
                return f"e^{{{parts[0]}}}", 8
            case ("log", 1):
                return rf"\ln\left({parts[0]}\right)", ATOM
            case ("sqrt", 1):
                return rf"\sqrt{{{parts[0]}}}", ATOM
            case ("sin" | "cos" | "tanh", 1):
                return rf"\{name}\left({parts[0]}\right)", ATOM
            case ("absolute", 1):
                return rf"\left|{parts[0]}\right|", ATOM
            case ("minimum" | "maximum", 2):
                return rf"\{name[:3]}\left({parts[0]},\, {parts[1]}\right)", ATOM
            case ("where", 3):
                return rf"\begin{{cases}} {parts[1]} & {parts[0]} \\ {parts[2]} & \text{{else}} \end{{cases}}", ATOM
            case ("total", 1):
                return rf"\sum_{{{over}}} {self.inside(arguments[0], 5)}", 5
            case ("largest" | "smallest", 1):
                return rf"\{'max' if name == 'largest' else 'min'}_{{{over}}} {self.inside(arguments[0], 5)}", 5
            case ("mean", 1) if "weight" not in options:
                return rf"\operatorname{{mean}}_{{{over}}}\left({parts[0]}\right)", ATOM
            case ("power", 2):
                return f"{self.inside(arguments[0], ATOM)}^{{{parts[1]}}}", 8
            case ("divide" | "quotient", 2) if not options:
                return rf"\frac{{{parts[0]}}}{{{parts[1]}}}", 6
        extra = [f"{text(k)} = {self.write(v)}" for k, v in options.items() if k != "over"]
        sub = f"_{{{over}}}" if over else ""
        listed = r",\, ".join([*parts, *extra])
        return rf"\operatorname{{{escaped(name)}}}{sub}\left({listed}\right)", ATOM

    def index(self, node: ast.expr) -> str:
        """The dimensions under a sum."""
        if isinstance(node, ast.Constant):
            return text(str(node.value))
        return self.write(node)


def text(name: str) -> str:
    """A name as upright text."""
    return rf"\text{{{escaped(name)}}}"


def escaped(name: str) -> str:
    """A name with underscores as spaces and LaTeX's own characters escaped."""
    spaced = name.replace("_", " ")
    return "".join(rf"\{c}" if c in "&%$#{}" else c for c in spaced)


def figure(value: float) -> str:
    """A number; powers of ten instead of e-notation."""
    shown = f"{value:.12g}"
    mantissa, _, exponent = shown.partition("e")
    if not exponent:
        return mantissa
    power = f"10^{{{int(exponent)}}}"
    return power if mantissa == "1" else rf"{mantissa} \cdot {power}"
