"""A parallel plan: how a training job is cut over chips, and in words why a plan cannot run."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from forkpoint.perf.workload import Architecture

RECOMPUTE = ("none", "selective", "full")
SCHEDULES = ("1f1b", "zero-bubble", "dualpipe")


@dataclass(frozen=True, slots=True)
class Plan:
    """Tensor, pipeline (with ``vpp`` interleaved chunks), data, expert and context parallelism, micro-batch in
    sequences, recomputation (index into ``RECOMPUTE``), ZeRO stage, sequence parallelism, schedule (index into
    ``SCHEDULES``; ``vpp`` > 1 interleaves 1F1B), share of the layers that full recomputation covers. Every field may
    be an array of the same length.
    """

    tp: Any = 1
    pp: Any = 1
    vpp: Any = 1
    dp: Any = 1
    ep: Any = 1
    cp: Any = 1
    micro_batch: Any = 1
    recompute: Any = 0
    zero: Any = 1
    sequence_parallel: Any = 1
    schedule: Any = 0
    recomputed: Any = 1.0

    @property
    def chips(self) -> Any:
        """Chips that the plan takes; expert parallelism reuses those of data, context and tensor parallelism."""
        return self.tp * self.pp * self.dp * self.cp

    def microbatches(self, global_batch: float) -> Any:
        """Micro-batches that each pipeline works through in a step (at least one)."""
        return np.maximum(1.0, global_batch / (self.dp * self.micro_batch))

    def at(self, index: int) -> Plan:
        """One plan of a grid, as plain numbers."""
        values = {}
        for f in fields(self):
            value = getattr(self, f.name)
            value = value[index] if isinstance(value, np.ndarray) and value.ndim else value
            values[f.name] = int(value) if float(value).is_integer() else float(value)
        return Plan(**values)

    def changed(self, **values: Any) -> Plan:
        """The same plan with some fields replaced."""
        return replace(self, **values)

    def __str__(self) -> str:
        parts = [f"tp {self.tp}", f"pp {self.pp}"]
        parts += [f"vpp {self.vpp}"] if self.vpp > 1 else []
        parts += [f"dp {self.dp}"]
        parts += [f"ep {self.ep}"] if self.ep > 1 else []
        parts += [f"cp {self.cp}"] if self.cp > 1 else []
        parts += [
            f"micro-batch {self.micro_batch:g}",
            f"recompute {RECOMPUTE[int(self.recompute)]}" + self._partly(),
            f"ZeRO-{self.zero}",
        ]
        parts += ["sequence parallel"] if self.sequence_parallel and self.tp > 1 else []
        parts += [SCHEDULES[int(self.schedule)]] if self.schedule else []
        return " · ".join(parts)

    def _partly(self) -> str:
        return f" ({self.recomputed:.0%} of layers)" if self.recompute == 2 and self.recomputed < 1 else ""


def objections(plan: Plan, arch: Architecture, chips: int, global_batch: float, sequence: int) -> list[str]:
    """Why a plan (of plain numbers) cannot run, as sentences with the limit and by how much; empty when it can."""
    found = []

    def whole(label: str, total: float, part: float) -> None:
        if part > total or abs(total / part - round(total / part)) > 1e-9:
            found.append(f"{label}: {total:g} does not divide by {part:g}")

    if plan.chips != chips:
        product = f"tp {plan.tp} × pp {plan.pp} × dp {plan.dp} × cp {plan.cp} = {plan.chips}"
        found.append(f"{product}, but the job has {chips} chips")
    for name in ("tp", "pp", "vpp", "dp", "ep", "cp", "micro_batch"):
        if getattr(plan, name) < 1:
            found.append(f"{name} is {getattr(plan, name)}; it must be at least 1")
    if found:
        return found
    whole(f"{arch.heads} attention heads over tensor parallelism {plan.tp}", arch.heads, plan.tp)
    if plan.pp * plan.vpp > arch.layers:
        found.append(f"{arch.layers} layers cannot fill {plan.pp} stages of {plan.vpp} chunks")
    if plan.ep > 1 and not arch.is_moe:
        found.append(f"expert parallelism {plan.ep} needs a mixture-of-experts model; {arch.name} is dense")
    elif plan.ep > 1:
        whole(f"{arch.experts} experts over expert parallelism {plan.ep}", arch.experts, plan.ep)
        ranks = plan.tp * plan.dp * plan.cp
        whole(f"{ranks} data, context and tensor ranks over expert parallelism {plan.ep}", ranks, plan.ep)
    if plan.vpp > 1 and plan.pp == 1:
        found.append(f"{plan.vpp} interleaved chunks need a pipeline of more than one stage")
    whole(f"a sequence of {sequence} tokens over context parallelism {plan.cp}", sequence, plan.cp)
    whole(
        f"a batch of {global_batch:g} sequences over dp {plan.dp} × micro-batch {plan.micro_batch:g}",
        global_batch,
        plan.dp * plan.micro_batch,
    )
    if plan.zero >= 2 and plan.pp > 1 and plan.zero == 3:
        found.append("ZeRO-3 gathers parameters for every micro-batch; with a pipeline use ZeRO-1 or ZeRO-2")
    return found


def divisors(number: int) -> list[int]:
    """All divisors, ascending."""
    small = [d for d in range(1, math.isqrt(number) + 1) if number % d == 0]
    return sorted({*small, *(number // d for d in small)})
