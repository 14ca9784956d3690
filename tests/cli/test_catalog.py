"""The catalogue's commands: tables that fit, machine formats that parse, errors in a sentence."""

import csv
import io
import json
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from forkpoint.catalog import DATA, catalog
from forkpoint.cli import forkpoint
from forkpoint.cli.catalog import _claim_row
from forkpoint.errors import ForkpointError


def run(*words, code=0):
    result = CliRunner().invoke(forkpoint, list(words))
    assert result.exit_code == code, (words, result.output, result.exception)
    return result.stdout


def fails(*words):
    result = CliRunner().invoke(forkpoint, list(words))
    assert isinstance(result.exception, ForkpointError), result.output
    assert not result.stdout
    return str(result.exception)


@pytest.mark.parametrize(
    "words",
    [["chips"], ["chips", "--status-on", "2023-11-17"], ["events"], ["claims"], ["claims", "--type", "causal"]],
)
def test_tables_fit_a_hundred_columns(words):
    out = run(*words)
    assert max(len(line) for line in out.splitlines()) <= 100


def test_chips_are_filtered_and_sorted():
    rows = json.loads(run("chips", "--vendor", "huawei", "--sort", "fp16_tflops", "--desc", "--json"))
    rates = [r["fp16_tflops"] for r in rows if r["fp16_tflops"] is not None]
    assert rates == sorted(rates, reverse=True)
    assert {r["vendor"] for r in rows} == {"Huawei"}
    assert rows[-1]["fp16_tflops"] is None
    early = json.loads(run("chips", "--country", "us", "--released-by", "2022-10-06", "--json"))
    assert {"nvidia-a100-sxm-80gb"} <= {r["id"] for r in early}
    assert "nvidia-l40s-pcie-48gb" not in {r["id"] for r in early}
    assert {r["family"] for r in json.loads(run("chips", "--family", "hopper", "--json"))} == {"Hopper"}
    assert all(r["segment"] == "consumer" for r in json.loads(run("chips", "rtx", "--segment", "consumer", "--json")))


def test_chips_as_csv_are_rows_of_the_catalogue():
    rows = list(csv.DictReader(io.StringIO(run("chips", "h20", "--csv"))))
    assert [r["source_urls"].split(";")[0] for r in rows] == [
        catalog().accelerators[r["id"]].source_urls[0] for r in rows
    ]


def test_the_status_on_a_day_is_that_of_the_law():
    before = json.loads(run("chips", "a800", "--status-on", "2023-10-22", "--to", "CN", "--json"))
    after = json.loads(run("chips", "a800", "--status-on", "2023-10-23", "--to", "CN", "--json"))
    assert {r["licence_required"] for r in before if r["id"] == "nvidia-a800-sxm-80gb"} == {"no"}
    assert {r["licence_required"] for r in after if r["id"] == "nvidia-a800-sxm-80gb"} == {"yes"}
    free = json.loads(run("chips", "--status-on", "2023-11-17", "--status", "no", "--vendor", "NVIDIA", "--json"))
    assert "nvidia-h20-sxm-96gb" in {r["id"] for r in free}
    assert "nvidia-h100-sxm-80gb" not in {r["id"] for r in free}


def test_a_chip_in_full():
    out = run("chip", "L40")
    for part in ("logic_die_area_mm2", "608.5", "mm²", "primary", "https://", "Rival values", "362", "TPP 2,896"):
        assert part in out
    assert "|2023" in out
    document = json.loads(run("chip", "L40", "--json"))
    assert document["units"]["mem_bw_gbs"] == "GB/s"
    assert {r["alternative"] for r in document["rivals"]} == {"362", "724"}
    life = document["legal"]["life"]
    assert [s["from"] for s in life] == sorted(s["from"] for s in life)
    assert {"2023-11-17"} <= {s["from"] for s in life}


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["chip", "h20", "141gb"], ["nvidia-h20-sxm-141gb"]),
        (["chip", "昇腾910B"], ["huawei-ascend-910b3"]),
        (["chip", "DGX H100"], ["nvidia-dgx-h100", "accelerator_count", "TPP 15,832"]),
        (["chip", "HBM3E"], ["package_area_mm2", "memory bandwidth density"]),
    ],
)
def test_chip_finds_chips_systems_and_stacks(words, parts):
    out = run(*words)
    assert all(p in out for p in parts), out


