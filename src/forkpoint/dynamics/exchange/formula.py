"""The expression grammar of XMILE (OASIS XMILE 1.0, section 3) and Vensim: text → syntax tree.

Names are compared as both tools do: without regard to case, and with every run of spaces, underscores and
line breaks as one underscore (`canonical`). Operators, weakest first: OR, AND, NOT, comparison, + -, * / MOD,
unary sign, ^ (right to left). Comments in braces are dropped.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from forkpoint.errors import InputError


@dataclass(frozen=True, slots=True)
class Number:
    """A literal."""

    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A string in single quotes (Vensim's external data functions take them)."""

    value: str


@dataclass(frozen=True, slots=True)
class Wildcard:
    """All labels of a dimension: ``*`` (dimension by position) or ``dim!`` / ``dim.*`` (by name)."""

    dimension: str | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A range of labels, ``first:last``, both included."""

    first: Expression
    last: Expression


@dataclass(frozen=True, slots=True)
class Name:
    """A reference to a variable, or inside a subscript to a dimension or label; ``name`` is canonical."""

    name: str
    subscripts: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """A builtin function, a lookup or a macro applied to arguments; ``function`` is canonical."""

    function: str
    arguments: tuple[Expression, ...]
    subscripts: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True)
class Unary:
    """``-``, ``+`` or ``not``."""

    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    """An arithmetic, comparison or logical operator (``and``, ``or``, ``mod`` in lower case)."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Table:
    """A lookup written out in the formula (Vensim: ``WITH LOOKUP(x, ((x1,y1),…))``)."""

    points: tuple[tuple[float, float], ...]


Expression: TypeAlias = Number | Text | Wildcard | Span | Name | Call | Unary | Binary | Table

_SPACE = re.compile(r"(?:[\s_\u00a0]|\\n|\\r)+")
_TOKEN = re.compile(
    r"""(?P<space>(?:[\s\u00a0]|\\\n|\\\r)+|\{[^}]*\})
    |(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<quoted>"(?:[^"\\]|\\.)*")
    |(?P<text>'[^']*')
    |(?P<keyword>:(?:AND|OR|NOT|NA|EXCEPT|RAW|INTERPOLATE|HOLD\ BACKWARD|LOOK\ FORWARD):)
    |(?P<word>[^\W\d](?:[\w$'.]|\\n)*)
    |(?P<operator><>|<=|>=|!=|//|:=|[-+*/^=<>()\[\],;:!@|?~])""",
    re.VERBOSE | re.IGNORECASE,
)
_WORD_OPERATORS = {"and", "or", "not", "mod", "if", "then", "else"}
_COMPARISONS = {"=", "<>", "!=", "<", "<=", ">", ">="}


