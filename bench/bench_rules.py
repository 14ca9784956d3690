"""Speed of the law: a whole process against its bare libraries, and many rows against single ones.

Run: python bench/bench_rules.py. Ratios are taken in one run, so a busy machine moves both sides.
"""

from __future__ import annotations

import datetime as dt
import random
import statistics
import subprocess
import sys
import time

from forkpoint.catalog import catalog
from forkpoint.rules.evaluate import check
from forkpoint.rules.many import check_many, evaluate_many
from forkpoint.rules.question import ask

RUNS = 7


def process_seconds(*arguments: str) -> float:
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def questions(count: int) -> list[dict[str, object]]:
    rng = random.Random(1)
    chips, places = list(catalog().accelerators), sorted({c.iso2 for c in catalog().countries})
    start = dt.date(2022, 6, 1)
    return [
        {
            "chip": rng.choice(chips),
            "to": rng.choice(places),
            "hq": rng.choice([None, "CN", "US"]),
            "on": start + dt.timedelta(days=rng.randrange(1600)),
        }
        for _ in range(count)
    ]


def timed(call) -> float:  # type: ignore[no-untyped-def]
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    whole = process_seconds("-m", "forkpoint", "check", "H20", "--to", "CN", "--on", "2025-04-10")
    bare = process_seconds("-c", "import click, pydantic, yaml")
    print(
        f"forkpoint check, whole process        {whole:.3f} s (aim 0.3), {whole / bare:.1f} × importing its libraries"
    )
    rows = questions(100_000)
    check_many(rows[:10])
    many = min(timed(lambda: check_many(rows)) for _ in range(3))
    columns = {k: [r[k] for r in rows] for k in rows[0]}
    by_column = min(timed(lambda: check_many(columns)) for _ in range(3))
    single = timed(lambda: [check(r["chip"], to=r["to"], hq=r["hq"], on=r["on"]) for r in rows[:200]]) / 200
    print(f"check_many, 100,000 rows               {many:.2f} s as rows, {by_column:.2f} s as columns (aim 2)")
    print(f"  one row among many against one alone {single / (many / 100_000):.0f} × faster")
    chips = {"tpp": [float(i) for i in range(1, 100_001)], "dram_bw_gbs": 1200.0, "vendor": "NVIDIA"}
    hypothetical = min(timed(lambda: evaluate_many(chips, ask(on="2024-06-01"))) for _ in range(3))
    print(f"evaluate_many, 100,000 hypothetical    {hypothetical:.2f} s")


if __name__ == "__main__":
    main()
