"""An equation of the page of equations as one line of text, for a terminal: the LaTeX that ``latex`` writes, read."""

from __future__ import annotations

import re

SIGNS = {r"\sum": "sum", r"\ln": "ln", r"\max": "max", r"\min": "min", r"\le": "≤", r"\ge": "≥", r"\ne": "≠",
         r"\wedge": "and", r"\vee": "or", r"\neg": "not", r"\cdot": "·", r"\div": "div", r"\bmod": "mod",
         r"\,": "", r"\left": "", r"\right": "", r"\ldots": "…", r"\Delta": "Δ"}  # fmt: skip
TOKEN = re.compile(r" \\, |\\,|\\\\|\\[A-Za-z]+|\\.|.", re.DOTALL)
WORD = re.compile(r"[\w.]+(\[[^][]*\])?|[a-z]*\([^()]*\)")


def plain(latex: str) -> str:
    """Names with underscores as in the code, dimensions in brackets, fractions as ``a / b``, products as ``a · b``."""
    tokens = TOKEN.findall(latex)
    return re.sub(r" +", " ", _read(tokens)).replace("if else", "else").strip()


def _read(tokens: list[str], closing: str = "") -> str:
    """Text up to the closing token, which is taken away."""
    out = ""
    while tokens:
        token = tokens.pop(0)
        if token == closing:
            break
        match token:
            case r"\text" | r"\operatorname":
                out += _group(tokens).replace(" ", "_")
            case r"\frac":
                out += f"{_bracketed(_group(tokens))} / {_bracketed(_group(tokens))}"
            case r"\sqrt":
                out += f"sqrt({_group(tokens)})"
            case r"\begin":
                _group(tokens)
                out += "{ " + _read(tokens, r"\end")
                _group(tokens)
                out += "}"
            case "_":
                below = _group(tokens)
                out += below if below.isdigit() else f"[{below}]"
            case "^":
                out += f"^{_bracketed(_group(tokens))}"
            case " \\, ":
                out += " · "
            case r"\\":
                out += "; "
            case "&":
                out += "if "
            case "{":
                out += _read(tokens, "}")
            case _:
                out += SIGNS.get(token, token.removeprefix("\\"))
    return out


def _group(tokens: list[str]) -> str:
    """The next braced group, or the next token."""
    return _read(tokens, "}") if tokens and tokens[0] == "{" and tokens.pop(0) else _read([tokens.pop(0)])


def _bracketed(text: str) -> str:
    """A term of more than one word in brackets."""
    return text if WORD.fullmatch(text) else f"({text})"
