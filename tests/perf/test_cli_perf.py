"""The commands predict, plan and fit-perf: answers, JSON, CSV, pictures, and sentences on bad input."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from forkpoint.catalog import DATA
from forkpoint.cli.perf import _counts, fit_perf, plan, predict
from forkpoint.errors import InputError

A100 = "nvidia-a100-sxm-80gb"


def test_predict_prints_an_explanation_and_json() -> None:
    words = ["--model", "llama-2-7b", "--chip", A100, "--chips", "8", "--batch", "64"]
    shown = CliRunner().invoke(predict, words, catch_exceptions=False)
    assert "bound by compute" in " ".join(shown.output.split())
    found = json.loads(CliRunner().invoke(predict, [*words, "--json"], catch_exceptions=False).output)
    assert found["low"] < found["rate"] < found["high"]
    assert found["bound_by"] == "compute"


@pytest.mark.parametrize("job", ["prefill", "decode", "serve"])
def test_predict_serves_too(job: str) -> None:
    words = ["--model", "llama-3.1-70b", "--chip", "nvidia-h100-sxm-80gb", "--chips", "8", "--job", job, "--json"]
    found = json.loads(CliRunner().invoke(predict, words, catch_exceptions=False).output)
    assert found["rate"] > 100
    assert 0 < sum(found["memory_gb"].values()) <= found["memory_limit_gb"]


def test_batch_writes_every_row(tmp_path: Path) -> None:
    source = Path(str(DATA)) / "performance_measured.csv"
    lines = source.read_text(encoding="utf-8").splitlines()
    rows, out = tmp_path / "rows.csv", tmp_path / "predictions.csv"
    rows.write_text("\n".join(lines[:12]) + "\n", encoding="utf-8")
    done = CliRunner().invoke(predict, ["--measured", str(rows), "--out", str(out)], catch_exceptions=False)
    assert "train-dense" in done.output
    with out.open(encoding="utf-8") as stream:
        written = list(csv.DictReader(stream))
    names = "id,kind,chip,model,metric,value,predicted,low,high,error_pct,bound_by,skipped"
    assert list(written[0]) == names.split(",")
    assert len(written) == 11
    assert all(float(r["low"]) < float(r["predicted"]) < float(r["high"]) for r in written)


def test_plan_lists_the_fastest_first_and_says_what_it_rejected() -> None:
    words = ["--model", "gpt3-175b", "--chip", A100, "--chips", "512", "--sequence", "2048", "--batch", "1536"]
    found = json.loads(CliRunner().invoke(plan, [*words, "--json"], catch_exceptions=False).output)
    seconds = [p["seconds"] for p in found["plans"]]
    assert seconds == sorted(seconds)
    assert found["rejected"]["needs more memory than the chip has"] > 0
    front = CliRunner().invoke(plan, [*words, "--pareto", "--csv"], catch_exceptions=False).output.splitlines()
    assert front[0] == "plan,seconds,memory_gb,chips,usd,best"
    assert len(front) > 3


def test_plan_over_several_counts_shows_the_front_and_its_champions() -> None:
    words = ["--model", "llama-2-7b", "--chip", "H100", "--batch", "64", "--chips", "8..32,37", "--json"]
    found = json.loads(CliRunner().invoke(plan, words, catch_exceptions=False).output)
    assert {p["chips"] for p in found["plans"]} == {8, 16, 32}
    assert "37" in found["no_plan"]
    champions = [b for p in found["plans"] for b in p["best"].split(", ") if b]
    assert sorted(champions) == ["chips", "cost", "memory", "time"]
    for name, best in (("seconds", "time"), ("memory_gb", "memory"), ("chips", "chips"), ("usd", "cost")):
        champion = next(p for p in found["plans"] if best in p["best"])
        assert champion[name] == min(p[name] for p in found["plans"])
    shown = CliRunner().invoke(plan, [*words[:-1], "--top", "2"], catch_exceptions=False).output
    assert "2 of the front shown" in shown
    assert "over 37 chips" in " ".join(shown.split())


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("4096", (4096,)), ("512, 256,512", (256, 512)), ("64..1000", (64, 128, 256, 512)),
        ("1024..3000:512", (1024, 1536, 2048, 2560)), ("5..5", (5,)),
    ],
)  # fmt: skip
def test_counts_of_chips(text: str, counts: tuple[int, ...]) -> None:
    context = click.Context(plan)
    assert _counts(context, plan.params[0], text) == counts


@pytest.mark.parametrize(
    "text", ["", "0", "-4", "8..4", "4096:2", "1..8:0", "64,,128", "1..9999999:1", "1..99999999", "x"]
)
def test_a_count_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="count"):
        _counts(click.Context(plan), plan.params[0], text)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "say --model and --chip"),
        (["--out", "x.csv"], "belongs to --measured"),
        (["--model", "gpt3-175b", "--chip", A100, "--chips", "64", "--cluster", "nowhere"], "no cluster is called"),
        (["--model", "gpt3-175b", "--chip", A100, "--chips", "8"], "does not fit"),
    ],
)
def test_bad_input_is_a_sentence(words: list[str], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        CliRunner().invoke(predict, words, catch_exceptions=False)


def test_a_waterfall_is_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    words = ["--model", "llama-2-7b", "--chip", A100, "--waterfall", str(tmp_path / "w.svg")]
    CliRunner().invoke(predict, words, catch_exceptions=False)
    assert "<svg" in (tmp_path / "w.svg").read_text(encoding="utf-8")
    with pytest.raises(InputError, match="a picture ends in"):
        CliRunner().invoke(predict, [*words[:-1], str(tmp_path / "w.doc")], catch_exceptions=False)


def test_predict_imports_nothing_heavy() -> None:
    code = (
        "import sys; from forkpoint.perf import predict; "
        f"predict('llama-2-7b', '{A100}', 8); "
        "print([m for m in ('scipy', 'jax', 'matplotlib', 'pandas', 'xarray') if m in sys.modules])"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert made.stdout.strip() == "[]"


def test_help_has_examples() -> None:
    for command in (predict, plan, fit_perf):
        assert "Examples:" in CliRunner().invoke(command, ["--help"]).output


def run(*words: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(CliRunner().invoke(predict, [*words, "--json"], catch_exceptions=False).output)
    return answer


def test_serving_a_mixture_tries_data_ranks() -> None:
    words = ("--model", "deepseek-v3", "--chip", "H20", "--chips", "32", "--job", "decode")
    free = run(*words, "--precision", "fp8")
    fixed = run(*words, "--precision", "fp8", "--tp", "16")
    assert "data ranks" in free["plan"]
    assert free["rate"] >= fixed["rate"]


def test_a_share_of_the_layers_is_recomputed() -> None:
    words = ("--model", "gpt3-175b", "--chip", "A100", "--chips", "64", "--tp", "8", "--pp", "8")
    layout = ("--micro-batch", "1", "--recompute", "full", "--sequence", "2048", "--batch", "64")
    whole, half = (run(*words, *layout, *more) for more in ((), ("--recomputed", "0.5")))
    assert half["rate"] > whole["rate"]
    assert "50% of layers" in half["plan"]
