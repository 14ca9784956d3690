"""The page about loops: its code runs, in order, as a reader would type it."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "loops.md"


def test_the_code_of_the_page_runs_and_says_what_it_says(capsys):
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), names)
    told = capsys.readouterr().out
    assert "True all 4 loops" in told
    assert "R1 word of mouth" in told
    assert "direct effect" in told
    assert str(names["svg"]).startswith("<svg")