def canonical(name: str) -> str:
    """The form under which both tools compare names: ``" Net  Flow\\n"`` and ``net_flow`` are one name."""
    bare = name.strip()
    if len(bare) >= 2 and bare[0] == bare[-1] == '"':
        bare = bare[1:-1].replace('\\"', '"')
    return _SPACE.sub("_", bare).strip("_").casefold() or bare


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a formula: its kind, text and position."""

    kind: str
    text: str
    position: int


def tokens(text: str, where: str, word_operators: bool = True) -> list[Token]:
    """The words of a formula. Adjacent words join to one name (``birth rate``), as both tools allow.

    ``word_operators``: whether AND, OR, NOT, MOD, IF, THEN, ELSE are operators (XMILE) or plain words (Vensim).
    Raises InputError with the position of a character that no token starts with.
    """
    found: list[Token] = []
    position = 0
    joinable = False
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise InputError(f"{where}: unexpected character {text[position]!r} at position {position + 1} of '{text}'")
        kind, word, start = str(match.lastgroup), match.group(), position
        position = match.end()
        if kind == "space":
            continue
        if kind == "keyword":
            kind, word = "operator", word.strip(":").casefold()
        elif kind == "word" and word_operators and word.casefold() in _WORD_OPERATORS:
            kind, word = "operator", word.casefold()
        if kind == "number" and joinable and (rest := re.match(r"[\w$'.]+", text[position:])):
            # "supply 1d": a name that goes on with a digit.
            word, position = word + rest.group(), position + rest.end()
        joins = kind == "word" or (kind == "number" and joinable)
        if joins and joinable and found:
            found[-1] = Token("word", f"{found[-1].text} {word}", found[-1].position)
        else:
            found.append(Token(kind, word, start))
        joinable = kind == "word" or (kind == "number" and joinable)
    return found


class Parser:
    """A recursive-descent parser over one formula."""

    def __init__(self, text: str, where: str, word_operators: bool = True) -> None:
        self.text, self.where = text, where
        self.tokens = tokens(text, where, word_operators)
        self.position = 0

    def parse(self) -> Expression:
        """The syntax tree of the whole text. Raises InputError where it does not follow the grammar."""
        expression = self.expression()
        if self.position < len(self.tokens):
            raise self.error(f"unexpected '{self.tokens[self.position].text}'")
        return expression

    def error(self, problem: str) -> InputError:
        """The parse error ``problem``, with its place."""
        if self.position < len(self.tokens):
            problem += f" at position {self.tokens[self.position].position + 1}"
        else:
            problem += " at the end"
        return InputError(f"{self.where}: {problem} of the formula '{' '.join(self.text.split())}'")

    def peek(self) -> str:
        """The operator at the cursor, or an empty string."""
        if self.position < len(self.tokens) and self.tokens[self.position].kind == "operator":
            return self.tokens[self.position].text
        return ""

    def accept(self, *operators: str) -> str:
        """Take one of ``operators`` if it is next; else an empty string."""
        found = self.peek()
        if found and found in operators:
            self.position += 1
            return found
        return ""

    def expect(self, operator: str) -> None:
        """Take ``operator`` or raise."""
        if not self.accept(operator):
            raise self.error(f"expected '{operator}'")

    def expression(self) -> Expression:
        """An expression of any operator; ``IF c THEN a ELSE b`` included."""
        if self.accept("if"):
            condition = self.expression()
            self.expect("then")
            yes = self.expression()
            self.expect("else")
            return Call("if_then_else", (condition, yes, self.expression()))
        return self.disjunction()

    def disjunction(self) -> Expression:
        """Conjunctions between OR."""
        left = self.conjunction()
        while self.accept("or"):
            left = Binary("or", left, self.conjunction())
        return left

    def conjunction(self) -> Expression:
        """Negations between AND."""
        left = self.negation()
        while self.accept("and"):
            left = Binary("and", left, self.negation())
        return left

    def negation(self) -> Expression:
        """NOT before a comparison."""
        if self.accept("not"):
            return Unary("not", self.negation())
        return self.comparison()

    def comparison(self) -> Expression:
        """Sums between comparison operators."""
        left = self.sum()
        while operator := self.accept(*_COMPARISONS):
            left = Binary("<>" if operator == "!=" else operator, left, self.sum())
        return left

    def sum(self) -> Expression:
        """Products between + and -."""
        left = self.product()
        while operator := self.accept("+", "-"):
            left = Binary(operator, left, self.product())
        return left

    def product(self) -> Expression:
        """Signed factors between * / // MOD."""
        left = self.signed()
        while operator := self.accept("*", "/", "//", "mod"):
            right = self.signed()
            left = Call("safediv", (left, right)) if operator == "//" else Binary(operator, left, right)
        return left

    def signed(self) -> Expression:
        """A power with signs before it."""
        if operator := self.accept("-", "+", "not"):
            operand = self.signed()
            return operand if operator == "+" else Unary(operator, operand)
        return self.power()

    def power(self) -> Expression:
        """A primary raised to a power."""
        base = self.primary()
        if self.accept("^"):
            return Binary("^", base, self.signed())
        return base

    def primary(self) -> Expression:
        """A number, text, reference or bracket."""
        if self.accept("("):
            if self.looks_like_points():
                return self.points()
            inner = self.expression()
            self.expect(")")
            return inner
        if self.accept("if"):
            self.position -= 1
            return self.expression()
        if self.accept("na"):
            return Name(":na:")
        if self.position >= len(self.tokens) or self.tokens[self.position].kind == "operator":
            raise self.error("expected a number, a name or '('")
        token = self.tokens[self.position]
        self.position += 1
        if token.kind == "number":
            return Number(float(token.text))
        if token.kind == "text":
            return Text(token.text[1:-1])
        return self.reference(canonical(token.text))

    def reference(self, name: str) -> Expression:
        """A name with its subscripts and arguments."""
        subscripts: tuple[Expression, ...] = ()
        if self.accept("["):
            subscripts = self.listed(self.subscript, "]")
        if self.accept("("):
            return Call(name, self.listed(self.expression, ")"), subscripts)
        return Name(name, subscripts)

    def listed(self, item: Callable[[], Expression], end: str) -> tuple[Expression, ...]:
        """Items between commas up to ``end``."""
        if self.accept(end):
            return ()
        found: list[Expression] = [item()]
        while self.accept(",", ";"):
            found.append(item())
        self.expect(end)
        return tuple(found)

    def subscript(self) -> Expression:
        """One subscript: an expression, ``*``, ``*:dim``, ``dim!`` or ``first:last``."""
        if self.accept("*"):
            if self.accept(":"):
                return self.subscript()
            return Wildcard()
        first = self.expression()
        if self.accept("!"):
            if not isinstance(first, Name):
                raise self.error("expected the name of a dimension before '!'")
            return Wildcard(first.name)
        if isinstance(first, Name) and first.name.endswith("."):
            self.expect("*")
            return Wildcard(first.name[:-1])
        if self.accept(":"):
            return Span(first, self.expression())
        return first

    def looks_like_points(self) -> bool:
        """Whether a written-out lookup starts here: ``(x,y),…`` or ``[(…)-(…)],…`` after the first bracket."""
        ahead = [token.text for token in self.tokens[self.position : self.position + 6]]
        if ahead[:1] == ["["]:
            return True
        return ahead[:1] == ["("] and ("," in ahead[2:4]) and (")" in ahead[3:6])

    def points(self) -> Table:
        """The points of a written-out lookup; the range in square brackets is for drawing only."""
        if self.accept("["):
            while not self.accept("]"):
                if self.position >= len(self.tokens):
                    raise self.error("expected ']'")
                self.position += 1
            self.expect(",")
        found: list[tuple[float, float]] = []
        while self.accept("("):
            x = self.literal()
            self.expect(",")
            found.append((x, self.literal()))
            self.expect(")")
            if not self.accept(","):
                break
        self.expect(")")
        return Table(tuple(found))

    def literal(self) -> float:
        """A number with its sign."""
        sign = -1.0 if self.accept("-") else 1.0
        self.accept("+")
        if self.position >= len(self.tokens) or self.tokens[self.position].kind != "number":
            raise self.error("expected a number")
        self.position += 1
        return sign * float(self.tokens[self.position - 1].text)


def parse(text: str, where: str = "formula", word_operators: bool = True) -> Expression:
    """The syntax tree of a formula. Raises InputError, naming ``where``, the position and what was expected.

    ``word_operators`` as in `tokens`.
    """
    try:
        return Parser(text, where, word_operators).parse()
    except RecursionError:
        raise InputError(f"{where}: the formula is nested too deeply") from None
