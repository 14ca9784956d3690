"""Stores: killed, damaged, full, read-only, on S3, on a cluster whose worker dies: always the same bytes."""

import hashlib
import json
import multiprocessing
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import forkpoint as fp
from forkpoint.errors import InputError, RunError
from forkpoint.uncertainty.executor import LocalPool
from forkpoint.uncertainty.store import Request, Store
from forkpoint.uncertainty.stored import open_ensemble, run_stored, summarise

DRAWS, CHUNK = 44, 6
SCENARIOS = ("as-it-was", "full-embargo")
RUN = f"""
import sys
from forkpoint.uncertainty.stored import run_stored
if __name__ == "__main__":
    run_stored({SCENARIOS}, {DRAWS}, sys.argv[1], chunk={CHUNK}, workers=int(sys.argv[2]), posterior="prior")
"""
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("program") / "run.py"
    path.write_text(RUN)
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A store that was computed at one go by one worker."""
    folder = tmp_path_factory.mktemp("whole") / "store"
    run_stored(SCENARIOS, DRAWS, folder, posterior="prior", chunk=CHUNK, workers=1)
    return folder


def fingerprint(folder):
    """Every file of a store with its hash."""
    files = sorted(p for p in Path(folder).rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


class Here:
    """Tasks in this process, which has the program compiled already."""

    def __init__(self, workers):
        pass

    def results(self, function, tasks):
        return (function(*task) for task in tasks)

    def close(self):
        pass


@pytest.fixture
def here(monkeypatch):
    monkeypatch.setattr("forkpoint.uncertainty.stored.LocalPool", Here)


def copy(folder, to):
    import shutil

    return Path(shutil.copytree(folder, to))


def test_a_store_holds_what_memory_holds(whole):
    found, direct = open_ensemble(whole), fp.ensemble(SCENARIOS, draws=CHUNK, posterior="prior")
    for name in SCENARIOS:
        stored = found.values("compute_ratio", name)
        assert stored.shape == (69, DRAWS)
        np.testing.assert_allclose(stored[:, :CHUNK], direct.values("compute_ratio", name), rtol=1e-5)
    assert found.ranges("compute_ratio").count == DRAWS - found.failed()


def test_xarray_opens_a_scenario(whole):
    import xarray

    opened = xarray.open_zarr(whole, group="full-embargo", consolidated=False)
    assert opened["compute_ratio"].dims == ("time", "draw")
    assert float(opened["time"][-1]) == 2036.0
    np.testing.assert_array_equal(opened["compute_ratio"], open_ensemble(whole).values("compute_ratio", "full-embargo"))


def test_kill_at_random_moments(program, whole, tmp_path):
    """``kill -9`` of the whole process, again and again, other numbers of workers each time: the same bytes."""
    folder, dice = tmp_path / "killed", random.Random(6)
    for kill in range(2):
        process = subprocess.Popen([sys.executable, program, folder, str(1 + kill % 2)])
        before = len(list(folder.glob("done/*/*.json")))
        while process.poll() is None and len(list(folder.glob("done/*/*.json"))) <= before:
            time.sleep(0.01)
        time.sleep(dice.random() * 0.4)
        process.send_signal(signal.SIGKILL)
        process.wait()
    left = list(folder.glob("done/*/*.json"))
    run_stored(SCENARIOS, DRAWS, folder, posterior="prior", chunk=CHUNK, workers=2)
    assert left, "something was computed before the last kill"
    assert {k: v for k, v in fingerprint(folder).items() if "/." not in k} == fingerprint(whole)


FEW = {"outputs": "compute_ratio", "posterior": "prior", "chunk": 4, "workers": 1}


class Died(BaseException):
    """The end of a process, which no handler catches."""


@pytest.mark.parametrize("torn", [False, True], ids=["before a write", "half-way through a write"])
def test_a_stop_at_any_write_costs_no_draw(here, tmp_path, monkeypatch, torn):
    """Every single write of a run is once the last one; half-way: as on a store that cannot write a file whole."""
    run_stored("as-it-was", 10, tmp_path / "whole", **FEW)
    write = Store.write_bytes
    last = {"write": 0}

    def dying(self, name, content):
        last["write"] -= 1
        if last["write"] < 0:
            if torn and "/" in name:  # a chunk or its mark
                data = content if isinstance(content, bytes) else content.encode()
                write(self, name, data[: len(data) // 2])
            raise Died
        write(self, name, content)

    for number in range(2 + 3 * 2):
        folder = tmp_path / f"stopped {number}"
        monkeypatch.setattr(Store, "write_bytes", dying)
        last["write"] = number
        with pytest.raises(Died):
            run_stored("as-it-was", 10, folder, **FEW)
        monkeypatch.setattr(Store, "write_bytes", write)
        run_stored("as-it-was", 10, folder, **FEW)
        assert fingerprint(folder) == fingerprint(tmp_path / "whole")


def test_a_killed_worker_of_the_pool_costs_no_draw(whole, tmp_path):
    folder, killed = tmp_path / "store", []

    def kill(done, total):
        if not killed and done > total // 3:
            killed.append(multiprocessing.active_children()[0].pid)
            os.kill(killed[0], signal.SIGKILL)

    run_stored(SCENARIOS, DRAWS, folder, posterior="prior", chunk=CHUNK, workers=2, progress=kill)
    assert killed
    assert fingerprint(folder) == fingerprint(whole)


def test_leftovers_of_killed_writes_are_tidied_but_nothing_that_is_being_written(whole, here, tmp_path):
    folder = copy(whole, tmp_path / "store")
    left, now = folder / "done" / ".3.json.ab12", folder / "as-it-was" / ".zarr.json.cd34"
    left.write_text("half")
    os.utime(left, (0, 0))
    now.write_text("half")
    os.utime(now, (time.time() + 60, time.time() + 60))
    run_stored(SCENARIOS, DRAWS, folder, posterior="prior", chunk=CHUNK)
    assert not left.exists()
    assert now.exists()


def test_a_damaged_description_is_refused_by_its_name(whole, here, tmp_path):
    folder = copy(whole, tmp_path / "store")
    (folder / "ensemble.json").write_text((folder / "ensemble.json").read_text()[:40])
    with pytest.raises(InputError, match=f"{folder}/ensemble.json: not the description of an ensemble"):
        run_stored(SCENARIOS, DRAWS, folder, posterior="prior", chunk=CHUNK)


def test_damaged_layouts_are_written_again(whole, here, tmp_path):
    folder = copy(whole, tmp_path / "store")
    for name in (
        "zarr.json",
        "as-it-was/zarr.json",
        "as-it-was/compute_ratio/zarr.json",
        "full-embargo/time/zarr.json",
    ):
        (folder / name).write_text((folder / name).read_text()[:40])
    run_stored(SCENARIOS, DRAWS, folder, posterior="prior", chunk=CHUNK)
    assert fingerprint(folder) == fingerprint(whole)


def test_damaged_draws_are_written_again(whole, here, tmp_path):
    folder = copy(whole, tmp_path / "store")
    (folder / "draws.npz").write_bytes(b"PK half")
    with pytest.raises(InputError, match=r"draws\.npz"):
        open_ensemble(folder)
    run_stored(SCENARIOS, DRAWS, folder, posterior="prior", chunk=CHUNK)
    assert fingerprint(folder) == fingerprint(whole)


def test_damage_is_found_told_and_repaired(whole, here, tmp_path):
    folder = copy(whole, tmp_path / "damaged")
    broken = folder / "as-it-was" / "compute_ratio" / "c" / "0" / "2"
    content = bytearray(broken.read_bytes())
    content[40] ^= 0xFF
    broken.write_bytes(content)
    (folder / "full-embargo" / "compute_ratio" / "c" / "0" / "5").write_bytes(b"short")
    (folder / "full-embargo" / "adaptation_lag.cann" / "c" / "0" / "0").unlink()
    (folder / "done" / "as-it-was" / "7.json").write_text("{")
    with pytest.raises(InputError, match="chunk 2 of as-it-was/compute_ratio is damaged"):
        open_ensemble(folder).ranges("compute_ratio")
    told = []
    run_stored(SCENARIOS, DRAWS, folder, posterior="prior", chunk=CHUNK, workers=1, tell=told.append)
    assert told[0].startswith("3 damaged chunks")
    assert fingerprint(folder) == fingerprint(whole)


def test_more_draws_keep_those_that_are_there(whole, here, tmp_path):
    folder = copy(whole, tmp_path / "grown")
    before = open_ensemble(folder).values("compute_ratio")
    heard = []
    run_stored(
        SCENARIOS,
        DRAWS + 9,
        folder,
        posterior="prior",
        chunk=CHUNK,
        workers=1,
        progress=lambda done, _: heard.append(done),
    )
    assert heard[0] == 2 * (DRAWS - DRAWS % CHUNK), "whole chunks stay; the last one was not full"
    np.testing.assert_array_equal(open_ensemble(folder).values("compute_ratio")[:, :DRAWS], before)
    with pytest.raises(InputError, match="holds 53 draws already"):
        run_stored(SCENARIOS, DRAWS, folder, posterior="prior", chunk=CHUNK)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"seed": 1}, "another seed"),
        ({"posterior": "default"}, "another set of parameters"),
        ({"outputs": "compute_ratio"}, "another set of outputs"),
        ({"scenarios": ("as-it-was",)}, "another set of scenarios|another set of parameters"),
        ({"to": 2030}, "another last year"),
        ({"model": "0" * 16}, "another version of the model"),
    ],
)
def test_versions_and_parameters_are_never_mixed(whole, other, said, monkeypatch):
    if "model" in other:
        monkeypatch.setattr("forkpoint.uncertainty.stored.model_version", lambda: other["model"])
    names = other.get("scenarios", SCENARIOS)
    asked = {k: v for k, v in other.items() if k not in ("model", "scenarios")}
    before = fingerprint(whole)
    with pytest.raises(InputError, match=said):
        run_stored(names, DRAWS, whole, chunk=CHUNK, **{"posterior": "prior", **asked})
    assert fingerprint(whole) == before


def test_a_worker_of_another_version_refuses(whole, monkeypatch):
    from forkpoint.uncertainty import stored

    monkeypatch.setattr(stored, "model_version", lambda: "other")
    with pytest.raises(RunError, match="install the same forkpoint everywhere"):
        stored.compute_chunk(str(whole) + "/.", Store(whole).request().to_json(), 0, 0)


def test_a_full_disk_and_a_folder_that_cannot_be(program, whole, tmp_path, monkeypatch):
    """A limit on file size stands for a full disk: the sentence names the file, and the rest goes on later."""
    folder = copy(whole, tmp_path / "full")
    (folder / "done" / "as-it-was" / "3.json").unlink()
    words = [sys.executable, "-c", _LIMITED, program, folder, "1"]
    out = subprocess.run(words, capture_output=True, text=True)
    assert "cannot write" in out.stderr.splitlines()[-1]
    assert "large" in out.stderr.splitlines()[-1]
    assert not (folder / "done" / "as-it-was" / "3.json").exists()
    monkeypatch.setattr("forkpoint.uncertainty.stored.LocalPool", Here)
    run_stored(SCENARIOS, DRAWS, folder, posterior="prior", chunk=CHUNK)
    assert fingerprint(folder) == fingerprint(whole)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        run_stored(SCENARIOS, DRAWS, tmp_path / "file" / "store", posterior="prior", chunk=CHUNK)
    with pytest.raises(InputError, match="no ensemble is here"):
        open_ensemble(tmp_path / "nothing")

    def read_only(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("forkpoint.files.tempfile.mkstemp", read_only)
    with pytest.raises(InputError, match="Read-only file system"):
        Store(tmp_path).write_bytes("a", b"b")


_LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (1500, resource.RLIM_INFINITY))
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


_DIES_ONCE = """
import os, signal
from pathlib import Path


