"""Commands as a user types them: what they give, and the sentence in which they are refused."""

from __future__ import annotations

import csv
import io
import sys

import pytest
from click.testing import CliRunner, Result

from forkpoint.cli import forkpoint, main


def run(*words: object) -> Result:
    return CliRunner().invoke(forkpoint, [str(w) for w in words])


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """The one sentence on stderr of a command that leaves with 2."""
    monkeypatch.setattr(sys, "argv", ["forkpoint", *map(str, words)])
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr().err.strip()
    assert left.value.code == 2, said
    assert len(said.splitlines()) == 1, said
    return said


def rows_of(result: Result) -> list[dict[str, str]]:
    assert result.exit_code == 0, result.output
    return list(csv.DictReader(io.StringIO(result.stdout)))
