"""The commands on uncertainty as typed: their numbers, and errors that are one sentence with file, key and nearest."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from as_typed import refused, rows_of, run

import forkpoint as fp
from forkpoint.uncertainty.calibrate import Posterior
from forkpoint.uncertainty.parameters import coordinates
from forkpoint.uncertainty.posterior_file import write_posterior
from forkpoint.world.fitted import model_version

NAMES = tuple(c.name for c in coordinates())


# The posterior: what --posterior takes, whatever the command.


@pytest.fixture
def fitted(tmp_path: Path) -> Path:
    """A posterior of the priors' own width, as ``forkpoint calibrate --out`` would write it."""
    size = len(NAMES)
    root = np.eye(size)
    root[0, 0] = 0.5
    return write_posterior(
        Posterior(dt.date(2025, 1, 1), NAMES, np.full(size, 0.1), root, 1.0, 2.0, 3), tmp_path / "posterior.npz"
    )


def changed(path: Path, **values: object) -> Path:
    """The file with parts of its header (``header_…``) or arrays replaced; None takes a part out."""
    with np.load(path) as stored:
        parts = {k: stored[k] for k in stored.files}
    header = json.loads(str(parts["header"]))
    for key, value in values.items():
        place, name = (header, key[7:]) if key.startswith("header_") else (parts, key)
        if value is None:
            del place[name]
        else:
            place[name] = value
    parts.setdefault("header", np.array(""))
    if "header" not in values:
        parts["header"] = np.array(json.dumps(header))
    np.savez(path, **parts)
    return path


def test_a_posterior_of_ones_own_is_what_is_drawn_from(fitted: Path) -> None:
    found = fp.ensemble("as-it-was", draws=20, posterior=fitted)
    assert found.origin == "posterior of 2025-01-01"
    result = run("ensemble", "--draws", 20, "--posterior", fitted, "--json")
    told = next(r for r in json.loads(result.stdout) if r["output"] == "compute_ratio" and r["time"] == 2030.0)
    assert told["p50"] == pytest.approx(float(found.ranges("compute_ratio").at(2030.0)[2]), rel=1e-6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mode": np.zeros(5)}, r"'mode' has the shape \(5,\), not"),
        ({"shrink": np.zeros(7)}, "'directions' has the shape"),
        ({"mode": np.full(len(NAMES), np.nan)}, "'mode' holds numbers that are not finite"),
        ({"shrink": None}, "shrink is not in it"),
        ({"header": np.array("{")}, "not a posterior file, or a damaged one"),
        ({"header": np.array("[1]")}, "the header is no mapping"),
        ({"header_as_of": None}, "the header has no 'as_of'"),
        ({"header_as_of": "yesterday"}, "the header is damaged"),
        ({"header_schema": "other.v9"}, "'other.v9' is not 'forkpoint.posterior.v1'"),
        ({"header_model": "0" * 16}, f"version {'0' * 16} of the model, this is {model_version()}"),
        ({"header_names": ["hbm_growht", *NAMES[1:]]}, "has 'hbm_growht' .nearest here: 'hbm_growth'"),
        ({"header_names": NAMES[1:]}, f"lacks '{NAMES[0]}'"),
        ({"header_names": NAMES[::-1]}, "in another order"),
    ],
)
def test_a_posterior_that_does_not_fit_is_told_by_file_and_key(monkeypatch, capsys, fitted, change, said):
    path = changed(fitted, **change)
    sentence = refused(monkeypatch, capsys, "ensemble", "--draws", 2, "--posterior", path)
    assert str(path) in sentence
    assert re.search(said, sentence)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "damaged"), (b"name,value\n", "damaged"), (b"PK\x03\x04 cut", "damaged"), (None, "Is a directory")],
)
def test_a_file_that_is_no_posterior_is_told(monkeypatch, capsys, tmp_path, content, said):
    path = tmp_path / "mine.npz"
    path.mkdir() if content is None else path.write_bytes(content)
    sentence = refused(monkeypatch, capsys, "decide", "--draws", 20, "--posterior", path)
    assert str(path) in sentence
    assert said in sentence


