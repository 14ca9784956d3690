"""Seconds of collectives on a tiered cluster.

A group of ``size`` ranks, ``stride`` chips apart, has ``members = domain/stride`` of them in each scale-up domain.
Inside one domain a collective runs at the link; across domains each domain's ring enters and leaves through the
network cards of its members, so the group's rate is the smaller of the link and members x card. Volumes are those of
bandwidth-optimal algorithms: (n-1)/n of the data for gather or scatter, twice that for all-reduce.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from forkpoint.perf.cluster import Cluster
from forkpoint.perf.efficiency import Parameters


def members_in_domain(cluster: Cluster, size: Any, stride: Any) -> Any:
    """Ranks of a group that share a scale-up domain."""
    return np.minimum(size, np.maximum(1.0, np.floor(cluster.domain / np.maximum(stride, 1))))


def card_rate(cluster: Cluster, span: Any, p: Parameters) -> Any:
    """Bytes per second and chip beyond the domain for traffic that spans ``span`` chips."""
    crossing = np.where(np.asarray(span) > cluster.pod, cluster.oversubscription, 1.0)
    return cluster.nic * p.net_share / crossing


def axes_share(cluster: Cluster, size: Any) -> Any:
    """Share of a torus's links that a group of ``size`` ranks uses: one axis for each side it fills, begun ones too."""
    if cluster.torus < 2:
        return 1.0
    side = max(cluster.domain, 2) ** (1.0 / cluster.torus)
    axes = np.ceil(np.log(np.maximum(size, 2)) / np.log(side) - 1e-9)
    return np.clip(axes, 1, cluster.torus) / cluster.torus


def group_rate(cluster: Cluster, size: Any, stride: Any, p: Parameters, one_card: bool = False) -> Any:
    """Bytes per second and rank at which a ring over the group moves (``one_card``: entering each domain once)."""
    near = members_in_domain(cluster, size, stride)
    link = cluster.link * p.link_share * axes_share(cluster, size)
    if one_card:
        return np.where(near >= size, link, np.minimum(link, card_rate(cluster, size * stride, p)))
    far = np.minimum(link, near * card_rate(cluster, size * stride, p))
    return np.where(near >= size, link, far)


def latency(cluster: Cluster, size: Any, stride: Any, p: Parameters) -> Any:
    """Seconds before a collective over the group moves data."""
    domains = size / members_in_domain(cluster, size, stride)
    far = p.net_latency_us + p.hop_latency_us * (domains - 1)
    return np.where(size <= 1, 0.0, np.where(domains <= 1, p.link_latency_us, far)) * 1e-6


def all_gather(
    volume: Any, cluster: Cluster, size: Any, stride: Any, p: Parameters, calls: Any = 1.0, one_card: bool = False
) -> Any:
    """Seconds to gather (or reduce-scatter) ``volume`` bytes over the group in ``calls`` collectives."""
    moved = volume * (size - 1) / size
    return moved / group_rate(cluster, size, stride, p, one_card) + calls * latency(cluster, size, stride, p)


def all_reduce(volume: Any, cluster: Cluster, size: Any, stride: Any, p: Parameters, calls: Any = 1.0) -> Any:
    """Seconds to all-reduce ``volume`` bytes over the group in ``calls`` collectives."""
    return 2.0 * all_gather(volume, cluster, size, stride, p, calls / 2.0)


def dispatch(volume: Any, topk: float, cluster: Cluster, size: Any, p: Parameters) -> Any:
    """Seconds in which each rank sends ``volume`` bytes to ``topk`` random experts spread over ``size`` ranks.

    A token crosses the network once for each other domain that holds one of its experts and is forwarded there over
    the link, once for each rank (as DeepEP does, arXiv 2412.19437 section 3.2.2).
    """
    near = members_in_domain(cluster, size, 1)
    domains = size / near
    ranks = size * (1.0 - (1.0 - 1.0 / size) ** topk)
    reached = domains * (1.0 - (1.0 - 1.0 / domains) ** topk)
    local = volume * ranks * (near - 1) / near / (cluster.link * p.link_share)
    remote = volume * reached * (domains - 1) / domains / card_rate(cluster, size, p)
    return np.maximum(local, remote) + latency(cluster, size, 1, p)


def send(volume: Any, cluster: Cluster, stride: Any, p: Parameters) -> Any:
    """Seconds to send ``volume`` bytes to the rank ``stride`` chips away."""
    near = stride < cluster.domain
    rate = np.where(near, cluster.link * p.link_share, card_rate(cluster, stride, p))
    return volume / rate + np.where(near, p.link_latency_us, p.net_latency_us) * 1e-6
