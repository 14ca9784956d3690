"""Architectures from a Hugging Face ``config.json``: any decoder whose keys say what its layers are.

Families name the same thing differently; ``KEYS`` lists the spellings. What a configuration leaves out follows its
``model_type`` (``FAMILIES``: plain or gated blocks, tied embeddings, learned positions). Vision and audio parts are
not counted: the language model inside (``text_config``) is read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from forkpoint.errors import InputError
from forkpoint.files import read_text
from forkpoint.perf.linear_mixers import linear_mixer
from forkpoint.perf.workload import Architecture, FeedForward, Mixer

KEYS: dict[str, tuple[str, ...]] = {
    "layers": ("num_hidden_layers", "num_layers", "n_layer", "n_layers"),
    "hidden": ("hidden_size", "n_embd", "d_model"),
    "heads": ("num_attention_heads", "n_head", "n_heads", "num_heads"),
    "kv_heads": ("num_key_value_heads", "num_kv_heads", "n_head_kv", "num_attention_groups"),
    "head_dim": ("head_dim", "kv_channels"),
    "ffn": ("intermediate_size", "ffn_hidden_size", "n_inner", "ffn_dim"),
    "vocab": ("vocab_size", "padded_vocab_size"),
    "experts": ("num_local_experts", "n_routed_experts", "num_experts", "moe_num_experts"),
    "topk": ("num_experts_per_tok", "moe_topk", "moe_k", "num_experts_per_token", "top_k_experts"),
    "moe_ffn": ("moe_intermediate_size", "moe_ffn_hidden_size"),
    "shared": ("n_shared_experts", "num_shared_experts", "num_shared_expert", "moe_num_shared_experts"),
    "shared_width": (
        "shared_expert_intermediate_size",
        "moe_shared_expert_intermediate_size",
        "shared_intermediate_size",
    ),
    "dense_layers": ("first_k_dense_replace", "moe_layer_start_index"),
}
"""What we need, and the keys under which configurations write it."""

LARGEST = 100_000_000


class Family(NamedTuple):
    """What a ``model_type`` means where its configuration does not say."""

    gated: bool = True
    tied: bool = False
    positions: str = ""


FAMILIES: dict[str, Family] = {
    "gpt2": Family(gated=False, tied=True, positions="n_positions"),
    "gpt_bigcode": Family(gated=False, tied=True, positions="n_positions"),
    "gpt_neo": Family(gated=False, tied=True, positions="max_position_embeddings"),
    "gpt_neox": Family(gated=False),
    "gptj": Family(gated=False),
    "opt": Family(gated=False, tied=True, positions="max_position_embeddings"),
    "bloom": Family(gated=False, tied=True),
    "falcon": Family(gated=False, tied=True),
    "RefinedWeb": Family(gated=False, tied=True),
    "mpt": Family(gated=False, tied=True),
    "phi": Family(gated=False),
    "nemotron": Family(gated=False),
    "nemotron_h": Family(gated=False),
    "starcoder2": Family(gated=False, tied=True),
    "gemma": Family(tied=True),
    "gemma2": Family(tied=True),
    "gemma3": Family(tied=True),
    "gemma3_text": Family(tied=True),
    "cohere": Family(tied=True),
    "cohere2": Family(tied=True),
}


def read_config(path: Path | str) -> Architecture:
    """The architecture that a ``config.json`` on disk describes. Raises InputError in words."""
    name = str(path)
    try:
        content = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise InputError(f"{name}: line {error.lineno}, column {error.colno} is not valid JSON: {error.msg}") from error
    except ValueError as error:
        raise InputError(f"{name}: holds a number that cannot be read: {error}") from error
    except RecursionError as error:
        raise InputError(f"{name}: is nested too deeply to be a model's configuration") from error
    parent = Path(path).parent.name
    return of_config(content, name, parent or Path(path).stem)


def of_config(content: object, where: str = "config", name: str = "") -> Architecture:
    """The architecture that a configuration describes; ``where`` is what errors call it."""
    c = _Config(content, where)
    layers, hidden, heads = c.count("layers"), c.count("hidden"), c.count("heads")
    title = str(c.fields.get("_name_or_path") or name or c.kind or "model")
    family = FAMILIES.get(c.kind, Family())
    tied = bool(c.flag("tie_word_embeddings", family.tied))
    positions = c.optional_key(family.positions) if family.positions else 0
    return Architecture(
        title,
        layers,
        hidden,
        c.count("vocab"),
        _mixers(c, layers, hidden, heads),
        _feed_forwards(c, layers, hidden, family.gated),
        tied,
        positions or 0,
    )


class _Config:
    """A configuration's keys, checked as they are read."""

    def __init__(self, content: object, where: str) -> None:
        if not isinstance(content, dict):
            raise InputError(f"{where}: expected an object of keys, got {type(content).__name__}")
        if content.get("is_encoder_decoder"):
            raise InputError(f"{where}: an encoder-decoder model; only decoders are modelled")
        inner = next((content[k] for k in ("text_config", "language_config", "llm_config") if k in content), None)
        nested = isinstance(inner, dict) and not any(k in content for k in KEYS["layers"])
        self.fields: dict[str, Any] = {**content, **inner} if nested and isinstance(inner, dict) else content
        self.where = where
        self.kind = str(self.fields.get("model_type") or "")

    def count(self, meaning: str) -> int:
        """A number that must be there."""
        value = self.optional(meaning)
        if value is None:
            raise InputError(
                f"{self.where}: the {meaning} are missing; expected one of the keys {', '.join(KEYS[meaning])}"
            )
        if value < 1:
            raise InputError(f"{self.where}: {self.key(meaning)} is {value}; expected at least 1")
        return value

    def key(self, meaning: str) -> str:
        """The spelling that this configuration uses, or the first known one."""
        return next((k for k in KEYS[meaning] if self.fields.get(k) is not None), KEYS[meaning][0])

    def optional(self, meaning: str) -> int | None:
        """A number that may be absent or null."""
        return self.optional_key(self.key(meaning))

    def optional_key(self, key: str) -> int | None:
        """The number under one spelling, or None."""
        value = self.fields.get(key)
        if isinstance(value, list) and value and all(v == value[0] for v in value):
            value = value[0]
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or value % 1 != 0:
            raise InputError(f"{self.where}: the key '{key}' is {str(value)[:60]!r}; expected a whole number")
        if not 0 <= value <= LARGEST:
            raise InputError(f"{self.where}: the key '{key}' is {value}; expected between 0 and {LARGEST:,}")
        return int(value)

    def flag(self, key: str, default: bool) -> bool:
        """A yes or no."""
        value = self.fields.get(key, default)
        return default if value is None else bool(value)