def test_a_damaged_bit_of_a_posterior_is_found(monkeypatch, capsys, fitted):
    content = bytearray(fitted.read_bytes())
    content[len(content) // 2] ^= 0xFF
    fitted.write_bytes(content)
    assert str(fitted) in refused(monkeypatch, capsys, "ensemble", "--draws", 2, "--posterior", fitted)


@pytest.mark.parametrize(
    "words",
    [
        ("ensemble", "--draws", 2), ("sensitivity", "compute_ratio"), ("premises",), ("decide",),
        ("discover", "--event", "compute_ratio>=5"), ("loops", "--draws", 2),
    ],
    ids=lambda w: w[0],
)  # fmt: skip
def test_a_missing_posterior_names_the_nearest_whatever_the_command(monkeypatch, capsys, fitted, words):
    sentence = refused(monkeypatch, capsys, *words, "--posterior", fitted.with_name("posteriro.npz"))
    assert "posteriro.npz" in sentence
    assert "did you mean posterior.npz?" in sentence
    assert "did you mean default?" in refused(monkeypatch, capsys, *words, "--posterior", "defualt")


# Ensembles.


def test_an_ensemble_on_the_terminal_and_for_machines() -> None:
    words = ("ensemble", "as-it-was", "full-embargo", "--draws", 30, "--outputs", "compute_ratio")
    shown = run(*words)
    assert shown.exit_code == 0
    assert "full-embargo minus as-it-was" in shown.output
    assert "30 draws" in shown.output
    rows = rows_of(run(*words, "--csv"))
    ranges = [r for r in rows if not r["minus"]]
    assert {r["scenario"] for r in ranges} == {"as-it-was", "full-embargo"}
    assert len(ranges) == 2 * 69
    for row in ranges:
        numbers = [float(row[k]) for k in ("p05", "p25", "p50", "p75", "p95")]
        assert numbers == sorted(numbers)
    late = next(r for r in rows if r["minus"] and float(r["time"]) == 2030.0)
    assert 0.0 <= float(late["p_above"]) + float(late["p_below"]) <= 1.0


def test_an_ensemble_and_a_run_tell_one_quantity_in_one_unit() -> None:
    """Billions and per cent as in ``forkpoint run``, no exponents; what no draw moves is a plain nought."""
    words = ("as-it-was", "full-embargo", "--outputs", "nvidia_china_revenue", "--outputs", "domestic_share_units")
    shown = run("ensemble", *words, "--draws", 20, "--to", 2027).output
    assert re.search(r"nvidia_china_revenue +bn USD/year +\d", shown)
    assert re.search(r"domestic_share_units +% +\d", shown)
    assert not re.search(r"\de[+-]\d|\(0…0\)", shown)
    other = run("ensemble", "--outputs", "domestic_sales", "--draws", 20, "--to", 2027).output
    assert re.search(r"domestic_sales +bn USD/year +[\d.]+ \(", other)


def test_a_run_says_that_it_has_no_range_and_where_ranges_are() -> None:
    shown = " ".join(run("run", "as-it-was", "full-embargo", "--to", 2027).output.split())
    assert "no range" in shown
    assert "forkpoint ensemble as-it-was full-embargo" in shown


def test_an_explanation_beside_another_scenario_stands_where_they_differ() -> None:
    told = json.loads(run("explain", "domestic_share_units", "--versus", "full-embargo", "--json").stdout)
    assert "2030Q1" in told["name"]
    assert not told["children"][-1]["outcome"].startswith("+0.0%")


def test_what_hangs_on_a_loop_is_told_in_per_cent() -> None:
    shown = run("loops", "--output", "nvidia_china_revenue", "--at", "2025Q2").output
    assert re.search(r"B5 +grey supply +[+-]\d+\.\d%", shown)
    assert "nvidia_china_revenue with each loop over" in shown
    machine = next(r for r in rows_of(run("loops", "--output", "nvidia_china_revenue", "--csv")) if r["loop"] == "B5")
    assert abs(float(machine["change"])) < 1


def test_the_last_year_is_shown_also_where_it_is_early() -> None:
    shown = run("ensemble", "--draws", 5, "--outputs", "compute_ratio", "--to", 2021).output
    assert re.search(r"output +unit +2021", shown)


def test_a_store_goes_on_and_holds_its_tables(tmp_path: Path) -> None:
    store = tmp_path / "runs"
    words = ("ensemble", "--outputs", "compute_ratio", "--out", store, "--workers", 1)
    first = run(*words, "--draws", 10)
    assert first.exit_code == 0, first.output
    again = run(*words, "--draws", 10)
    assert "10 of 10 runs are there already" in again.output
    table = list(csv.DictReader(io.StringIO((store / "ranges.csv").read_text(encoding="utf-8"))))
    direct = fp.ensemble("as-it-was", draws=10, outputs="compute_ratio").ranges("compute_ratio")
    assert float(table[44]["p50"]) == pytest.approx(direct.median()[44], rel=1e-6)
    refused_ = run(*words, "--draws", 10, "--seed", 1)
    assert "another seed" in str(refused_.exception)


_FULL = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), {resource.RLIM_INFINITY}))
sys.argv = ["forkpoint", *sys.argv[2:]]
from forkpoint.cli import main
main()
"""


def test_a_full_disk_ends_in_one_sentence_and_the_same_command_goes_on(tmp_path: Path) -> None:
    """The kernel refuses to let a file grow, as a full disk would."""
    store = tmp_path / "runs"
    words = ["ensemble", "--outputs", "compute_ratio", "--draws", "9", "--workers", "1", "--out", str(store)]
    full = subprocess.run([sys.executable, "-c", _FULL, "20000", *words], capture_output=True, text=True, check=False)
    assert full.returncode == 2
    assert full.stderr.strip().startswith(f"forkpoint: cannot write {store}/")
    assert len(full.stderr.strip().splitlines()) == 1
    assert not list(store.glob("done/*/*.json"))
    assert run(*words).exit_code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--workers", 2), "need a store: say where with --out"),
        (
            ("--draws", 100_000, "--outputs", "headline", "as-it-was", "full-embargo", "no-controls"),
            "too much for memory",
        ),
        (("--outputs", "compute_ratoi"), "did you mean compute_ratio"),
        (("--outputs", "usable_compute[cm]"), "known: us, cn, row"),
        (("--to", 2050), "from 2019 to 2035, not 2050"),
        (("as-it-wsa",), "as-it-was"),
        (("as-it-was", "as-it-was"), "given twice"),
        (("--out", "s9://bucket/runs"), "Protocol not known: s9"),
        (("--out", "OUT", "--cluster", "nonsense"), "tcp://scheduler:8786"),
        (("--out", "OUT", "--cluster", "tcp://scheduler:99999999"), "no Dask scheduler answers"),
    ],
)
def test_what_an_ensemble_cannot_do_is_told(monkeypatch, capsys, tmp_path, words, said):
    here = [tmp_path / "runs" if w == "OUT" else w for w in words]
    assert said in refused(monkeypatch, capsys, "ensemble", *(["--draws", 5] if "--draws" not in here else []), *here)
