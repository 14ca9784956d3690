"""Every command under bad input: one sentence that names the file, option or name at fault; exit 2; nothing written."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from forkpoint.catalog import DATA
from forkpoint.cli import forkpoint, main

MEASURED = (DATA / "performance_measured.csv").read_text(encoding="utf-8").splitlines()
OBSERVED = (DATA / "observations.csv").read_text(encoding="utf-8").splitlines()
FILES: dict[str, bytes] = {
    "empty.csv": b"",
    "binary.csv": b"\x80\x00\xff" * 99,
    "wrong.csv": b"a,b\n1,2\n",
    "short.csv": b"id,kind\nx,train\n",
    "header.csv": MEASURED[0].encode(),
    "rows.csv": "\n".join(MEASURED[:3]).encode(),
    "nothing_later.csv": OBSERVED[0].encode(),
    "cases.csv": b"case_id,chip,on_date\n1,H20,2025-04-10\n",
    "bad.json": b'{"a":',
    "list.json": b"[]",
    "hollow.json": b"{}",
    "binary.json": b"\x80\x00\xff",
    "bad.yaml": b": : [",
    "list.yaml": b"- 1",
    "keys.yaml": b"x: 1",
    "negative.yaml": b"name: mine\ntpp: -5\n",
    "binary.yaml": b"\x80\x00\xff",
    "binary.npz": b"PK\x03\x04garbage",
    "folder/file": b"",
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of files that are not what a command hopes for."""
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    return tmp_path


