"""How fast the world runs: one run on NumPy, a thousand draws on LLVM, and the command. Prints ratios.

python bench/bench_world.py
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

from forkpoint.uncertainty.batch import Batch
from forkpoint.uncertainty.draws import Draws
from forkpoint.uncertainty.outputs import outputs_of
from forkpoint.world.model import world
from forkpoint.world.run import inputs
from forkpoint.world.scenario import scenario

DRAWS = 1024


def best(what: Callable[[], object], times: int = 5) -> float:
    """Seconds of the fastest of some calls, on one thread."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        what()
        found.append(time.perf_counter() - start)
    return min(found)


def main() -> None:
    model, chosen = world(), scenario("as-it-was")
    values = inputs(chosen)
    first_run = best(lambda: model.run(values), 1)
    run = best(lambda: model.run(values))
    batch, parameters = Batch(chosen, outputs_of(None)), Draws.of().parameters(0, 0, DRAWS)
    first_batch = best(lambda: batch.run(parameters), 1)
    draws = best(lambda: batch.run(parameters))
    command = [sys.executable, "-m", "forkpoint", "run", "as-it-was"]
    process = best(lambda: subprocess.run(command, capture_output=True, check=True))
    print(f"one run, NumPy             {1000 * run:8.1f} ms   ({1000 * first_run:.0f} ms the first time)")
    print(f"{DRAWS} draws, LLVM          {draws:8.2f} s    ({first_batch:.2f} s the first time)")
    print(f"runs a CPU-second, LLVM    {DRAWS / draws:8.0f}      ({run * DRAWS / draws:.0f} times as many as on NumPy)")
    print(f"forkpoint run as-it-was    {process:8.2f} s")


if __name__ == "__main__":
    main()
