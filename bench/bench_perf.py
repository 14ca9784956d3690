"""Speed of the performance model, beside calculon where a checkout of it is given.

python bench/bench_perf.py [CALCULON_CHECKOUT]

CPU seconds on one core. The search is the one calculon describes: GPT-3 175B, 4,096 A100, batch 4,096. calculon is
timed on one feasible configuration in its own process (nothing of it is part of this project); its whole search of
1,031,448 executions is that time multiplied, an upper bound because it rejects many early.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from forkpoint.perf import architectures, cluster, predict
from forkpoint.perf import chip as machines
from forkpoint.perf.efficiency import parameters
from forkpoint.perf.layers import TrainingJob
from forkpoint.perf.search import search

CALCULON_PLANS = 1_031_448
T = TypeVar("T")
PEER = """
import json, logging, sys, time
sys.path.insert(0, sys.argv[1])
import calculon
from calculon.llm import Llm
from calculon import System
root = sys.argv[1]
read = lambda path: json.load(open(path))
app = Llm.Application(read(f"{root}/models/gpt3-175B.json"))
exe = read(f"{root}/examples/3072_t4_p64_d12_mbs4_full.json")
exe.update(num_procs=4096, tensor_par=8, pipeline_par=8, data_par=64, batch_size=4096, microbatch_size=1)
exe.update(pipeline_interleaving=12)
syst = System(read(f"{root}/systems/a100_80g.json"))
log = logging.getLogger()
def once():
    model = Llm(app, log)
    model.compile(syst, Llm.Execution.from_json(exe))
    model.run(syst)
    return model.get_total_time()
step = once()
start, count = time.process_time(), 0
while time.process_time() - start < 4:
    once()
    count += 1
print((time.process_time() - start) / count, step)
"""


def main() -> None:
    """Print the figures; each is the least of several runs."""
    chip = machines.of_accelerator("nvidia-a100-sxm-80gb")
    wires, p = cluster.for_chip(chip), parameters()
    job = TrainingJob(architectures.named("gpt3-175b"), 2048, 4096)
    best, found = _least(lambda: search(job, chip, wires, 4096, p))
    each = best / found.tried
    print(f"search: {found.tried:,} plans, {best:.3f} CPU s, {1 / each:,.0f} plans/s; best {found.seconds[0]:.2f} s")
    print(f"        {CALCULON_PLANS:,} plans would take {CALCULON_PLANS * each:.2f} s")
    seconds, several = _least(lambda: search(job, chip, wires, [32 << k for k in range(9)], p))
    print(f"front:  {len(several.pareto)} of {several.tried:,} plans on 32 to 8,192 chips, {seconds:.3f} CPU s")
    print(f"        peak memory of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")
    plan = {"tp": 8, "pp": 8, "vpp": 12, "micro_batch": 1, "recompute": "full", "sequence": 2048, "batch": 4096}
    jobs = {
        "training, plan given": lambda: predict("gpt3-175b", "A100", 4096, **plan),
        "decode, layout given": lambda: predict("llama-3.1-70b", "H100", 8, "decode", tp=8),
    }
    for name, once in jobs.items():
        seconds, _ = _least(lambda once=once: [once() for _ in range(100)])
        print(f"one prediction by name, warm ({name}): {seconds * 10:.2f} ms")
    common = ["--model", "gpt3-175b", "--chip", "A100", "--chips", "4096", "--sequence", "2048", "--batch", "4096"]
    for verb in ("predict", "plan"):
        print(f"{verb} as a process: {_process([sys.executable, '-m', 'forkpoint', verb, *common]):.2f} CPU s")
    if len(sys.argv) > 1:
        made = subprocess.run([sys.executable, "-c", PEER, sys.argv[1]], capture_output=True, text=True, check=False)
        if made.returncode:
            sys.exit(f"calculon did not run: {made.stderr.strip().splitlines()[-1]}")
        seconds, step = map(float, made.stdout.split())
        print(f"calculon ({Path(sys.argv[1]).name}): {seconds * 1e3:.1f} ms a configuration, {step:.2f} s a step;")
        print(f"        forkpoint prices a plan {seconds / each:,.0f} times faster")


def _least(once: Callable[[], T], repeat: int = 5) -> tuple[float, T]:
    """The fewest CPU seconds of several calls, and what the last one gave."""
    found, best = once(), float("inf")
    for _ in range(repeat):
        start = time.process_time()
        found = once()
        best = min(best, time.process_time() - start)
    return best, found


def _process(words: list[str], repeat: int = 5) -> float:
    best = float("inf")
    for _ in range(repeat):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(words, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return best


if __name__ == "__main__":
    main()