def die_once(flag, number):
    if not flag or (number == 3 and not Path(flag).exists()):
        if flag:
            Path(flag).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number**2
"""


def test_a_pool_outlives_a_killed_process(tmp_path, monkeypatch):
    """The task lives in a module that the pool's processes can import, as every real one does."""
    (tmp_path / "dies_once.py").write_text(_DIES_ONCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    from dies_once import die_once

    pool = LocalPool(2)
    flag = tmp_path / "once"
    try:
        assert sorted(pool.results(die_once, [(str(flag), n) for n in range(5)])) == [0, 1, 4, 9, 16]
        with pytest.raises(RunError, match="fewer --workers"):
            list(pool.results(die_once, [("", 1)]))
    finally:
        pool.close()


def test_on_s3(whole, here, monkeypatch):
    """moto's server in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        for _ in range(200):
            with socket.socket() as trial:
                if trial.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        import s3fs

        s3fs.S3FileSystem().mkdir("bucket")
        told, url = [], "s3://bucket/deep/store"
        words = {"outputs": "compute_ratio", "posterior": "prior", "chunk": CHUNK, "workers": 1, "tell": told.append}
        found = run_stored(SCENARIOS, DRAWS, url, **words)
        for name in SCENARIOS:
            here_ = open_ensemble(whole).values("compute_ratio", name)
            np.testing.assert_array_equal(found.values("compute_ratio", name), here_)
        summarise(found, url)
        assert Store(url).read_bytes("differences.csv")
        Store(url).write_bytes("as-it-was/compute_ratio/c/0/1", b"damaged")
        Store(url).write_bytes("full-embargo/zarr.json", b"{")
        again = run_stored(SCENARIOS, DRAWS, url, **words)
        assert told[0].startswith("1 damaged chunk in s3://")
        np.testing.assert_array_equal(again.values("compute_ratio"), open_ensemble(whole).values("compute_ratio"))
        with pytest.raises(InputError, match="cannot"):
            run_stored(SCENARIOS, DRAWS, "s3://no-such-bucket/store", posterior="prior", chunk=CHUNK)
    finally:
        server.terminate()
        server.wait()


def test_on_a_cluster_whose_worker_is_killed(whole, tmp_path):
    from distributed import LocalCluster

    from forkpoint.uncertainty.executor import ONE_THREAD

    folder, killed = tmp_path / "cluster", []
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, env=ONE_THREAD, silence_logs=50
    ) as cluster:

        def kill(done, total):
            if not killed and done > total // 3:
                killed.append(next(iter(cluster.workers.values())).pid)
                os.kill(killed[0], signal.SIGKILL)

        address = cluster.scheduler_address
        run_stored(SCENARIOS, DRAWS, folder, posterior="prior", chunk=CHUNK, cluster=address, progress=kill)
    assert killed
    assert fingerprint(folder) == fingerprint(whole)


def test_no_scheduler_is_a_sentence_and_leaves_no_folder(tmp_path):
    with pytest.raises(InputError, match="no Dask scheduler answers"):
        run_stored(SCENARIOS, DRAWS, tmp_path / "store", posterior="prior", chunk=CHUNK, cluster="tcp://127.0.0.1:9")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("seconds", [0.1, 0.3, 0.6])
def test_ctrl_c_while_workers_start_is_one_word(tmp_path, seconds):
    """As a terminal sends it: to the command and all its workers."""
    store = tmp_path / "store"
    words = ["ensemble", "--draws", "200000", "--workers", "2", "--out", str(store)]
    command = subprocess.Popen([sys.executable, "-m", "forkpoint", *words], stderr=subprocess.PIPE,
                               start_new_session=True, text=True)  # fmt: skip
    while command.poll() is None and not (store / "draws.npz").exists():
        time.sleep(0.01)
    time.sleep(seconds)
    os.killpg(command.pid, signal.SIGINT)
    assert command.communicate(timeout=60)[1].split() == ["stopped"]
    assert command.returncode == 130


def test_a_request_that_is_none(tmp_path):
    for text in ("{", "{}", json.dumps({"schema": "other"})):
        with pytest.raises(InputError, match=r"ensemble\.json"):
            Request.from_json(text, "ensemble.json")
