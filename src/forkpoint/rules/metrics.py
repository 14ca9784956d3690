"""The quantities that the law tests, computed from a chip's published figures.

Every function gives a ``Number``, an interval: a missing figure widens it, it is never filled in; NaN is undefined.
Definitions: ECCN 3A090 Technical Notes (15 CFR part 774, Supp. 1) and the notes to part 748, Supp. 2, (dd)(1).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from forkpoint.rules.predicate import Number

Figures = Mapping[str, object]
"""A chip's figures by the catalogue's column names; a missing key or None is unknown."""

BIT_LENGTHS: dict[str, tuple[int, int]] = {
    "fp64_tflops": (64, 64),
    "fp64_tensor_tflops": (64, 64),
    "fp32_tflops": (32, 32),
    "tf32_tflops": (19, 32),
    "fp16_tflops": (16, 16),
    "bf16_tflops": (16, 16),
    "fp8_tflops": (8, 8),
    "int8_tops": (8, 8),
    "fp4_tflops": (4, 4),
    "int4_tops": (4, 4),
}
"""Largest bit length of the inputs to the multiply, by dense peak rate (Technical Note 2.b).

No official ruling settles TF32, which multiplies 19 significant bits stored in 32: both ends are kept.
"""
MEASURED = frozenset(BIT_LENGTHS) | {"logic_die_area_mm2", "transistors_bn", "mem_bw_gbs", "link_bw_gbs"}
"""The figures whose value the quantities depend on."""
PLANAR_ABOVE_NM = 16
"""A node named above 16 nm is planar; 16/14 nm and below is the rule's own word for non-planar (Technical Note 2.d)."""

_UNKNOWN = Number(0.0, math.inf)
_PCIE = re.compile(r"PCIe (\d)\.0(?: x(\d+))?")
_NODE = re.compile(r"(\d+(?:\.\d+)?) ?nm")


def total_processing_performance(figures: Figures) -> Number:
    """TPP = 2 × MacTOPS × bit length, the highest over all formats (3A090 Technical Note 2; since 2023-11-17).

    Data sheets count a multiply-accumulate as two operations, so a format's TPP is its dense rate × its bit length.
    With no rate known at all the interval is everything.
    """
    low = high = 0.0
    for column, (shortest, longest) in BIT_LENGTHS.items():
        rate = _number(figures, column)
        if rate is not None:
            low, high = max(low, rate * shortest), max(high, rate * longest)
    return Number(low, high) if high else _UNKNOWN


def performance_density(figures: Figures, tpp: Number) -> Number:
    """TPP per mm² of all logic dies on a non-planar node (Technical Note 2.d); memory stacks do not count.

    Undefined (NaN) where every logic die is planar; unbounded where the area is unknown.
    """
    if is_planar(figures):
        return Number(math.nan, math.nan)
    area = _number(figures, "logic_die_area_mm2")
    return _UNKNOWN if area is None else Number(tpp.low / area, tpp.high / area)


def is_planar(figures: Figures) -> bool:
    """Whether all logic dies are on a planar node, as far as the figures say so."""
    if figures.get("planar") is not None:
        return bool(figures["planar"])
    sizes = [float(m) for m in _NODE.findall(str(figures.get("process_node") or ""))]
    return bool(sizes) and min(sizes) > PLANAR_ABOVE_NM


def pcie_bandwidth(figures: Figures) -> Number:
    """Bidirectional rate of the PCIe port, GB/s: 2 × lanes × 1 GB/s at generation 3, doubling with each after it.

    (PCI-SIG: 8, 16, 32, 64 GT/s a lane for generations 3 to 6; encoding overhead left out, as data sheets do.)
    """
    match = _PCIE.match(str(figures.get("pcie") or ""))
    if not match:
        return _UNKNOWN
    rate = 2.0 * (int(match[2]) if match[2] else 16) * 2.0 ** (int(match[1]) - 3)
    return Number(rate, rate)


def interconnect_bandwidth(figures: Figures) -> Number:
    """Aggregate bidirectional rate over all inputs and outputs, PCIe included, die-to-die links in a package not.

    15 CFR part 748, Supp. 2, notes to (dd)(1). GB/s.
    """
    own = _number(figures, "interconnect_bw_gbs")
    if own is not None:
        return Number(own, own)
    bus, link = pcie_bandwidth(figures), _number(figures, "link_bw_gbs")
    known_bus = bus.low == bus.high
    if str(figures.get("link_name") or "").endswith("only"):
        return bus if known_bus or link is None else Number(link, link)
    if link is None:
        return Number(bus.low, math.inf)
    # A part with a fabric and no PCIe figure: no shipped port is wider than generation 6 x16.
    return Number(link + bus.low, link + (bus.high if known_bus else 256.0))


def aggregate_io_2022(figures: Figures) -> Number:
    """Aggregate bidirectional rate over all I/O to chips other than volatile memory (3A090 of October 2022), GB/s."""
    return interconnect_bandwidth(figures)


def dram_bandwidth(figures: Figures) -> Number:
    """Aggregate rate between the chip and its DRAM, in the package or not (notes to (dd)(1)), GB/s. SRAM is no DRAM."""
    if str(figures.get("mem_type") or "").upper() == "SRAM":
        return Number(0.0, 0.0)
    rate = _number(figures, "mem_bw_gbs")
    return _UNKNOWN if rate is None else Number(rate, rate)


def memory_bandwidth_density(bandwidth_gbs: Number, area_mm2: Number) -> Number:
    """Rate of a standalone memory package or stack per mm² of it (3A090.c), GB/s/mm²."""
    return Number(bandwidth_gbs.low / area_mm2.high, bandwidth_gbs.high / area_mm2.low)


def has_copackaged_hbm(figures: Figures) -> bool | None:
    """Whether the package holds high-bandwidth memory; None where the memory is unknown."""
    kind = figures.get("mem_type")
    return None if not kind else "HBM" in str(kind).upper()


def _number(figures: Figures, column: str) -> float | None:
    value = figures.get(column)
    return float(value) if isinstance(value, int | float) else None
