"""Speed of the catalogue, as processes: shipped rows read quickly, the same rows validated, whole commands.

python bench/bench_catalog.py

CPU seconds, the best of several repetitions; trust the ratios. The peer of the commands is a process that only imports
pydantic, which the records are made of.
"""

from __future__ import annotations

import resource
import subprocess
import sys

PYDANTIC = "from pydantic import BaseModel, fields"
VALIDATED = """from forkpoint.catalog import DATA, read_records
for file in ("accelerators.csv", "accelerator_alternatives.csv", "country_groups.csv"):
    read_records(DATA / file)"""
SHIPPED = """from forkpoint.catalog import catalog
known = catalog()
known.accelerators, known.alternatives, known.countries"""
COMMANDS = (["chips", "h20"], ["chip", "H20"], ["events"], ["claims"], ["check", "H20", "--on", "2025-04-10"])


def process(words: list[str], repeat: int = 5) -> float:
    """Least CPU seconds of a process."""
    best = float("inf")
    for _ in range(repeat):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(words, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return best


def main() -> None:
    """Print one table."""
    floor = process([sys.executable, "-c", PYDANTIC])
    print(f"{'process':44} {'CPU':>10} {'÷ pydantic alone':>17}")
    report("import pydantic", floor, floor)
    report("the three tables of check, validated", process([sys.executable, "-c", VALIDATED]), floor)
    report("the three tables of check, as they ship", process([sys.executable, "-c", SHIPPED]), floor)
    for words in COMMANDS:
        report("forkpoint " + " ".join(words), process([sys.executable, "-m", "forkpoint", *words]), floor)


def report(name: str, spent: float, floor: float) -> None:
    """Print one line."""
    print(f"{name:44} {spent:9.3f}s {spent / floor:17.2f}")


if __name__ == "__main__":
    main()
