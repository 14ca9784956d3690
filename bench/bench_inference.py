"""Speed of inference predictions, warm, and of the command as a process, against starting Python alone.

Run: python bench/bench_inference.py
"""

from __future__ import annotations

import subprocess
import sys
import time

from forkpoint.catalog import catalog
from forkpoint.perf.architectures import of_language_model
from forkpoint.perf.equivalence import equivalent
from forkpoint.perf.inference_rows import predict_inference_row


def seconds(what: object, times: int) -> float:
    begin = time.perf_counter()
    for _ in range(times):
        what()  # type: ignore[operator]
    return (time.perf_counter() - begin) / times


def process(*words: str) -> float:
    return min(seconds(lambda: subprocess.run(words, capture_output=True, check=True), 1) for _ in range(5))


def main() -> None:
    rows = [m for m in catalog().measurements if m.kind != "train"]
    predict_inference_row(rows[0])
    each = seconds(lambda: [predict_inference_row(r) for r in rows], 3) / len(rows)
    print(f"one measured row: {1e3 * each:.2f} ms ({1 / each:,.0f} a second)")
    model = of_language_model("DeepSeek-V3")
    h20, h100 = catalog().accelerator("H20"), catalog().accelerator("H100")
    print(f"one serving equivalence: {1e3 * seconds(lambda: equivalent(model, h20, h100, 'serve'), 3):.0f} ms")
    bare = process(sys.executable, "-c", "pass")
    command = process(sys.executable, "-m", "forkpoint", "model", "deepseek-v3", "--json")
    print(f"forkpoint model as a process: {command:.2f} s ({command / bare:.0f} times bare Python)")


if __name__ == "__main__":
    main()
