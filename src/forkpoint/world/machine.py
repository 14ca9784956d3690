"""What a chip is worth: effective work on the reference workloads, an H100 being one (``tables/worth.csv``).

``perf`` computes it where the catalogue knows a chip well enough: training, and serving with prefill and decode apart,
as the geometric mean over the reference models. Where peaks or memory are missing, a power law of compute, memory
bandwidth and links carries the worth (``basis`` says which). Write the table again with ``python -m
forkpoint.world.machine``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from forkpoint.errors import ForkpointError
from forkpoint.world.reference import FOLDER, references
from forkpoint.world.tables import rows, write_rows

TABLE = "tables/worth.csv"
COLUMNS = ("chip", "worth_training", "worth_serving", "basis")
REFERENCE = "nvidia-h100-sxm-80gb"


@dataclass(frozen=True)
class Product:
    """One row of ``exogenous/chips.csv`` with its figures from the catalogue where the row gives none."""

    vendor: str
    chip: str
    volume_from: float
    price_usd: float
    fp16_tflops: float
    mem_bw_gbs: float
    link_bw_gbs: float
    region: str
    volume_share: float
    assumed: bool


def products() -> list[Product]:
    """The chips that vendors sold in volume. Raises DataError where neither the row nor the catalogue knows a
    figure.
    """
    from forkpoint.catalog import catalog

    known, found = catalog(), []
    for number, row in enumerate(rows("exogenous/chips.csv"), 1):
        record = known.accelerators[row["chip"]]
        figures = {
            "fp16_tflops": (row["fp16_tflops"], record.fp16_tflops or record.bf16_tflops),
            "mem_bw_gbs": (row["mem_bw_gbs"], record.mem_bw_gbs),
            "link_bw_gbs": (row["link_bw_gbs"], record.link_bw_gbs or references()["bus_bandwidth"].value),
        }
        values = {}
        for name, (own, catalogued) in figures.items():
            if not own and catalogued is None:
                from forkpoint.errors import DataError

                raise DataError("chips.csv", number, name, own, "a number where the catalogue has none")
            values[name] = float(own or catalogued or 0)
        found.append(
            Product(
                row["vendor"],
                row["chip"],
                float(row["volume_from"]),
                float(row["price_usd"]),
                region=row["region"],
                volume_share=float(row["volume_share"] or 1),
                assumed=any(row[n] for n in figures),
                **values,
            )
        )
    return found


def scaled_worth(product: Product) -> tuple[float, float]:
    """Training and serving worth from compute, memory bandwidth and links: a power law through perf's own answers."""
    reference = next(p for p in products() if p.chip == REFERENCE)
    ratios = [
        math.log(getattr(product, name) / getattr(reference, name))
        for name in ("fp16_tflops", "mem_bw_gbs", "link_bw_gbs")
    ]
    exponents = references()["worth_exponents_training"].value, references()["worth_exponents_serving"].value
    training, serving = (math.exp(sum(r * e for r, e in zip(ratios, x.values(), strict=True))) for x in exponents)
    return training, serving


def computed_worth(chip: str) -> tuple[float, float] | None:
    """Training and serving worth from ``perf``; None where the catalogue does not know the chip well enough."""
    from forkpoint.catalog import catalog
    from forkpoint.perf.architectures import named
    from forkpoint.perf.equivalence import chip_rate
    from forkpoint.perf.instances import Job, reference_models

    known, answers = catalog(), []
    jobs: tuple[Job, ...] = ("train", "serve")
    for job in jobs:
        logs = []
        for model in reference_models():
            try:
                own, base = (chip_rate(named(model), known.accelerators[c], job).rate for c in (chip, REFERENCE))
            except (ForkpointError, StopIteration):
                continue
            logs.append(math.log(own / base))
        if not logs:
            return None
        answers.append(math.exp(sum(logs) / len(logs)))
    return answers[0], answers[1]


def table() -> Iterator[dict[str, Any]]:
    """Rows of ``tables/worth.csv``."""
    for product in products():
        computed = None if product.assumed else computed_worth(product.chip)
        training, serving = computed or scaled_worth(product)
        yield {
            "chip": product.chip,
            "worth_training": f"{training:.4g}",
            "worth_serving": f"{serving:.4g}",
            "basis": "perf" if computed else "scaled",
        }


def worths() -> dict[str, tuple[float, float]]:
    """Chip → worth in training and serving, from the table."""
    return {r["chip"]: (float(r["worth_training"]), float(r["worth_serving"])) for r in rows(TABLE)}


if __name__ == "__main__":
    print(write_rows(FOLDER / TABLE, COLUMNS, table()))
