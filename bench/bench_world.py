"""How fast the world runs: one run on NumPy and on JAX, a thousand draws, a cold and a warm command. Prints ratios.

python bench/bench_world.py
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from forkpoint.dynamics.simulate import make_plan
from forkpoint.dynamics.simulate_jax import execute as compiled
from forkpoint.world.model import world
from forkpoint.world.run import inputs
from forkpoint.world.scenario import scenario

OUTPUTS = ("nvidia_china_revenue", "china_cards", "domestic_share_units", "usable_compute")
DRAWS = 1024


def best(what: Callable[[], object], times: int = 5) -> float:
    """Seconds of the fastest of some calls."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        what()
        found.append(time.perf_counter() - start)
    return min(found)


def main() -> None:
    model, values = world(), inputs(scenario("as-it-was"))
    numpy_run = best(lambda: model.run(values))
    plan = make_plan(model, values, outputs=OUTPUTS)
    start = time.perf_counter()
    compiled(plan)
    first = time.perf_counter() - start
    jax_run = best(lambda: compiled(plan))
    draws = {"order_time": np.random.default_rng(1).uniform(0.3, 0.5, DRAWS)}
    free = {k: v for k, v in values.items() if k not in draws}
    before, wall = time.process_time(), time.perf_counter()
    model.run(free, draws=draws, engine="jax", outputs=OUTPUTS, chunk=128)
    once = time.perf_counter() - wall
    before, wall = time.process_time(), time.perf_counter()
    model.run(free, draws=draws, engine="jax", outputs=OUTPUTS, chunk=128)
    cpu, wall = time.process_time() - before, time.perf_counter() - wall
    command = [sys.executable, "-m", "forkpoint", "run", "as-it-was"]
    process = best(lambda: subprocess.run(command, capture_output=True, check=True), 2)
    print(f"one run, NumPy                    {1000 * numpy_run:8.1f} ms")
    print(f"one run, JAX, warm                {1000 * jax_run:8.1f} ms   ({numpy_run / jax_run:.0f} times as fast)")
    print(f"compile, first call               {first:8.1f} s")
    print(f"{DRAWS} draws, JAX                 {wall:8.2f} s    ({once:.1f} s with compiling)")
    print(f"runs a CPU-second                 {DRAWS / cpu:8.0f}")
    print(f"forkpoint run as-it-was           {process:8.2f} s")


if __name__ == "__main__":
    main()
