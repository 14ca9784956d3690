"""The page about the engine: its code runs, and it names every function that equations may use."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from forkpoint.dynamics import functions

PAGE = (Path(__file__).parents[2] / "docs" / "dynamics.md").read_text(encoding="utf-8")


def test_the_code_of_the_page_runs():
    names: dict[str, object] = {"__name__": "page"}
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        exec(compile(block, "docs/dynamics.md", "exec"), names)


def test_the_page_names_every_function():
    public = {n for n, v in vars(functions).items() if inspect.isfunction(v) and v.__module__ == functions.__name__}
    words = set(re.findall(r"\w+", PAGE))
    assert {n for n in public if not n.startswith("_")} - {"library"} <= words
