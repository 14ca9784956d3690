"""A model on chips, ready to serve: precision, layout, and what each chip then holds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple

from forkpoint.catalog import Accelerator
from forkpoint.errors import InputError, UnknownName
from forkpoint.perf.chip import unknown_figures
from forkpoint.perf.cluster import presets
from forkpoint.perf.workload import Architecture


class Numbers(NamedTuple):
    """What a precision means for a served model: bytes of a weight, of other weights, and the unit that multiplies."""

    weight_bytes: float
    rest_bytes: float
    units: tuple[str, ...]


PRECISIONS: dict[str, Numbers] = {
    "fp16": Numbers(2.0, 2.0, ("fp16_tflops", "bf16_tflops")),
    "bf16": Numbers(2.0, 2.0, ("bf16_tflops", "fp16_tflops")),
    "fp8": Numbers(1.0, 1.0, ("fp8_tflops", "bf16_tflops", "fp16_tflops")),
    "int8": Numbers(1.0, 1.0, ("int8_tops", "bf16_tflops", "fp16_tflops")),
    "fp4": Numbers(0.5625, 0.5625, ("fp4_tflops", "fp8_tflops", "bf16_tflops", "fp16_tflops")),
    "mxfp4": Numbers(0.53125, 2.0, ("bf16_tflops", "fp16_tflops")),
    "int4": Numbers(0.53, 0.53, ("bf16_tflops", "fp16_tflops")),
    "w4a8": Numbers(0.53, 1.0, ("int8_tops", "fp8_tflops", "bf16_tflops", "fp16_tflops")),
}
"""Bytes include block scales (16 values a scale in NVFP4, 32 in MXFP4, 128 in int4); ``mxfp4`` quantises experts only
(and multiplies at 8 bit on chips with a 4-bit unit), ``int4`` multiplies at 16 bit (GPTQ, AWQ)."""

ALIASES = {"w8a8": "int8", "nvfp4": "fp4", "w4a16": "int4", "gptq": "int4", "awq": "int4", "float16": "fp16"}
COMPILED = ("tensorrt-llm", "fastertransformer", "mindie")


@dataclass(frozen=True)
class Deployment:
    """A model on one instance of chips, ready to serve.

    ``tensor`` chips share each attention layer; ``attention_data`` such groups hold different sequences and share the
    experts (1: plain tensor parallelism); ``pipeline`` cuts the layers. ``kv_bytes`` is the size of a cached number.
    ``engine`` is the serving software where it is stated ("" where not).
    """

    architecture: Architecture
    chip: Accelerator
    precision: str = "bf16"
    tensor: int = 1
    pipeline: int = 1
    attention_data: int = 1
    kv_bytes: float = 2.0
    engine: str = ""
    overlapped: bool = True
    """Whether expert traffic runs beside the computation of another half batch (two-batch overlap)."""
    reads_group_once: bool = True
    """Whether a decode kernel reads a shared key-value head once for all its query heads (kernels since 2024)."""

    def __post_init__(self) -> None:
        name = ALIASES.get(self.precision, self.precision)
        if name not in PRECISIONS:
            raise UnknownName("precision", self.precision, [*PRECISIONS, *ALIASES])
        object.__setattr__(self, "precision", name)
        if min(self.tensor, self.pipeline, self.attention_data) < 1:
            raise InputError("tensor, pipeline and attention-data parallelism must each be at least 1")
        if self.tensor > 1 and self.architecture.heads % self.tensor and self.tensor <= self.architecture.heads:
            raise InputError(
                f"{self.architecture.heads} attention heads cannot be cut into {self.tensor} equal parts "
                f"(tensor parallelism of {self.tensor} for {self.architecture.name})"
            )

    @property
    def chips(self) -> int:
        """Chips of the instance."""
        return self.tensor * self.pipeline * self.attention_data

    @property
    def group(self) -> int:
        """Chips that hold one pipeline stage and share its experts."""
        return self.tensor * self.attention_data

    @cached_property
    def numbers(self) -> Numbers:
        """Bytes and units of the precision."""
        return PRECISIONS[self.precision]

    @cached_property
    def units(self) -> tuple[str, ...]:
        """Columns of the catalogue with the peaks that can multiply at this precision, best first."""
        if self.precision == "mxfp4" and self.chip.fp4_tflops is not None:
            return ("fp8_tflops", *self.numbers.units)
        return self.numbers.units

    @cached_property
    def peak(self) -> float:
        """Peak of the unit that multiplies, FLOP/s. Raises InputError where the catalogue knows none."""
        return 1e12 * _first(self.chip, self.units)[1]

    @cached_property
    def peak_16bit(self) -> float:
        """Peak of 16-bit matrix products, FLOP/s."""
        return 1e12 * _first(self.chip, ("bf16_tflops", "fp16_tflops"))[1]

    @cached_property
    def converts(self) -> bool:
        """Whether weights are widened before they are multiplied (the chip lacks a unit for their width)."""
        wide = _first(self.chip, self.units)[0] in ("bf16_tflops", "fp16_tflops")
        return wide and self.numbers.weight_bytes < 2.0

    @cached_property
    def bandwidth(self) -> float:
        """Memory bandwidth, bytes/s."""
        if self.chip.mem_bw_gbs is None:
            raise unknown_figures(self.chip)
        return 1e9 * self.chip.mem_bw_gbs

    @cached_property
    def head_width(self) -> float:
        """Numbers of one key-value head (or latent vector) a token: what a thread block of attention reads at once."""
        mixers = [m for m in self.architecture.mixers if m.kind != "linear"]
        widths = [m.kv_rank + m.rope if m.kind == "latent" else m.head_dim for m in mixers]
        return float(max(widths, default=128.0))

    @cached_property
    def network(self) -> float:
        """One-way bandwidth of a chip beyond its scale-up domain, bytes/s, as its reference cluster has it."""
        return network_bandwidth(self.chip.id)

    @cached_property
    def weights(self) -> Weights:
        """Weights on each chip, by how they are read."""
        return _weights(self)


class Weights(NamedTuple):
    """Numbers of weights on one chip of the whole pipeline: dense, logits, experts, and the expert pool."""

    dense: float
    logits: float
    experts: float
    total_bytes: float


def _weights(d: Deployment) -> Weights:
    cut = {"column": d.tensor, "row": d.tensor, "whole": 1}
    dense = logits = experts = 0.0
    for m in d.architecture.matmuls:
        if m.part == "experts":
            experts += m.parameters / d.group
        elif m.part == "logits":
            logits += m.parameters / d.tensor
        else:
            dense += m.parameters / cut[m.split]
    # a mixture quantises its experts; what is left keeps its own width, embeddings stay at 16 bit
    n = d.numbers
    rest = n.rest_bytes if experts else n.weight_bytes
    outside = logits * 2.0 + d.architecture.embedding_parameters / d.tensor * 2.0
    held = (experts * n.weight_bytes + dense * rest + outside) / d.pipeline
    return Weights(dense, logits, experts, held)


@cache
def network_bandwidth(chip: str) -> float:
    """One-way network bandwidth of a chip, bytes/s: that of the first reference cluster that names its kind."""
    clusters = presets().values()
    return next(1e9 * float(c["nic_gbs"]) for c in clusters if any(chip.startswith(start) for start in c["chips"]))


def _first(chip: Accelerator, columns: tuple[str, ...]) -> tuple[str, float]:
    for column in columns:
        value: float | None = getattr(chip, column)
        if value is not None:
            return column, value
    raise unknown_figures(chip, "16-bit peak")
