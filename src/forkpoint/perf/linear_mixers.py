"""Token mixers that keep a state instead of a cache, as configurations describe them.

Gated delta rule (arXiv 2412.06464), Kimi delta attention (arXiv 2510.26692), lightning attention (arXiv 2501.08313),
Mamba2 (arXiv 2405.21060). Each is its projections and the numbers of its state.
"""

from __future__ import annotations

from typing import Any

from forkpoint.errors import InputError
from forkpoint.perf.workload import Mixer


def linear_mixer(fields: dict[str, Any], where: str, layers: int, hidden: int, heads: int, head_dim: float) -> Mixer:
    """The linear mixer that a configuration's keys describe. Raises InputError where they describe none known."""
    if "linear_num_value_heads" in fields:
        return _delta(fields, where, layers, hidden)
    if isinstance(fields.get("linear_attn_config"), dict):
        return _kimi_delta(fields["linear_attn_config"], where, layers, hidden)
    if "mamba_num_heads" in fields:
        return _mamba2(fields, where, layers, hidden)
    if "attn_type_list" in fields or str(fields.get("model_type", "")).startswith("minimax"):
        width = heads * head_dim
        return Mixer(
            layers,
            "linear",
            heads=heads,
            state=float(width * head_dim),
            projections=((hidden, 4.0 * width), (width, hidden)),
        )
    raise InputError(f"{where}: some layers are linear but no known keys say of what kind")


def _delta(fields: dict[str, Any], where: str, layers: int, hidden: int) -> Mixer:
    k_heads = _number(fields, where, "linear_num_key_heads")
    v_heads = _number(fields, where, "linear_num_value_heads")
    k_dim = _number(fields, where, "linear_key_head_dim")
    v_dim = _number(fields, where, "linear_value_head_dim")
    keys, values = k_heads * k_dim, v_heads * v_dim
    given = 2.0 * keys + 2.0 * values + 2.0 * v_heads
    return Mixer(
        layers,
        "linear",
        heads=int(v_heads),
        state=float(v_heads * k_dim * v_dim),
        projections=((hidden, given), (values, hidden)),
    )


def _kimi_delta(fields: dict[str, Any], where: str, layers: int, hidden: int) -> Mixer:
    heads, dim = _number(fields, where, "num_heads"), _number(fields, where, "head_dim")
    width = heads * dim
    # queries, keys, values; two low-rank gates of one head's width; one decay a head
    given = 3.0 * width + 2.0 * dim + heads
    return Mixer(
        layers,
        "linear",
        heads=int(heads),
        state=float(width * dim),
        projections=((hidden, given), (width, hidden), (dim, 2.0 * width)),
    )


def _mamba2(fields: dict[str, Any], where: str, layers: int, hidden: int) -> Mixer:
    heads, dim = _number(fields, where, "mamba_num_heads"), _number(fields, where, "mamba_head_dim")
    groups, state = _number(fields, where, "n_groups"), _number(fields, where, "ssm_state_size")
    width = heads * dim
    return Mixer(
        layers,
        "linear",
        heads=int(heads),
        state=float(width * state),
        projections=((hidden, 2.0 * width + 2.0 * groups * state + heads), (width, hidden)),
    )


def _number(fields: dict[str, Any], where: str, key: str) -> float:
    value = fields.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise InputError(f"{where}: the key '{key}' is {value!r}; expected a positive number")
    return float(value)
