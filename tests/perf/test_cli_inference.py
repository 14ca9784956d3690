"""``models``, ``model`` and ``compare`` from the command line."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from forkpoint.cli import forkpoint
from forkpoint.errors import InputError
from forkpoint.perf.inference_parameters import markdown_table

CONFIGS = Path(__file__).parent / "data" / "configs"
PAGE = Path(__file__).parents[2] / "docs" / "inference.md"


def run(*words: str) -> Result:
    return CliRunner().invoke(forkpoint, list(words))


def test_models_lists_counted_parameters() -> None:
    rows = {r["model"]: r for r in json.loads(run("models", "--json").output)}
    assert rows["DeepSeek-V3"]["parameters_b"] == pytest.approx(671, rel=0.01)
    assert rows["Llama 3.1 405B"]["kv_kb_per_token"] == pytest.approx(2 * 8 * 128 * 126 * 2 / 1024)
    assert "unknown" in rows["Ling-Plus"]
    table = list(csv.DictReader(io.StringIO(run("models", "--lab", "deepseek", "--csv").output)))
    assert {r["lab"] for r in table} == {"DeepSeek"}


def test_models_of_an_unknown_lab() -> None:
    found = run("models", "--lab", "nobody")
    assert isinstance(found.exception, InputError)
    assert "DeepSeek" in str(found.exception)


def test_model_by_name_and_by_file_agree() -> None:
    named = json.loads(run("model", "gpt-oss-20b", "--json").output)
    read = json.loads(run("model", str(CONFIGS / "gpt-oss-20b.json"), "--json").output)
    assert named["parameters_b"] == pytest.approx(read["parameters_b"], rel=0.001)
    assert named["kv_kb_per_token"] == read["kv_kb_per_token"]
    assert "window 128" in run("model", "gpt-oss-20b").output


def test_model_that_nobody_knows(tmp_path: Path) -> None:
    assert "did you mean" in str(run("model", "depseek-v3").exception)
    broken = tmp_path / "config.json"
    broken.write_text("{")
    assert "is not valid JSON" in str(run("model", str(broken)).exception)


def test_compare_says_count_range_and_what_binds() -> None:
    words = ("compare", "H20", "910C", "--with", "H100", "--model", "deepseek-v3", "--job", "decode")
    rows = json.loads(run(*words, "--json").output)
    assert [r["chip"] for r in rows] == ["nvidia-h20-sxm-96gb", "huawei-ascend-910c"]
    for row in rows:
        assert row["low"] < row["count"] < row["high"]
        assert row["bound_by"] in ("compute", "HBM", "network", "overhead", "capacity")
    assert "NVIDIA H100" in run(*words).output


def test_compare_all_jobs_of_a_configuration_file() -> None:
    found = json.loads(run("compare", "A100", "--model", str(CONFIGS / "mistral-7b.json"), "--json").output)
    assert [r["job"] for r in found] == ["train", "prefill", "decode", "serve"]


def test_compare_every_chip() -> None:
    rows = json.loads(run("compare", "--model", "Llama 3 8B", "--job", "prefill", "--json").output)
    by_chip = {r["chip"]: r for r in rows}
    assert by_chip["nvidia-h100-sxm-80gb"]["Llama 3 8B: prefill"] == pytest.approx(1.0)
    assert by_chip["nvidia-h100-sxm-80gb"]["TPP ratio"] == pytest.approx(1.0)
    assert by_chip["cambricon-mlu590"]["Llama 3 8B: prefill"] is None


def test_a_latency_out_of_reach_is_a_sentence() -> None:
    found = run("compare", "H20", "--model", "llama 3.1 70b", "--job", "decode", "--tpot", "0.1")
    assert isinstance(found.exception, InputError)


def test_the_page_shows_the_shipped_parameters() -> None:
    assert markdown_table() in PAGE.read_text(encoding="utf-8")