PREDICT = "predict --model gpt3-175b --chip H100 --chips 64"
SERVE = "predict --model llama-2-7b --chip H100 --job decode"
BAD = [
    ("predict", "say --model and --chip"),
    ("predict --measured empty.csv", "empty.csv: the file is empty; expected a header with id, kind"),
    ("predict --measured binary.csv", "binary.csv: not UTF-8 text"),
    ("predict --measured wrong.csv", "wrong.csv, header: no column is called 'a'"),
    ("predict --measured short.csv", "short.csv, header: the columns chip, model, metric must be there"),
    ("predict --measured header.csv", "header.csv: holds a header and no row"),
    ("predict --measured folder", "'folder' is a directory"),
    ("predict --measured gone.csv", "'gone.csv' does not exist"),
    ("predict --measured rows.csv --out folder", "'folder' is a directory"),
    ("predict --measured rows.csv --out gone/x.csv", "cannot write gone/x.csv"),
    ("predict --measured rows.csv --model x", "leave out --model"),
    ("predict --measured rows.csv --micro-batch 2", "leave out --micro-batch"),
    (f"{PREDICT} --out x.csv", "--out belongs to --measured"),
    (f"{PREDICT} --by chip", "--by belongs to --measured"),
    (f"{PREDICT} --input 5", "--input is about requests: say --job prefill, decode or serve"),
    (f"{SERVE} --micro-batch 2", "--micro-batch is about training"),
    (f"{SERVE} --pp 3", "8 chips are no whole number of instances of 3 stages"),
    (f"{SERVE} --batch 1e9", "1,000,000,000 sequences do not fit: memory holds"),
    (f"{PREDICT} --ep 4", "expert parallelism 4 needs a mixture-of-experts model"),
    (f"{PREDICT} --batch 10.5", "a training batch is a whole number of sequences, not 10.5"),
    (f"{PREDICT} --batch 0.5", "0.5 is not in the range"),
    (f"{PREDICT} --tp 7", "attention heads do not divide by tensor parallelism"),
    (f"{PREDICT} --micro-batch 3", "the batch of a data rank does not divide by the micro-batch"),
    (f"{PREDICT} --vpp 3 --pp 1", "stages and interleaved chunks do not cut the layers"),
    (f"{PREDICT} --cluster bad.yaml", "bad.yaml: line 1, column 1 is not valid YAML"),
    (f"{PREDICT} --cluster list.yaml", "list.yaml: expected a table of keys, found a list"),
    (f"{PREDICT} --cluster keys.yaml", "keys.yaml: no key is called 'x'"),
    (f"{PREDICT} --cluster folder", "no cluster is called 'folder'"),
    ("predict --model bad.json --chip H100", "bad.json: line 1, column 6 is not valid JSON"),
    ("predict --model list.json --chip H100", "list.json: expected an object of keys, got list"),
    ("predict --model hollow.json --chip H100", "hollow.json: the layers are missing"),
    ("predict --model binary.json --chip H100", "binary.json: not UTF-8 text"),
    ("predict --model folder --chip H100", "no language model is called 'folder'"),
    ("plan --model gpt3-175b --chip H100 --chips 0", "counts go upwards from 1"),
    ("plan --model gpt3-175b --chip H100 --chips 64 --price -1", "-1.0 is not in the range x>0"),
    ("plan --model gpt3-175b --chip H100 --chips 1021", "no plan divides GPT-3 175B"),
    ("model bad.json", "bad.json: line 1"),
    ("model folder", "no language model is called 'folder'"),
    ("compare H20 --model bad.json", "bad.json: line 1"),
    ("compare H20 --tpot -1", "-1.0 is not in the range x>0"),
    ("check H20 --hq Mars", "did you mean Mauritius?"),
    ("check H20 --to XQ", "no country is called 'XQ'; two capital letters"),
    ("check H20 --on 2025-02-30", "'2025-02-30' is not a day"),
    ("check H20 --out x.csv", "--out goes with --cases"),
    ("check --specs binary.yaml", "binary.yaml: not UTF-8 text"),
    ("check --specs folder", "cannot read folder: Is a directory"),
    ("check --cases cases.csv", "cases.csv: the column 'destination' is missing"),
    ("check --cases empty.csv", "empty.csv: the file is empty"),
    ("check H20 --reform bad.yaml", "bad.yaml: line 1"),
    ("derive --specs negative.yaml", "negative.yaml: 'tpp' is '-5'"),
    ("headroom --specs negative.yaml", "negative.yaml: 'tpp' is '-5'"),
    ("derive --products H100", "--products takes the chips that were made"),
    ("derive A100 --link-step 0 --on 2022-11-10", "more than 0 and at most the 600 GB/s"),
    ("diff 2023-10-25 2022-10-07", "BEFORE 2023-10-25 lies after AFTER 2022-10-07"),
    ("run as-it-was as-it-was", "the scenario 'as-it-was' is given twice"),
    ("run keys.yaml", "keys.yaml: no key is called 'x'"),
    ("run binary.yaml", "binary.yaml: not UTF-8 text"),
    ("run --lever licence_fee=5", "5 is outside 0 to 0.5\n"),
    ("run --netcdf", "say where with --out FOLDER"),
    ("run --out rows.csv", "'rows.csv' is a file"),
    ("run --out rows.csv/x --csv", "cannot make the folder rows.csv/x: Not a directory"),
    ("explain compute_ratio --at 1999Q1", "1999Q1 is outside the years of the model, 2019 to 2035"),
    ("explain compute_ratio --at 2040", "2040 is outside the years of the model, 2019 to 2035"),
    ("loops --draws 4 --posterior binary.npz", "binary.npz: not a posterior file, or a damaged one"),
    ("ensemble --draws 4 --posterior folder", "folder: cannot be read (Is a directory)"),
    ("hindcast --as-of 2018-01-01", "the world starts in 2019"),
    (
        "score nothing_later.csv --as-of 2025-06-01 --draws 50",
        "nothing_later.csv holds no figure to score from 2025-06-01",
    ),
    ("score folder", "cannot read folder: Is a directory"),
    ("calibrate --out rows.csv", "'rows.csv' is a file"),
    ("report --out rows.csv", "'rows.csv' is a file"),
    ("report --catalog folder", "the catalogue folder folder holds none of"),
    ("decide as-it-was", "a choice needs at least two policies"),
    ("discover", "say what happens, once"),
    ("sensitivity compute_ratio --base 3", "needs a power of two"),
    ("data check wrong.csv", "no catalogue file is called 'wrong.csv'"),
]


@pytest.mark.parametrize(("line", "sentence"), BAD, ids=[line for line, _ in BAD])
def test_bad_input_is_told_in_a_sentence_and_writes_nothing(monkeypatch, capsys, here, line, sentence):
    before = {p: p.stat().st_mtime_ns for p in here.rglob("*")}
    monkeypatch.setattr(sys, "argv", ["forkpoint", *shlex.split(line)])
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr()
    assert left.value.code == 2
    assert sentence in said.err + said.out
    assert "Traceback" not in said.err
    assert {p: p.stat().st_mtime_ns for p in here.rglob("*")} == before


def test_a_folder_with_a_configuration_is_a_model(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    shape = '{"model_type": "llama", "num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4, '
    (folder / "config.json").write_text(shape + '"intermediate_size": 128, "vocab_size": 1000}', encoding="utf-8")
    by_folder, by_file = (
        CliRunner().invoke(forkpoint, ["model", str(p), "--json"]).output for p in (folder, folder / "config.json")
    )
    assert by_folder == by_file
    assert '"layers": 2' in by_folder


def test_nothing_changed_is_a_header_in_csv():
    said = CliRunner().invoke(forkpoint, ["diff", "2022-10-07", "2022-10-07", "--csv"]).output
    assert said == "chip,field,2022-10-07,2022-10-07\n"