def _mixers(c: _Config, layers: int, hidden: int, heads: int) -> tuple[Mixer, ...]:
    kinds = _layer_kinds(c, layers)
    full = _attention(c, hidden, heads)
    found = []
    for kind in ("full", "window", "linear"):
        count = kinds.count(kind)
        if not count:
            continue
        if kind == "linear":
            found.append(linear_mixer(c.fields, c.where, count, hidden, heads, full.head_dim))
        else:
            window = _window(c) if kind == "window" else None
            chunked = kind == "window" and bool(c.optional_key("attention_chunk_size"))
            found.append(replace(full, layers=count, window=window, chunked=chunked))
    return tuple(found)


def _attention(c: _Config, hidden: int, heads: int) -> Mixer:
    if c.optional_key("kv_lora_rank"):
        return _latent(c, heads)
    head_dim = c.optional("head_dim")
    if head_dim is None:
        if hidden % heads:
            raise InputError(
                f"{c.where}: {c.key('hidden')} {hidden} is not a multiple of {c.key('heads')} {heads} "
                "and the key head_dim is missing"
            )
        head_dim = hidden // heads
    kv_heads = _kv_heads(c, heads)
    if heads % kv_heads:
        raise InputError(
            f"{c.where}: {heads} heads ({c.key('heads')}) cannot share {kv_heads} key-value heads "
            f"({c.key('kv_heads')}) equally"
        )
    gate = heads * head_dim if c.flag("attn_output_gate", c.kind in ("qwen3_next", "qwen3_5_moe_text")) else 0
    v_dim = c.optional_key("v_head_dim") or head_dim
    return Mixer(0, heads=heads, kv_heads=kv_heads, head_dim=head_dim, v_dim=v_dim, gate=gate)


def _latent(c: _Config, heads: int) -> Mixer:
    rope = c.optional_key("qk_rope_head_dim") or 64
    nope = c.optional_key("qk_nope_head_dim") or 128
    index = c.optional_key("index_topk")
    width = (c.optional_key("index_n_heads") or 0) * (c.optional_key("index_head_dim") or 0) if index else 0
    return Mixer(
        0,
        "latent",
        heads=heads,
        head_dim=rope + nope,
        v_dim=c.optional_key("v_head_dim") or 128,
        kv_rank=c.optional_key("kv_lora_rank") or 512,
        q_rank=c.optional_key("q_lora_rank") or 0,
        rope=rope,
        index=index,
        index_width=width,
    )


def _kv_heads(c: _Config, heads: int) -> int:
    if c.flag("multi_query_attention", False):
        return c.optional_key("multi_query_group_num") or 1
    old_falcon = c.kind in ("falcon", "RefinedWeb") and not c.flag("new_decoder_architecture", False)
    if old_falcon or ("multi_query" in c.fields and c.kind == "gpt_bigcode"):
        return 1 if c.flag("multi_query", True) else heads
    given = c.optional("kv_heads")
    return heads if given is None else max(1, given)


def _window(c: _Config) -> int | None:
    for key in ("sliding_window", "attention_chunk_size", "sliding_window_size"):
        value = c.optional_key(key)
        if value:
            return value
    raise InputError(f"{c.where}: layers slide but the key 'sliding_window' is missing")


_NAMES = {
    "full_attention": "full",
    "attention": "full",
    "global": "full",
    "sliding_attention": "window",
    "chunked_attention": "window",
    "local": "window",
    "linear_attention": "linear",
}


