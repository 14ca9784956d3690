"""Speed of ensembles: draws a CPU second, the shares of drawing, running, writing and ranges; peak memory.

python bench/bench_ensemble.py [DRAWS] [--kills N | --ranges DRAWS]

DRAWS (20,000 unless told) of the reference scenario, eight outputs, into a store in a temporary folder, one process a
core. ``--kills N``: as many runs ended by ``kill -9`` at random moments, then compared byte by byte with one at one go
(50 kills take some minutes). ``--ranges DRAWS``: quantiles of one output over DRAWS made-up draws, which are
never in memory together.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DRAWS_A_CHUNK, CHUNKS_A_KILL = 64, 24
"""Draws in a chunk of the soak test, and chunks for every kill: more than run between two of them."""
KILLED = f"""
import sys
from forkpoint.uncertainty.stored import run_stored
if __name__ == "__main__":
    run_stored("as-it-was", int(sys.argv[3]), sys.argv[1], chunk={DRAWS_A_CHUNK}, workers=int(sys.argv[2]))
"""


def main() -> None:
    """Print the figures."""
    words = argparse.ArgumentParser()
    words.add_argument("draws", nargs="?", type=int, default=20_000)
    words.add_argument("--kills", type=int, default=0)
    words.add_argument("--ranges", type=int, default=0)
    asked = words.parse_args()
    if asked.ranges:
        many(asked.ranges)
        return
    with tempfile.TemporaryDirectory() as folder:
        if asked.kills:
            kills(Path(folder), asked.kills)
            return
        parts()
        whole(Path(folder) / "store", asked.draws)


def parts() -> None:
    """CPU time of each part of a chunk, in this process."""
    from forkpoint.uncertainty.batch import Batch
    from forkpoint.uncertainty.draws import CHUNK, Draws
    from forkpoint.uncertainty.outputs import outputs_of
    from forkpoint.world.scenario import scenario

    batch, source = Batch(scenario("as-it-was"), outputs_of(None)), Draws.of()
    start = time.process_time()
    parameters = source.parameters(0, 0, CHUNK)
    drawing = time.process_time() - start
    start = time.process_time()
    batch.run({n: v[..., :1] for n, v in parameters.items()})
    print(f"first run, with compiling or its cache: {time.process_time() - start:.1f} CPU s")
    start = time.process_time()
    batch.run(parameters)
    running = time.process_time() - start
    print(
        f"a chunk of {CHUNK:,}: drawing {drawing:.2f}, running {running:.2f} CPU s: {CHUNK / running:,.0f} draws/CPU s"
    )


def whole(folder: Path, draws: int) -> None:
    """A store from nothing to its ranges."""
    from forkpoint.uncertainty.executor import cores
    from forkpoint.uncertainty.stored import run_stored

    start = time.perf_counter()
    found = run_stored("as-it-was", draws, folder)
    wall, used = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime
    print(f"{draws:,} draws on {cores()} cores: {wall:.1f} s wall, {cpu:.1f} CPU s of workers (start included)")
    start = time.process_time()
    for output in found.outputs:
        found.ranges(output)
    print(f"ranges of {len(found.outputs)} outputs: {time.process_time() - start:.1f} CPU s")
    size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"store {size / 1e6:,.0f} MB; peak memory: here {own / 1024:,.0f} MB, a worker {used.ru_maxrss / 1024:,.0f} MB"
    )


def many(draws: int) -> None:
    """CPU time and peak memory of quantiles, draws coming in chunks as from a store."""
    import numpy as np

    from forkpoint.uncertainty.draws import CHUNK
    from forkpoint.uncertainty.ranges import ranges

    def blocks() -> Iterator[Any]:
        dice = np.random.default_rng(0)
        for low in range(0, draws, CHUNK):
            yield dice.standard_normal((69, min(CHUNK, draws - low)), dtype=np.float32)

    start = time.process_time()
    for _ in blocks():
        pass
    making, start = time.process_time() - start, time.process_time()
    found = ranges(np.arange(69.0), blocks, sign=True)
    used, peak = time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"ranges of {found.count:,} draws at 69 times: {used:.1f} CPU s ({making:.1f} s to make them once)")
    print(
        f"median at the end {found.median()[-1]:+.4f}, P(above) {found.sign(68.0)[0]:.4f}; peak memory {peak:,.0f} MB"
    )


def kills(folder: Path, count: int) -> None:
    """End a run ``count`` times at random moments of starting and computing, let it finish, compare every byte."""
    program, dice, store = folder / "program.py", random.Random(count), folder / "killed"
    program.write_text(KILLED)
    draws, began, landed = DRAWS_A_CHUNK * CHUNKS_A_KILL * count, time.perf_counter(), []

    def done() -> int:
        return len(list(store.glob("done/*/*.json")))

    for number in range(count):
        before, started = done(), time.perf_counter()
        words = [sys.executable, program, store, str(1 + number % 2), str(draws)]
        process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
        late = number % 4 > 0  # one in four dies while it starts, the others once they have computed something
        while late and process.poll() is None and done() == before:
            time.sleep(0.005)
        time.sleep(dice.uniform(0.0, 0.6 if late else 4.0))
        if process.poll() is not None:
            print(f"finished before kill {number + 1}")
            break
        process.send_signal(signal.SIGKILL)
        process.wait()
        landed.append(done() - before)
        print(f"kill {number + 1} after {time.perf_counter() - started:.1f} s: {done()} chunks", flush=True)
    left = done()
    for name in ("killed", "whole"):
        subprocess.run([sys.executable, program, folder / name, "2", str(draws)], check=True)
    same = _prints(store) == _prints(folder / "whole")
    held = sum(json.loads(mark.read_text())["draws"] for mark in store.glob("done/*/*.json"))
    print(
        f"{len(landed)} kills, {sum(n > 0 for n in landed)} of them after new chunks; "
        f"{left:,} of {draws // DRAWS_A_CHUNK:,} chunks are from killed runs; "
        f"{held:,} of {draws:,} draws; {time.perf_counter() - began:.0f} s"
    )
    print("same bytes as a run at one go" if same else "DIFFERENT BYTES")
    sys.exit(0 if same and held == draws and len(landed) == count else 1)


def _prints(folder: Path) -> dict[str, str]:
    files = [p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")]
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


if __name__ == "__main__":
    main()
