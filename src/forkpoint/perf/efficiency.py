"""How much of a data sheet a kernel gets: one model for all chips.

* achievable peak: kernels reach a share of the peak at the clock that the power limit allows;
* matrix multiplication: tiles that do not fill the chip's units, short K, the memory roof;
* attention, element-wise passes, launches: shares and latencies.

Every number is a parameter of ``efficiency.yaml`` (value, range, meaning, source or fit). The formulas take NumPy
arrays in every argument, parameters included, so one call prices a whole grid of plans.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from forkpoint.errors import InputError, UnknownName
from forkpoint.files import read_yaml
from forkpoint.perf.chip import Chip

FILE = Path(__file__).with_name("efficiency.yaml")


class Entry(NamedTuple):
    """One parameter as ``efficiency.yaml`` states it."""

    name: str
    value: float
    prior: float
    low: float
    high: float
    unit: str
    fitted: bool
    meaning: str
    source: str


class Parameters:
    """Values of the efficiency parameters by name, as attributes; a value may be an array."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Any:
        raise UnknownName("efficiency parameter", name, self.__dict__)

    def changed(self, values: Mapping[str, Any]) -> Parameters:
        """The same parameters with some values replaced. Raises UnknownName."""
        for name in values:
            if name not in self.__dict__:
                raise UnknownName("efficiency parameter", name, self.__dict__)
        return Parameters({**self.__dict__, **values})


@cache
def _content(path: Path) -> dict[str, Any]:
    return dict(read_yaml(path))


@cache
def entries(path: Path = FILE) -> dict[str, Entry]:
    """All parameters with their ranges. Raises InputError where a value lies outside its own range."""
    found = {}
    for name, e in _content(path)["parameters"].items():
        entry = Entry(
            name,
            float(e["value"]),
            float(e["prior"]),
            float(e["low"]),
            float(e["high"]),
            e["unit"],
            bool(e["fitted"]),
            e["meaning"],
            e["source"],
        )
        if not entry.low <= entry.value <= entry.high:
            raise InputError(f"{path.name}: {name} = {entry.value} lies outside its range {entry.low} to {entry.high}")
        found[name] = entry
    return found


@cache
def parameters() -> Parameters:
    """The shipped values."""
    return Parameters({name: e.value for name, e in entries().items()})


@cache
def spread(path: Path = FILE) -> dict[str, tuple[float, float]]:
    """The 80 % interval of ln(measured / predicted) on sources left out of the fit, by kind of training."""
    return {kind: (float(e["low"]), float(e["high"])) for kind, e in _content(path)["spread"].items()}


@cache
def measured_chips(path: Path = FILE) -> frozenset[str]:
    """Ids of chips with a public training measurement, as the fit saw them."""
    return frozenset(_content(path)["measured_chips"])


def range_factor(chip: Chip) -> float:
    """Widening of a prediction's range: none for a measured chip, most for a platform that nobody has measured."""
    if chip.id in measured_chips():
        return 1.0
    p = parameters()
    return float(p.unknown_platform_range if chip.platform == "other" else p.unmeasured_chip_range)


def clock_share(chip: Chip, p: Parameters) -> Any:
    """Share of the peak clock that the power limit leaves when all matrix units work.

    Demand = peak x energy of a 16-bit FLOP, which falls exponentially with the year of release; beyond the board's
    limit the clock falls with (limit/demand)^exponent (dynamic power rises faster than the clock). Unknown power
    counts as no limit; a TPU's clock is fixed and its board built for it.
    """
    if chip.tdp_w is None or chip.platform == "xla":
        return 1.0
    picojoule = p.flop_energy_pj * np.exp(-p.flop_energy_decline * (chip.year - 2020.0))
    demand = chip.peak16 * picojoule * 1e-12
    return np.minimum(1.0, (chip.tdp_w / demand) ** p.clock_exponent)


def maturity(chip: Chip, p: Parameters) -> Any:
    """Share of well-tuned kernels' speed that the chip's software platform reaches."""
    return getattr(p, f"platform_{chip.platform}")


def achievable_peak(chip: Chip, precision: str, p: Parameters) -> Any:
    """FLOP/s of a large matrix multiplication at ``precision``: peak x kernel share x clock share x platform."""
    narrow = {32: 1.0, 16: 1.0, 8: p.narrow_share, 4: p.narrow_share * p.narrow_share}[chip.bits(precision)]
    return chip.peak(precision) * p.kernel_share * clock_share(chip, p) * maturity(chip, p) * narrow


def operand_share(chip: Chip, p: Parameters) -> Any:
    """Share of the achievable peak that the reads and writes of tiles leave to large matrix multiplications.

    Their traffic for each FLOP is that of the tile, so a chip with many FLOPs a byte of bandwidth loses more.
    """
    return 1.0 / (1.0 + p.gemm_balance * chip.peak16 / chip.bandwidth)


def gemm_seconds(m: Any, k: Any, n: Any, rate: Any, bandwidth: Any, p: Parameters, element: float = 2.0) -> Any:
    """Seconds of an ``m x k`` by ``k x n`` multiplication on a chip with achievable ``rate`` (FLOP/s).

    Ramps m/(m + m0), n/(n + n0) and k/(k + k0) stand for tiles and waves that are not full and for the prologue of
    the K loop; the result is never faster than its bytes through ``bandwidth``.
    """
    ramp = (1 + p.tile_m / m) * (1 + p.tile_n / n) * (1 + p.ramp_k / k)
    compute = 2.0 * m * k * n * ramp / rate
    traffic = element * (m * k + k * n + m * n) / bandwidth
    return np.maximum(compute, traffic)


def stream_bandwidth(chip: Chip, p: Parameters) -> Any:
    """Bytes per second of a pass over memory."""
    return chip.bandwidth * p.stream_share
