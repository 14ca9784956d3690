"""Rows about workloads: language models, and published measurements of running them."""

from typing import Literal

from forkpoint.catalog.record import PartialDate, Positive, Record


class LanguageModel(Record):
    """A language model as a workload: its architecture and what is known of its training."""

    name: str
    lab: str
    country: str
    release_date: PartialDate
    post_cutoff: bool
    total_params_b: Positive
    active_params_b: Positive | None = None
    layers: int | None = None
    hidden: int | None = None
    ffn: int | None = None
    heads: int | None = None
    kv_heads: int | None = None
    head_dim: int | None = None
    vocab: int | None = None
    moe_experts: int | None = None
    moe_topk: int | None = None
    moe_ffn: int | None = None
    shared_experts: int | None = None
    dense_layers: int | None = None
    mla: bool
    kv_lora_rank: int | None = None
    q_lora_rank: int | None = None
    qk_rope_dim: int | None = None
    qk_nope_dim: int | None = None
    v_head_dim: int | None = None
    attention_kind: str
    context: int | None = None
    training_tokens_t: Positive | None = None
    training_flops: Positive | None = None
    training_flops_basis: str | None = None
    training_chip: str | None = None
    n_chips: int | None = None
    precision: str | None = None
    gpu_hours: Positive | None = None
    source_url: str
    config_source: str
    quality: Literal["A", "B", "C"]
    notes: str | None = None
    param_check_b: Positive | None = None


class Measurement(Record):
    """One published measurement of training, prefill, decode or serving, with the plan that ran it."""

    id: str
    kind: Literal["train", "prefill", "decode", "serve"]
    source_title: str
    source_url: str
    year: int
    model: str
    params_b: Positive
    active_params_b: Positive | None = None
    layers: int | None = None
    hidden: int | None = None
    ffn: int | None = None
    heads: int | None = None
    kv_heads: int | None = None
    head_dim: int | None = None
    vocab: int | None = None
    moe_experts: int | None = None
    moe_topk: int | None = None
    moe_ffn: int | None = None
    shared_experts: int | None = None
    mla: bool | None = None
    seq_len: int | None = None
    global_batch_sequences: Positive | None = None
    micro_batch: Positive | None = None
    chip: str
    n_chips: int | None = None
    precision: str | None = None
    tp: int | None = None
    pp: int | None = None
    vpp: int | None = None
    dp: int | None = None
    ep: int | None = None
    cp: int | None = None
    sequence_parallel: bool | None = None
    recompute: Literal["none", "selective", "full"] | None = None
    zero_stage: int | None = None
    flash_attention: bool | None = None
    input_len: int | None = None
    output_len: int | None = None
    batch: Positive | None = None
    metric: str
    value: Positive
    unit: str
    notes: str | None = None
    evidence: Literal["read_primary", "read_secondary", "recalled"]