def _layer_kinds(c: _Config, layers: int) -> list[str]:
    """Kinds by layer, from a list, a pattern, or the habits of the family."""
    f = c.fields
    if isinstance(f.get("layer_types"), list):
        return _named(c, f["layer_types"], layers)
    if isinstance(f.get("attn_type_list"), list):
        return _numbered(c, f["attn_type_list"], layers)
    if isinstance(f.get("linear_attn_config"), dict) and f["linear_attn_config"].get("kda_layers"):
        linear = len(f["linear_attn_config"]["kda_layers"])
        return ["linear"] * linear + ["full"] * (layers - linear)
    if isinstance(f.get("hybrid_override_pattern"), str):
        pattern = f["hybrid_override_pattern"]
        return ["linear"] * pattern.count("M") + ["full"] * pattern.count("*")
    if "linear_num_value_heads" in f:
        every = c.optional_key("full_attention_interval") or 4
        return ["full" if (i + 1) % every == 0 else "linear" for i in range(layers)]
    if c.optional_key("attention_chunk_size"):
        unwindowed = f.get("no_rope_layers")
        spaced = [0 if (i + 1) % 4 == 0 else 1 for i in range(layers)]
        flags = unwindowed if isinstance(unwindowed, list) and len(unwindowed) == layers else spaced
        return ["window" if flag else "full" for flag in flags]
    if not c.optional_key("sliding_window") or f.get("use_sliding_window") is False:
        return ["full"] * layers
    return _sliding(c, layers)


def _sliding(c: _Config, layers: int) -> list[str]:
    pattern = c.optional_key("sliding_window_pattern") or c.optional_key("_sliding_window_pattern")
    every = pattern or {"gemma3": 6, "gemma3_text": 6, "gemma2": 2, "gpt_oss": 2, "cohere2": 4}.get(c.kind)
    if every:
        return ["full" if (i + 1) % every == 0 else "window" for i in range(layers)]
    first = c.optional_key("max_window_layers")
    if first is not None and c.kind.startswith("qwen"):
        return ["full" if i < first else "window" for i in range(layers)]
    return ["window"] * layers


def _named(c: _Config, names: Sequence[object], layers: int) -> list[str]:
    if len(names) != layers:
        raise InputError(f"{c.where}: layer_types lists {len(names)} layers, {c.key('layers')} says {layers}")
    for name in names:
        if name not in _NAMES:
            raise InputError(f"{c.where}: layer_types holds {name!r}; expected one of {', '.join(_NAMES)}")
    return [_NAMES[str(n)] for n in names]


def _numbered(c: _Config, flags: Sequence[object], layers: int) -> list[str]:
    if len(flags) != layers or any(f not in (0, 1) for f in flags):
        raise InputError(f"{c.where}: attn_type_list must list 0 (linear) or 1 (softmax) for each of {layers} layers")
    return ["full" if f else "linear" for f in flags]


def _feed_forwards(c: _Config, layers: int, hidden: int, gated: bool) -> tuple[FeedForward, ...]:
    experts = c.optional("experts") or 0
    dense_width = c.optional("ffn") or 4 * hidden
    pattern = c.fields.get("hybrid_override_pattern")
    if isinstance(pattern, str):
        layers = pattern.count("-") + pattern.count("E")
    if experts <= 1:
        return (FeedForward(layers, dense_width, gated),)
    topk = c.optional("topk") or (1 if c.kind.startswith("llama4") else None)
    if topk is None:
        raise InputError(f"{c.where}: {experts} experts but none of the keys {', '.join(KEYS['topk'])}")
    if topk > experts:
        raise InputError(f"{c.where}: a token visits {topk} experts but there are only {experts}")
    width = c.optional("moe_ffn") or dense_width
    shared = c.optional("shared_width")
    if shared is None:
        shared = width * (c.optional("shared") or (1 if c.kind.startswith("llama4") else 0))
    moe = _moe_layers(c, layers)
    dense = FeedForward(layers - moe, c.optional_key("intermediate_size_mlp") or dense_width, gated)
    # gpt-oss adds biases to its experts and clamps their gates (keys swiglu_limit, attention_bias).
    unfused = c.kind == "gpt_oss" or c.flag("swiglu_limit", False)
    routed = FeedForward(moe, width, gated, experts, float(topk), float(shared), unfused=unfused)
    return (dense, routed) if layers > moe else (routed,)


def _moe_layers(c: _Config, layers: int) -> int:
    """How many layers route to experts."""
    f = c.fields
    listed = f.get("moe_layers")
    if isinstance(listed, list):
        return len(listed)
    step = c.optional_key("interleave_moe_layer_step") or c.optional_key("decoder_sparse_step") or 1
    if "moe_layer_interval" in f:
        step = c.optional_key("moe_layer_interval") or 1
    only_dense = f.get("mlp_only_layers")
    sparse = [(i + 1) % step == 0 for i in range(layers)]
    for i in only_dense if isinstance(only_dense, list) else ():
        if isinstance(i, int) and 0 <= i < layers:
            sparse[i] = False
    first = c.optional("dense_layers") or 0
    return max(0, sum(sparse[first:]))
