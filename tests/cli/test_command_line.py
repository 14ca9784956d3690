"""The command line as a whole: exit codes, closed pipes, full disks, Ctrl-C, help with examples, machine output."""

from __future__ import annotations

import errno
import io
import json
import math
import os
import re
import shlex
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import forkpoint.cli as command_line
from forkpoint.__main__ import main as start
from forkpoint.cli import COMMANDS, forkpoint, main
from forkpoint.cli.output import _widths, emit_table, print_json, to_csv, unit_words
from forkpoint.errors import MissingExtra, RunError, UnknownName

ROOT = Path(__file__).parents[2]


def exit_of(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of ``main`` as the shell sees it."""
    monkeypatch.setattr(sys, "argv", ["forkpoint", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> int:
    """The exit code where a command raises ``error``."""

    @click.command()
    def broken() -> None:
        raise error

    monkeypatch.setattr(command_line, "broken", broken, raising=False)
    monkeypatch.setitem(COMMANDS, "chips", ("What is known", "__init__:broken", ""))
    monkeypatch.setattr(command_line, "import_module", lambda _: command_line)
    return exit_of(monkeypatch, "chips")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "stopped"),
        (click.exceptions.Abort(), 130, "stopped"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), 2, "cannot write the answer: No space left on device"),
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/locked"), 2, "/locked: Permission denied"),
        (BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)), 0, ""),
        (MissingExtra("jax", "world"), 1, "pip install 'forkpoint[world]'"),
        (RunError("stock below zero"), 1, "stock below zero"),
        (UnknownName("chip", "H2O", ["H20"]), 2, "did you mean H20?"),
    ],
)
def test_every_end_has_its_code_and_one_sentence(monkeypatch, capsys, error, code, said):
    assert raising(monkeypatch, error) == code
    err = capsys.readouterr().err.strip()
    assert said in err
    assert len(err.splitlines()) <= 1


@pytest.mark.parametrize(
    "arguments", [("check", "H20", "--json"), ("check", "H20"), ("chips", "H20"), ("chips", "--csv")]
)
def test_a_full_disk_behind_standard_output_is_told(monkeypatch, capsys, arguments):
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(sys, "stdout", Full())
    assert exit_of(monkeypatch, *arguments) == 2
    assert "No space left on device" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [("chips",), ("chips", "--json"), ("chips", "--csv")])
def test_a_reader_that_leaves_early_is_no_error(monkeypatch, capsys, arguments):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert exit_of(monkeypatch, *arguments) == 0
        monkeypatch.undo()
        os.dup2(os.open(os.devnull, os.O_WRONLY), pipe.fileno())
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("number", ["nan", "inf"])
def test_an_option_takes_finite_numbers_only(monkeypatch, capsys, number):
    assert exit_of(monkeypatch, "compare", "H20", "--with", "H100", "--tpot", number) == 2
    assert "not a finite number" in capsys.readouterr().err


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_help_has_examples_that_name_the_command(verb):
    shown = CliRunner().invoke(forkpoint, [verb, "--help"], terminal_width=100)
    assert shown.exit_code == 0
    assert re.search(rf"Examples?:\s+forkpoint {verb}\b", shown.output)
    assert max(map(len, shown.output.splitlines())) <= 100


def paste(text: str) -> int:
    """Check every command of a text (and count them): words are known, and what follows is a comment to the shell."""
    lines = [one.strip().removeprefix("$ ") for one in re.sub(r" \\\n\s*", " ", text).splitlines()]
    lines = [line for line in lines if line.startswith("forkpoint ")]
    for line in lines:
        assert not re.search(r"\S {2,}[^#\s]", line), line
        for one in line.split(" · "):
            _, verb, *words = shlex.split(one.partition(" > ")[0].partition(" | ")[0], comments=True)
            command = forkpoint.get_command(click.Context(forkpoint), verb)
            if isinstance(command, click.Group):
                assert words[0] in command.commands
                continue
            assert not command.make_parser(click.Context(command)).parse_args(words)[1], line
    return len(lines)


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_example_of_a_help_can_be_pasted(verb):
    assert paste(forkpoint.get_command(click.Context(forkpoint), verb).epilog or "")


def test_every_command_of_the_pages_can_be_pasted():
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    blocks = re.compile(r"^```\w*\n(.*?)^```|((?:^ {4}.*\n)+)", re.M | re.S)
    assert sum(paste("".join(b)) for page in pages for b in blocks.findall(page.read_text(encoding="utf-8"))) > 40


@pytest.mark.parametrize(("typed", "said"), [("foo", "'forkpoint --help' lists them"), ("chek", "did you mean check?")])
def test_a_command_that_is_none_says_where_they_are(monkeypatch, capsys, typed, said):
    assert exit_of(monkeypatch, typed) == 2
    assert said in capsys.readouterr().err


def test_machine_output_is_plain():
    noisy = {"share": 499.99999999999994, "none": math.nan, "pair": (0.1 + 0.2, np.float32(0.5)), "grid": np.eye(1)}
    result = CliRunner().invoke(click.Command("x", callback=lambda: print_json(noisy)))
    assert json.loads(result.output) == {"share": 500.0, "none": None, "pair": [0.3, 0.5], "grid": [[1.0]]}
    assert to_csv([{"a": 0.1 + 0.2, "b": math.nan}, {"a": 1, "b": "昇腾\n910B"}]) == 'a,b\n0.3,\n1,"昇腾\n910B"\n'


@given(
    st.lists(st.lists(st.text("ab ", min_size=0, max_size=30), min_size=2, max_size=2), min_size=1, max_size=8),
    st.integers(40, 120),
)
def test_a_table_fits_and_keeps_words_whole_where_there_is_room(cells, room):
    widths = _widths(cells, room)
    gaps = 2 * (len(cells) - 1)
    words = [max((len(w) for text in column for w in text.split()), default=0) for column in cells]
    whole = [max(map(len, column)) for column in cells]
    assert sum(widths) + gaps <= room
    if sum(words) + gaps <= room:
        assert all(width >= word for width, word in zip(widths, words, strict=True))
    if sum(whole) + gaps <= room:
        assert widths == whole


def test_no_cell_of_a_table_is_lost(capsys):
    rows = [{f"column{i}": f"word{i}{'x' * 20} and{i}" for i in range(6)}]
    emit_table(rows)
    shown = "".join(capsys.readouterr().out.split())
    assert sum(shown.count(sign) for sign in "x") == 6 * 20


def test_few_valid_names_are_listed():
    assert str(UnknownName("verdict", "zzz", ["true", "false"])).endswith("; known: true, false")
    assert "known" not in str(UnknownName("chip", "zzz", [f"chip {n}" for n in range(40)]))


def test_a_long_answer_of_check_fits_a_hundred_columns():
    lines = CliRunner().invoke(forkpoint, ["check", "H20", "--on", "2025-04-10"]).output.splitlines()
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("content", [b"", b"\x00\x99\xff", b"case_id,kind\n1,x\n", None])
def test_observations_that_cannot_be_read_are_refused_by_their_name(monkeypatch, capsys, tmp_path, content):
    file = tmp_path / "later.csv"
    if content is not None:
        file.write_bytes(content)
    assert exit_of(monkeypatch, "score", str(file)) == 2
    assert "later.csv" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["score", "calibrate"])
def test_a_day_before_the_world_begins_is_refused(monkeypatch, capsys, verb):
    assert exit_of(monkeypatch, verb, "--as-of", "1990-01-01") == 2
    assert "starts in 2019" in capsys.readouterr().err


def test_every_lever_is_listed_also_those_with_two_dimensions():
    whole = json.loads(CliRunner().invoke(forkpoint, ["levers", "--all", "--json"]).output)
    assert len(whole) > 50
    assert max(len(str(row["now"])) for row in whole) > 200
    assert "1" in {row["unit"] for row in whole}
    shown = CliRunner().invoke(forkpoint, ["levers", "--all"]).output
    assert max(map(len, shown.splitlines())) <= 100
    assert "--json and --csv have them all" in shown
    assert re.search(r"initial_share +nvidia \(us", shown)


def test_a_number_without_dimension_has_no_unit():
    assert (unit_words("1"), unit_words("USD/year")) == ("", "USD/year")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("model", "deepsek-v3"), "did you mean deepseek-v3"),
        (("model", "nope"), "'forkpoint models' lists them; a Hugging Face config.json works too"),
        (("predict", "--model", "gpt3-175b", "--chip", "H2O"), "did you mean H20? 'forkpoint chips' lists them"),
        (("predict", "--model", "gpt3-175b", "--chip", "H20", "--cluster", "dgx"), "did you mean dgx-a100-superpod"),
        (("compare", "H2O"), "did you mean H20?"),
        (("compare", "H20", "--model", "deepsek-v3"), "did you mean deepseek-v3"),
        (("check", "H2O"), "did you mean H20?"),
        (("check", "H20", "--to", "Chnia"), "did you mean China"),
        (("run", "as-it-wsa"), "did you mean as-it-was? 'forkpoint scenarios' lists them"),
        (("ensemble", "nope"), "'forkpoint scenarios' lists them"),
        (("run", "--lever", "licence_fe=0.2"), "did you mean licence_fee"),
        (("explain", "usable_comput"), "did you mean usable_compute"),
        (("premises", "nope"), "known: article, nvidia"),
        (("premises", "--scenario", "nope"), "no scenario is called 'nope'"),
        (("decide", "as-it-was", "nope"), "no scenario is called 'nope'"),
        (("discover", "--less", "compute_ratio", "--versus", "nope"), "no scenario is called 'nope'"),
        (("sensitivity", "compute_ratio", "--scenario", "nope"), "no scenario is called 'nope'"),
        (("chisp",), "did you mean chip or chips?"),
    ],
)
def test_an_unknown_name_is_answered_by_the_nearest_or_by_where_to_look(monkeypatch, capsys, arguments, said):
    assert exit_of(monkeypatch, *arguments) == 2
    assert said in capsys.readouterr().err


class Terminal(io.StringIO):
    """A stream that somebody watches."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "machine", "seen"),
    [(Terminal(), (), True), (Terminal(), ("--json",), False), (io.StringIO(), (), False)],
)
def test_progress_shows_on_a_watched_terminal_only(monkeypatch, stream, machine, seen):
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setenv("TERM", "xterm")
    words = ("compare", "--with", "H100", "--model", "llama-3.1-70b", "--job", "prefill")
    assert exit_of(monkeypatch, *words, *machine) == 0
    assert ("comparing" in stream.getvalue()) is seen
    if not seen:
        assert stream.getvalue() == ""


def test_ctrl_c_while_the_command_line_loads_is_no_traceback(monkeypatch, capsys):
    class Interrupted:
        def find_spec(self, name, path=None, target=None):
            if name == "forkpoint.cli":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "forkpoint.cli")
    monkeypatch.setattr(sys, "meta_path", [Interrupted(), *sys.meta_path])
    with pytest.raises(SystemExit) as left:
        start()
    assert left.value.code == 130
    assert capsys.readouterr().err == "stopped\n"
