"""An accelerator as a machine: peaks by precision, memory, links, power, and the platform that programs it.

Figures come from the catalogue. Where a data sheet leaves a precision out, the next wider one that the chip has is
used and ``Chip.runs_as`` says so; a chip whose 16-bit peak, memory size or bandwidth is unknown is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from forkpoint.catalog import Accelerator, catalog, first_day
from forkpoint.errors import InputError, UnknownName

PRECISIONS = ("fp32", "tf32", "fp16", "bf16", "fp8", "mxfp8", "int8", "w8a8", "w4a16", "fp4", "nvfp4", "mxfp4", "int4")
"""Number formats of jobs. ``w8a8`` computes in 8 bit; ``w4a16`` stores 4 bit and computes in 16 bit."""

_COLUMNS = {
    "fp32": ("fp32",),
    "tf32": ("tf32", "fp32"),
    "bf16": ("bf16", "fp16"),
    "fp16": ("fp16", "bf16"),
    "w4a16": ("bf16", "fp16"),
    "fp8": ("fp8", "bf16", "fp16"),
    "mxfp8": ("fp8", "bf16", "fp16"),
    "int8": ("int8", "fp8", "bf16", "fp16"),
    "w8a8": ("int8", "fp8", "bf16", "fp16"),
    "fp4": ("fp4", "fp8", "bf16", "fp16"),
    "nvfp4": ("fp4", "fp8", "bf16", "fp16"),
    "mxfp4": ("fp4", "fp8", "bf16", "fp16"),
    "int4": ("int4", "int8", "fp8", "bf16", "fp16"),
}
_BITS = {"fp32": 32, "tf32": 32, "fp16": 16, "bf16": 16, "fp8": 8, "int8": 8, "fp4": 4, "int4": 4}


@dataclass(frozen=True, slots=True)
class Chip:
    """An accelerator. FLOP/s, bytes and bytes/s, watts and US dollars; ``None`` is unknown."""

    id: str
    name: str
    peaks: tuple[tuple[str, float], ...]
    memory: float
    bandwidth: float
    link: float
    """Bytes per second out of the chip into its scale-up fabric (half of the catalogue's bidirectional total)."""
    domain: int
    tdp_w: float | None
    price_usd: float | None
    platform: str
    year: float
    """Release, in years; 2024 where unknown (the catalogue's median)."""
    superchip: bool = False
    """Whether the host processor shares the module (Grace Hopper, Grace Blackwell)."""

    @property
    def peak16(self) -> float:
        """Dense 16-bit peak in FLOP/s."""
        return dict(self.peaks)[self.runs_as("bf16")]

    def runs_as(self, precision: str) -> str:
        """The precision of the catalogue in which a job of ``precision`` is computed on this chip."""
        if precision not in _COLUMNS:
            raise UnknownName("precision", precision, PRECISIONS)
        have = dict(self.peaks)
        for column in _COLUMNS[precision]:
            if column in have and (column != "int8" or have[column] >= 0.9 * have.get("bf16", 0.0)):
                return column
        raise InputError(f"{self.name}: the catalogue has no peak for {precision} or a wider 16-bit format")

    def peak(self, precision: str) -> float:
        """Dense peak in FLOP/s at ``precision`` (or what it runs as)."""
        return dict(self.peaks)[self.runs_as(precision)]

    def bits(self, precision: str) -> int:
        """Bits of a multiplied number when a job of ``precision`` runs on this chip."""
        return _BITS[self.runs_as(precision)]


def of_accelerator(accelerator: Accelerator | str) -> Chip:
    """The machine of a catalogue row (a record, an id or a name as people type it).

    Raises UnknownName, AmbiguousName, or InputError that lists the figures the catalogue lacks.
    """
    record = catalog().accelerator(accelerator) if isinstance(accelerator, str) else accelerator
    return _of_record(record)


@cache
def _of_record(record: Accelerator) -> Chip:
    columns = {
        "fp32": record.fp32_tflops,
        "tf32": record.tf32_tflops,
        "fp16": record.fp16_tflops,
        "bf16": record.bf16_tflops,
        "fp8": record.fp8_tflops,
        "int8": record.int8_tops,
        "fp4": record.fp4_tflops,
        "int4": record.int4_tops,
    }
    peaks = {k: v * 1e12 for k, v in columns.items() if v}
    if "fp16" not in peaks and "bf16" not in peaks and "fp8" in peaks:
        peaks["bf16"] = peaks["fp8"] / 2
    if _missing(record):
        raise unknown_figures(record)
    assert record.mem_gb is not None
    assert record.mem_bw_gbs is not None
    released = first_day(record.release_date) if record.release_date else None
    return Chip(
        id=record.id,
        name=record.name,
        peaks=tuple(peaks.items()),
        memory=record.mem_gb * 1e9,
        bandwidth=record.mem_bw_gbs * 1e9,
        link=(record.link_bw_gbs or 64.0) * 1e9 / 2,
        domain=int(record.scale_up_domain or 8),
        tdp_w=record.tdp_w,
        price_usd=record.price_usd,
        platform=platform_of(record),
        superchip=record.id.startswith(("nvidia-gb", "nvidia-gh")),
        year=released.year + (released.month - 1) / 12 if released else 2024.0,
    )


def _missing(record: Accelerator) -> list[str]:
    """What a prediction needs of a chip and the catalogue does not know, in words."""
    figures = {
        "16-bit peak": record.fp16_tflops or record.bf16_tflops or record.fp8_tflops,
        "memory size": record.mem_gb,
        "memory bandwidth": record.mem_bw_gbs,
    }
    return [label for label, value in figures.items() if not value]


def unknown_figures(record: Accelerator, *also: str) -> InputError:
    """The refusal of a chip for all figures that are unknown, ``also`` among them, with what can be done."""
    figures = ", ".join(dict.fromkeys([*also, *_missing(record)]))
    return InputError(
        f"{record.name}: the catalogue does not know its {figures}; take another chip, "
        "or put a row of your own over ours (FORKPOINT_CATALOG=FOLDER, docs/catalog.md)"
    )


def platform_of(record: Accelerator) -> str:
    """The software platform that programs a chip: a key of ``efficiency.yaml``'s platforms."""
    vendor = record.vendor.casefold()
    if vendor == "nvidia":
        return "cuda"
    if vendor == "google":
        return "xla"
    if vendor == "huawei":
        return "cann"
    if vendor == "amd":
        return "rocm"
    if vendor == "intel":
        return "synapse"
    return "other"
