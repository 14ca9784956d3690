"""The README tells the truth: every command in it runs and prints what it shows.

``python tests/test_readme.py`` writes the outputs (and the picture) again.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
SHOWN = re.compile(r"```console\n\$ (?P<command>[^\n]+)\n(?P<output>.*?)```", re.S)
COMMAND = re.compile(r"^(?:\$ )?(forkpoint [a-z-]+)|`(forkpoint [a-z-]+)", re.M)


def output_of(command: str) -> str:
    words = [sys.executable, "-m", *shlex.split(command)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()) + "\n"


@pytest.mark.parametrize("shown", SHOWN.finditer(README.read_text(encoding="utf-8")), ids=lambda m: m["command"])
def test_a_shown_command_prints_what_is_shown(shown):
    assert output_of(shown["command"]) == shown["output"]


def test_every_command_named_exists():
    from forkpoint.cli import COMMANDS

    named = {(a or b).split()[1] for a, b in COMMAND.findall(README.read_text(encoding="utf-8"))}
    assert len(named) >= 8
    assert named - {"informs", "makes"} <= set(COMMANDS)


def test_every_page_linked_exists():
    for link in re.findall(r"\]\(([^)#:]+)\)", README.read_text(encoding="utf-8")):
        assert (ROOT / link).exists(), link


def write() -> None:
    """Run every shown command and put its output into the README; draw the picture."""
    text = README.read_text(encoding="utf-8")
    README.write_text(
        SHOWN.sub(lambda m: f"```console\n$ {m['command']}\n{output_of(m['command'])}```", text), encoding="utf-8"
    )
    import datetime as dt

    from forkpoint.report.law import status_picture
    from forkpoint.report.words import words

    (ROOT / "docs" / "status.svg").write_text(status_picture(dt.date(2026, 11, 1), words("en")).svg, encoding="utf-8")


if __name__ == "__main__":
    write()