def test_events_and_claims_are_filtered():
    letters = json.loads(run("events", "--type", "letter", "--chip", "h20", "--json"))
    assert letters
    assert all("H20" in " ".join(e["affected_chips"]) for e in letters)
    days = [e["date_announced"] for e in json.loads(run("events", "--since", "2025-01-01", "--json"))]
    assert days == sorted(days)
    assert min(days) >= "2025-01-01"
    wrong = json.loads(run("claims", "--verdict", "contradicted", "--json"))
    assert {c["verdict"] for c in wrong} == {"contradicted"}
    assert len(list(csv.DictReader(io.StringIO(run("claims", "--type", "causal", "--csv"))))) == 20


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["chips", "--vendor", "nvidai"], "did you mean NVIDIA?"),
        (["chips", "zzzz"], "no accelerator is called 'zzzz'"),
        (["chips", "--sort", "mem_gbs"], "did you mean mem_gb"),
        (["chips", "--released-by", "2022-13-01"], "--released-by: '2022-13-01' is not a day"),
        (["chips", "--status", "no"], "--status needs --status-on"),
        (["chips", "--status-on", "2023-01-01", "--status", "maybe"], "is not one of yes, no, indeterminate"),
        (["chip", "H2O"], "did you mean H20?"),
        (["chip", "A100 40GB"], "can mean 2 accelerators"),
        (["events", "--type", "lettr"], "did you mean letter?"),
        (["claims", "--verdict", "suported"], "did you mean supported"),
        (["chips", "--catalog", "no/such/folder"], "does not exist"),
        (["data", "check", "no/such/file.csv"], "does not exist"),
    ],
)
def test_errors_are_sentences(words, part):
    assert part in fails(*words)


def test_data_check_of_ours_is_fine():
    assert "all fine" in run("data", "check")
    assert json.loads(run("data", "check", "--json"))["ok"] is True


def test_data_check_names_file_row_column_value_and_expectation(tmp_path):
    lines = (DATA / "accelerators.csv").read_text(encoding="utf-8").splitlines()[:2]
    path = tmp_path / "accelerators.csv"
    path.write_text("\n".join(lines).replace("datacenter", "datacentre"), encoding="utf-8")
    result = CliRunner().invoke(forkpoint, ["data", "check", str(path)])
    assert result.exit_code == 2
    for part in ("accelerators.csv", "row 1", "'segment'", "'datacentre'", "'datacenter'"):
        assert part in result.stderr
    error = json.loads(run("data", "check", str(tmp_path), "--json", code=2))["files"][0]["errors"][0]
    assert (error["row"], error["column"], error["value"]) == (1, "segment", "datacentre")


def test_a_users_folder_reaches_every_command(tmp_path):
    lines = (DATA / "accelerators.csv").read_text(encoding="utf-8").splitlines()
    own = next(x for x in lines if x.startswith("nvidia-h20-sxm-96gb")).replace("nvidia-h20-sxm-96gb", "me-1")
    own = own.replace("NVIDIA H20 SXM5 96GB (HGX H20)", "Own Two")
    (tmp_path / "accelerators.csv").write_text(f"{lines[0]}\n{own}\n", encoding="utf-8")
    assert "Own Two" in run("chips", "--catalog", str(tmp_path), "own two")
    assert "me-1" in run("chip", "--catalog", str(tmp_path), "own two")
    assert "no accelerator" in fails("chips", "own two")


def test_an_error_on_the_real_command_line_is_one_line_and_exit_2():
    done = subprocess.run(
        [sys.executable, "-m", "forkpoint", "chip", "H2O"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "forkpoint: no accelerator, system or HBM stack is called 'H2O'; did you mean H20? "
        "'forkpoint chips' lists accelerators\n"
    )


def test_a_claim_is_shown_in_full_with_its_sources():
    claim = next(c for c in catalog().claims if c.claim_id == "F06")
    shown = " ".join(run("claims", "f06").split())
    assert all(url in shown.replace(" ", "") for url in claim.evidence_urls)
    assert claim.notes in shown
    assert [c["claim_id"] for c in json.loads(run("claims", "F14", "F06", "--json"))] == ["F06", "F14"]
    assert {c["claim_id"] for c in json.loads(run("claims", "R&D", "--json"))} >= {"C12", "F41"}


def test_a_claim_says_no_kind_of_statement_as_a_unit():
    """``largest`` in ``rank`` and ``saturated`` in ``status`` are cells of the file, not English."""
    told = [_claim_row(c)["claim"] for c in catalog().claims]
    assert not [t for t in told if re.search(r" (rank|status|order|size|direction|quote|share)$", t)]
    assert any(t.endswith(" 20 percent") for t in told)
