"""Architectures from what is known: a catalogue row, the columns of a measured row, or a size alone."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from forkpoint.catalog import LanguageModel, catalog
from forkpoint.errors import AmbiguousName, InputError, UnknownName
from forkpoint.files import read_yaml
from forkpoint.perf.workload import Architecture, FeedForward, Mixer

PATTERNS = Path(__file__).with_name("architectures.yaml")
VOCABULARY = 32000
"""Tokens of a vocabulary that a measured row leaves out (assumption: as Llama 2)."""


def of_language_model(model: LanguageModel | str) -> Architecture:
    """The architecture of a model of the catalogue (a record or a name).

    Raises InputError where the catalogue does not know the shape.
    """
    record = catalog().language_model(model) if isinstance(model, str) else model
    return _of_record(record)


@cache
def _of_record(record: LanguageModel) -> Architecture:
    pattern = patterns().get(record.name, {})
    missing = [f for f in ("layers", "hidden", "heads", "vocab") if getattr(record, f) is None and f not in pattern]
    if missing:
        raise InputError(f"the catalogue does not know the shape of {record.name}: {', '.join(missing)} unknown")
    mixer = _mixer(record)
    if record.mla:
        rope, nope = record.qk_rope_dim or 64, record.qk_nope_dim or 128
        mixer = Mixer(
            layers=mixer.layers,
            kind="latent",
            heads=mixer.heads,
            kv_heads=1,
            head_dim=rope + nope,
            v_dim=record.v_head_dim or 128,
            kv_rank=record.kv_lora_rank or 512,
            q_rank=record.q_lora_rank or 0,
            rope=rope,
        )
    return _assemble(
        record.name,
        record,
        pattern,
        mixer,
        tuple(p for p in (record.total_params_b, record.param_check_b) if p),
        record.active_params_b,
        record.dense_layers,
    )


def of_measurement(row: Any) -> Architecture:
    """The architecture that ran in a measured row (a ``Measurement`` or anything with its attributes).

    The catalogue's model where the row's name means one with the same depth and width, else the row's columns, else
    a dense transformer of the row's size (``of_size``).
    """
    if row.layers is None or row.hidden is None or row.heads is None:
        return of_size(row.params_b, row.vocab or 0, row.model)
    known = _catalogued(row.model, row.layers, row.hidden, row.vocab)
    return known if known is not None else _of_columns(row)


def _of_columns(row: Any) -> Architecture:
    mixer = _mixer(row)
    if row.mla:
        mixer = Mixer(mixer.layers, "latent", mixer.heads, 1, 192, 128, kv_rank=512, q_rank=1536, rope=64)
    experts = row.moe_experts or 0
    dense_layers = 1 if experts and row.mla else 0
    return _assemble(row.model, row, {}, mixer, (row.params_b,), row.active_params_b, dense_layers)


@cache
def _catalogued(name: str, layers: int, hidden: int, vocab: int | None) -> Architecture | None:
    record = None
    for candidate in (name, re.sub(r"-[\d.]+[bt]$", "", name)):
        with suppress(InputError):
            record = record or catalog().language_model(candidate)
    if record is None:
        return None
    same = record.layers == layers and record.hidden == hidden and (vocab is None or record.vocab == vocab)
    return _of_record(record) if same else None


def of_size(params_b: float, vocab: int = 0, name: str = "") -> Architecture:
    """A dense transformer of about ``params_b`` billion parameters where nothing else is known (assumption).

    Width and depth keep the ratio h/L of about 100 at which published dense models lie (64 to 160); heads of 128;
    plain feed-forward of 4h.
    """
    vocab = vocab or 51200
    hidden = max(128, round((params_b * 1e9 * 100 / 12) ** (1 / 3) / 128) * 128)
    layers = max(1, round((params_b * 1e9 - 2 * vocab * hidden) / (12 * hidden**2)))
    heads = hidden // 128
    mixer = Mixer(layers, heads=heads, kv_heads=heads)
    block = FeedForward(layers, 4 * hidden, gated=False)
    title = name or f"dense {params_b:g}B"
    return Architecture(title, layers, hidden, vocab, (mixer,), (block,), published_parameters=params_b * 1e9)


def named(model: str) -> Architecture:
    """A model by name: of the catalogue, or the shape that public measurements give it (``mpt-7b``, ``megatron-1t``).

    Raises UnknownName or AmbiguousName.
    """
    try:
        return of_language_model(model)
    except (UnknownName, AmbiguousName) as error:
        folded = model.strip().casefold()
        for row in catalog().measurements:
            if row.model.casefold() == folded and row.layers is not None:
                return of_measurement(row)
        if isinstance(error, AmbiguousName):
            raise
        names = {m.model for m in catalog().measurements} | set(catalog().language_models)
        raise UnknownName("language model", model, sorted(names)) from error


def _mixer(shape: Any) -> Mixer:
    heads = int(shape.heads)
    head_dim = int(shape.head_dim or shape.hidden // heads)
    return Mixer(
        float(shape.layers), heads=heads, kv_heads=int(shape.kv_heads or heads), head_dim=head_dim, v_dim=head_dim
    )


def _assemble(
    name: str,
    shape: Any,
    pattern: dict[str, Any],
    mixer: Mixer,
    published_b: tuple[float, ...],
    active_b: float | None,
    dense_layers: int | None,
) -> Architecture:
    """Fill in what the columns leave open (gated? tied?) with the choice nearest to the published count."""
    layers, hidden = int(shape.layers), int(shape.hidden)
    mixers = _with(mixer, pattern.get("mixers"))
    kind = str(getattr(shape, "attention_kind", ""))
    gates = (False,) if "nongated" in kind else (True, False)
    ties = (bool(pattern["tied"]),) if "tied" in pattern else (False, True)
    candidates = []
    for gated in gates:
        blocks = _blocks(shape, pattern, gated, layers, hidden, dense_layers or 0)
        for tied in ties:
            candidate = Architecture(
                name,
                layers,
                hidden,
                int(shape.vocab or pattern.get("vocab", VOCABULARY)),
                mixers,
                blocks,
                tied,
                int(pattern.get("positions", 0)),
                published_b[0] * 1e9,
                active_b * 1e9 if active_b else None,
            )
            candidates.append(candidate)

    def distance(candidate: Architecture) -> float:
        return min(abs(candidate.parameters / (b * 1e9) - 1) for b in published_b)

    return candidates[0] if distance(candidates[0]) < 0.01 else min(candidates, key=distance)


def _blocks(
    shape: Any, pattern: dict[str, Any], gated: bool, layers: int, hidden: int, dense: int
) -> tuple[FeedForward, ...]:
    if "feed_forwards" in pattern:
        return tuple(FeedForward(**fields) for fields in pattern["feed_forwards"])
    experts = int(shape.moe_experts or 0)
    width = float(shape.ffn or 4 * hidden)
    if not experts:
        return (FeedForward(layers, width, gated),)
    routed = float(shape.moe_ffn or width)
    shared = routed * int(shape.shared_experts or 0)
    moe = FeedForward(layers - dense, routed, gated, experts, float(shape.moe_topk or 1), shared)
    return (FeedForward(dense, width, gated), moe) if dense else (moe,)


def _with(base: Mixer, changes: list[dict[str, Any]] | None) -> tuple[Mixer, ...]:
    if not changes:
        return (base,)
    fields = {f: getattr(base, f) for f in Mixer.__dataclass_fields__}
    made = []
    for change in changes:
        given = {**fields, **change}
        given["projections"] = tuple((float(k), float(n)) for k, n in given["projections"])
        made.append(Mixer(**given))
    return tuple(made)


@cache
def patterns() -> dict[str, dict[str, Any]]:
    """What ``architectures.yaml`` adds to the catalogue, by model name."""
    return {name: entry for entry in read_yaml(PATTERNS) for name in entry["models"]}
