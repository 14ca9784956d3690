"""Traffic of a served model: all-reduces, exchanges of experts, hand-overs between stages.

Exchange beyond a scale-up domain follows DeepSeek-V3 (arXiv 2412.19437, sections 2.1.2 and 3.4).
"""

from __future__ import annotations

from forkpoint.catalog import Accelerator
from forkpoint.perf.deployment import Deployment
from forkpoint.perf.inference_parameters import InferenceParameters

MOST_NODES = 4.0
"""Nodes to which routing sends a token at most (node-limited routing, arXiv 2412.19437, section 2.1.2)."""

SERVER = 8.0
"""Chips of a usual server, joined at least by PCIe."""


def collective_seconds(d: Deployment, p: InferenceParameters, tokens: float, own: float) -> float:
    """Seconds of all-reduces (tensor) and all-to-alls (experts), and of hand-overs between stages."""
    a, seconds = d.architecture, 0.0
    element = 2.0 * own * a.hidden
    moe = a.moe_layers if d.attention_data > 1 else 0.0
    if d.tensor > 1:
        reduces = 2.0 * a.layers - moe
        volume = 2.0 * (d.tensor - 1) / d.tensor * element
        seconds += reduces * (_latency(d, p, d.tensor) + volume / _link(d, p, d.tensor))
    if moe:
        exchange = 2.0 * _latency(d, p, d.group) + tokens / d.group * _exchange_seconds(d, p)
        # beyond a scale-up domain one half of the batch computes while the other is on its way
        hidden = p.expert_traffic_hidden if d.overlapped and d.group > _domain(d.chip) else 0.0
        seconds += moe * exchange * (1.0 - hidden)
    if d.pipeline > 1:
        seconds += (d.pipeline - 1) * (1e-6 * p.collective_us + element / _link(d, p, d.chips))
    return seconds


def _exchange_seconds(d: Deployment, p: InferenceParameters) -> float:
    """Seconds in which one token's numbers reach its experts and come back, in one layer.

    Inside a scale-up domain 16-bit numbers go to each chip with one of its experts and back. Beyond it a token goes
    at one byte a number once to each node that it needs and comes back at two.
    """
    width, topk = d.architecture.moe_width, float(d.architecture.topk)
    inside = 0.5e9 * _link_gbs(d.chip) * p.link_share
    copies = min(topk, d.group - 1.0)
    if d.group <= _domain(d.chip):
        return 4.0 * width * copies / inside
    nodes = d.group / _domain(d.chip)
    crossing = min(nodes * (1.0 - float((1.0 - 1.0 / nodes) ** topk)), MOST_NODES) * (nodes - 1) / nodes
    return 3.0 * width * max(copies / inside, crossing / (d.network * p.link_share))


def _latency(d: Deployment, p: InferenceParameters, chips: int) -> float:
    return 1e-6 * (p.collective_us if chips <= _domain(d.chip) else p.scale_out_us)


def _link(d: Deployment, p: InferenceParameters, chips: int) -> float:
    """Bytes/s that one chip sends in a collective over ``chips`` chips: the slower of the tiers it crosses."""
    inside = 0.5e9 * _link_gbs(d.chip) * p.link_share
    if chips <= _domain(d.chip):
        return inside
    return min(inside, d.network * p.link_share * chips / (chips - _domain(d.chip)))


def _domain(chip: Accelerator) -> float:
    """Chips that reach each other without a network: the scale-up domain, or the server where it is larger."""
    return max(SERVER, chip.scale_up_domain or SERVER)


def _link_gbs(chip: Accelerator) -> float:
    """Bidirectional bandwidth of the chip's fabric, or of PCIe (64 GB/s where neither is known)."""
    if chip.link_bw_gbs is not None:
        return chip.link_bw_gbs
    generations = {"3.0": 32.0, "4.0": 64.0, "5.0": 128.0, "6.0": 256.0}
    return next((v for g, v in generations.items() if g in (chip.pcie or "")), 64.0)
