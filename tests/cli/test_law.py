"""check, timeline, matrix and diff as people run them: answers, exit codes, and bad input told in words."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forkpoint.cli.chip import chip
from forkpoint.cli.design import headroom
from forkpoint.cli.law import check, diff, matrix, timeline
from forkpoint.errors import ForkpointError, InputError
from forkpoint.rules.account import in_words
from forkpoint.rules.clauses import law

HEADER = "case_id,kind,chip,sku,destination,end_user_hq,end_user,transaction,purpose,on_date,segment\n"


def run(command, *arguments: str) -> Result:  # type: ignore[no-untyped-def]
    return CliRunner().invoke(command, list(arguments))


def refused(command, *arguments: str) -> str:  # type: ignore[no-untyped-def]
    """The sentence with which bad input is refused: an error of ours, never another exception."""
    result = run(command, *arguments)
    assert isinstance(result.exception, InputError), (result.output, result.exception)
    assert "Traceback" not in result.output
    return str(result.exception)


def test_a_plain_answer() -> None:
    out = run(check, "H20", "--to", "CN", "--on", "2025-04-10").output
    assert "not 3A090 [ECCN 3A090]" in out
    assert "yes, by letter [NVIDIA 8-K of 2025-04-15]" in out
    assert "not legal advice" in out
    assert "end user headquartered in CN" in out


CODE = re.compile(r"\b[a-z0-9]+_\w+")
"""What no person should have to read: a word with underscores."""


@pytest.mark.parametrize(
    "words",
    [
        [check, "H20", "--on", "2026-02-10", "--explain"],
        [check, "RTX 4090", "--to", "GB", "--hq", "CN", "--on", "2024-06-01", "--transaction", "reexport"],
        [check, "910B", "--on", "2025-06-01", "--affiliates", "stayed"],
        [check, "H100", "--on", "2022-08-01"],
        [timeline, "H20"],
        [timeline, "910B"],
        [diff, "2023-11-16", "2023-11-17"],
        [headroom, "H20", "--on", "2025-04-10"],
    ],
)
def test_people_read_words_and_machines_codes(words: list[Any]) -> None:
    told = run(*words).output.replace("letter_datacenter_only", "")  # named as a switch by a clause's note
    assert [
        line for line in told.splitlines() if CODE.search(line) and "http" not in line and "│   -" not in line
    ] == []


def test_the_life_of_a_chip_is_told_in_words() -> None:
    shown = run(chip, "H20").output
    assert "no licence required (not 3A090)" in shown
    assert "licence required (not 3A090, licences are being granted)" in shown


def test_every_code_of_the_law_has_words() -> None:
    """Whatever a clause can answer is said without underscores."""
    fields = {"eccn": "eccn", "source": "licence_source", "net": "net_authorisation", "policy": "review_policy",
              "exception": "exception_available", "status": "prc_gate"}  # fmt: skip
    told = [in_words(fields[k], str(v)) for c in law().clauses for k, v in c.effect.items() if k in fields]
    assert told
    assert [text for text in told if "_" in text] == []


def test_a_timeline_explains_its_question_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forkpoint.cli.output.screen_width", lambda: 80)
    shown = run(timeline, "B200", "--to", "AE").output
    assert "? indeterminate" in shown
    assert "indeterminat\n" not in shown


@pytest.mark.parametrize("name", ["H20", "910B", "RTX 4090", "RTX 5090 D", "H200", "MI308X"])
def test_a_timeline_keeps_dates_and_paragraphs_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forkpoint.cli.output.screen_width", lambda: 80)
    spans = json.loads(run(timeline, name, "--json").output)
    shown = run(timeline, name).output
    assert max(map(len, shown.splitlines())) <= 80
    for span in spans:
        assert span["from"] in shown
        assert re.findall(r"\d[A-Z]\d{3}\S*", in_words("eccn", span["eccn"]))[0] in shown


def test_json_carries_the_explanation() -> None:
    answer = json.loads(run(check, "H20", "--on", "2023-12-01", "--json").output)
    assert answer["licence_required"] == "no"
    assert answer["trace"]["schema"] == "forkpoint.trace.v1"
    steps = json.dumps(answer["trace"])
    assert "ECCN 3A090.a.1 and .a.2 (88 FR 73458)" in steps
    paragraph = next(s for s in answer["trace"]["children"][0]["children"] if s["name"] == "paragraph")
    b = next(s for s in paragraph["children"] if s["name"].startswith("3A090.b"))
    assert b["outcome"] == "not met"
    assert b["margin"] == pytest.approx((2400 - 2368) / 2400)


def test_explain_prints_every_clause() -> None:
    out = run(check, "A100", "--on", "2022-11-01", "--explain").output
    assert "3A090 of October 2022" in out
    assert "87 FR 62186" in out
    assert "aggregate I/O (2022) = 664 GB/s" in out


def test_two_time_axes() -> None:
    before = run(check, "H100", "--to", "MY", "--on", "2025-06-01", "--known", "2025-02-01").output
    after = run(check, "H100", "--to", "MY", "--on", "2025-06-01").output
    assert "licence          yes" in before
    assert "licence          no" in after


def test_a_chip_of_ones_own(tmp_path: Path) -> None:
    specs = tmp_path / "chip.yaml"
    specs.write_text("name: mine\nfp8_tflops: 299\nlogic_die_area_mm2: 800\nmem_bw_gbs: 1000\npcie: PCIe 5.0 x16\n")
    assert "not 3A090" in run(check, "--specs", str(specs), "--on", "2024-01-01").output
    assert "3A090.a" in run(check, "--specs", str(_scaled(specs, 1000)), "--on", "2024-01-01").output


def test_letters_reach_firms_so_the_firm_would_settle_it(tmp_path: Path) -> None:
    specs = tmp_path / "chip.yaml"
    specs.write_text("name: mine\ntpp: 1000\nmem_bw_gbs: 2000\npcie: PCIe 5.0 x16\nlink_bw_gbs: 100\n")
    out = run(check, "--specs", str(specs), "--on", "2025-05-01").output
    assert "licence          indeterminate" in out
    assert "which firm sells it" in out


def _scaled(specs: Path, rate: int) -> Path:
    specs.write_text(specs.read_text().replace("299", str(rate)))
    return specs


def test_variants_that_disagree_say_so() -> None:
    out = run(check, "H200", "--sku", "SXM/NVL", "--on", "2026-02-01", "--transaction", "import_to_us").output
    assert "25 % duty        indeterminate" in out
    assert "would settle it" in out


def test_batch_writes_the_results(tmp_path: Path) -> None:
    cases, out = tmp_path / "cases.csv", tmp_path / "results.csv"
    cases.write_text(
        HEADER + "1,licence,H100,SXM,CN,CN,,,,2024-01-01,datacenter\n2,licence,Zorblax 9,,CN,,,,,2024-01-01,\n"
    )
    result = run(check, "--cases", str(cases), "--out", str(out))
    assert result.exit_code == 0
    assert "Zorblax" in result.output
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    assert [r["eccn"] for r in rows] == ["3A090.a", "indeterminate"]
    assert [r["licence_required"] for r in rows] == ["yes", "indeterminate"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "empty"),
        ("case_id,chip\n1,H100\n", "'destination'"),
        (HEADER + "1,licence,H100,,CN,,,,,2024-13-01,\n", "row 1"),
        (HEADER + "1,licence,H100,,CN,,,,,tomorrow-ish,\n", "YYYY-MM-DD"),
        (HEADER + "1,licence,H100,,Chna,,,,,2024-01-01,\n", "did you mean"),
        (HEADER + "1,licence,H100,,CN,,,expotr_from_us,,2024-01-01,\n", "export_from_us"),
        (HEADER + "1,licence,H100,,CN,,,,militry,2024-01-01,\n", "military"),
        (HEADER + "1,licence,H100,,CN,,,,,2024-01-01,datazenter\n", "datacenter"),
        (HEADER + "1,licence,,,CN,,,,,2024-01-01,\n", "row 1"),
        (HEADER + "1,licence," + "x" * 10_000_000 + ",,CN,,,,,2024-01-01,\n", "not valid CSV"),
    ],
)
def test_bad_cases_are_told_and_nothing_is_written(content: str, said: str, tmp_path: Path) -> None:
    cases, out = tmp_path / "cases.csv", tmp_path / "results.csv"
    cases.write_text(content, encoding="utf-8")
    assert said in refused(check, "--cases", str(cases), "--out", str(out))
    assert list(tmp_path.iterdir()) == [cases]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", HEADER.encode() + "1,licence,昇腾910B,,CN".encode("gb18030")])
def test_other_encodings_are_told(content: bytes, tmp_path: Path) -> None:
    cases = tmp_path / "cases.csv"
    cases.write_bytes(content)
    assert "UTF-8" in refused(check, "--cases", str(cases), "--out", str(tmp_path / "r.csv"))
    assert not (tmp_path / "r.csv").exists()


@pytest.mark.parametrize(
    ("specs", "said"),
    [
        ("", "table"),
        ("- 1", "table"),
        ("name: x\nfp8_tflop: 3", "did you mean fp8_tflops"),
        ("name: x\nfp8_tflops: .nan", "finite"),
        ("name: x\nfp8_tflops: -3", "finite"),
        ("name: x\nfp8_tflops: .inf", "finite"),
        ("name: x\nfp8_tflops: many", "finite"),
        ("name: x\nsegment: toys", "segment"),
        ("fp8_tflops: 3", "'name'"),
        ("name: [x", "not valid YAML"),
        ("name: x\nvendor_country: ZZ", "country"),
    ],
)
def test_bad_specs_are_told(specs: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "chip.yaml"
    path.write_text(specs)
    assert said in refused(check, "--specs", str(path), "--on", "2025-02-01")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give one of"),
        (("H20", "--specs", "x.yaml"), "give one of"),
        (("H20", "--out", "x.csv"), "--cases"),
        (("H2O",), "did you mean"),
        (("H20", "--on", "yesterday"), "YYYY-MM-DD"),
        (("H20", "--to", "Atlantis"), "country"),
        (("H20", "--hq", "Frnce"), "France"),
        (("H20", "--segment", "toys"), "segment"),
        (("H20", "--exported-tpp", "1"), "both sums"),
        (("H20", "--exported-tpp", "nan", "--us-tpp", "1"), "finite"),
        (("H20", "--listed-ownership", "7"), "between 0 and 1"),
        (("H20", "--cases", "missing.csv"), "give one of"),
        (("--cases", "missing.csv"), "cannot read"),
        (("H20", "--reform", "missing.yaml"), "cannot read"),
        (("H20", "--on", "0001-01-01"), "oldest law"),
        (("", "--on", "2024-01-01"), ""),
    ],
)
def test_bad_options_are_told(arguments: tuple[str, ...], said: str) -> None:
    assert said in refused(check, *arguments)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    chip=st.text(max_size=40),
    to=st.one_of(st.sampled_from(["CN", "DE"]), st.text(max_size=12)),
    on=st.one_of(st.just("2024-01-01"), st.dates().map(str), st.text(max_size=12)),
    purpose=st.text(max_size=20),
    end_user=st.text(max_size=30),
)
def test_any_words_are_answered_or_refused_in_words(chip: str, to: str, on: str, purpose: str, end_user: str) -> None:
    result = run(check, f"--to={to}", f"--on={on}", f"--purpose={purpose}", f"--end-user={end_user}", "--", chip)
    assert result.exception is None or isinstance(result.exception, ForkpointError | SystemExit), result.exception


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.text(max_size=300), st.text(max_size=200).map(lambda t: HEADER + t)))
def test_any_file_is_answered_or_refused_in_words(content: str, tmp_path: Path) -> None:
    path = tmp_path / "any.csv"
    path.write_text(content, encoding="utf-8", errors="surrogatepass" if "\ud800" in content else "strict")
    out = tmp_path / "out.csv"
    out.unlink(missing_ok=True)
    result = run(check, "--cases", str(path), "--out", str(out))
    assert result.exception is None or isinstance(result.exception, ForkpointError), result.exception
    assert out.exists() == (result.exception is None)


def test_timeline_of_the_h20() -> None:
    rows = json.loads(run(timeline, "H20", "--json").output)
    starts = {r["from"]: r for r in rows}
    assert starts["2025-04-09"]["licence_source"] == "letter"
    assert rows[0]["from"] == "2022-08-25"
    assert rows[-1]["to"] is None
    assert starts["2025-08-11"]["fee"] == "15%"


def test_matrix_has_a_row_a_chip_and_a_column_a_version() -> None:
    rows = list(csv.DictReader(io.StringIO(run(matrix, "A100", "A800", "H20", "--csv").output)))
    assert [r["chip"] for r in rows] == ["A100", "A800", "H20"]
    assert rows[1]["2022-08-26"] == "free"
    assert rows[1]["2023-10-23"] == "licence"
    assert rows[2]["2025-04-09"] == "licence"
    one = json.loads(run(matrix, "A100", "--on", "2022-08-25", "--on", "2022-08-26", "--json").output)
    assert one == [{"chip": "A100", "2022-08-25": "free", "2022-08-26": "licence"}]


def test_diff_of_the_day_of_the_2023_rule() -> None:
    changes = {c["chip"]: c for c in json.loads(run(diff, "2023-11-16", "2023-11-17", "--json").output)}
    assert changes["nvidia-rtx-4090-24gb"]["after"]["net_authorisation"] == "exception_with_notice"
    assert changes["nvidia-a800-sxm-80gb"]["before"]["eccn"] == "not_3A090"
    assert "nvidia-l2-pcie-24gb" not in changes
    assert "nothing changed" in run(diff, "2023-12-01", "2023-12-02").output


@pytest.mark.parametrize("command", [check, timeline, matrix, diff])
def test_help_has_an_example(command) -> None:  # type: ignore[no-untyped-def]
    assert "forkpoint " + command.name in run(command, "--help").output


def test_a_check_imports_nothing_heavy() -> None:
    """The whole process is meant to take 0.3 s: NumPy and rich alone would take a third of it."""
    script = (
        "import sys; from forkpoint.cli import forkpoint; "
        "forkpoint.main(['check', 'H20', '--on', '2025-04-10'], standalone_mode=False); "
        "print([m for m in 'numpy rich scipy pandas jax xarray pint'.split() if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "[]"


def test_headroom_says_of_what_where_and_when() -> None:
    shown = run(headroom, "H20", "--on", "2025-04-10").output
    assert "H20 → CN on 2025-04-10" in shown
    today = run(headroom, "H20").output
    assert f"on {dt.date.today().isoformat()}" in today
