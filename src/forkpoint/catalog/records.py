"""What one row of each file means: frozen, typed records whose fields are the file's columns.

Numbers carry their unit in the name; ``None`` is unknown, never zero. Every record keeps its source and grade.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_PARTIAL_DATE = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")


def _partial_date(value: object) -> object:
    if isinstance(value, str) and not _PARTIAL_DATE.fullmatch(value):
        raise ValueError("a date as YYYY, YYYY-MM or YYYY-MM-DD")
    return value


def _list_of(separator: str) -> BeforeValidator:
    def split(value: object) -> object:
        if value is None:
            return ()
        return tuple(v.strip() for v in value.split(separator) if v.strip()) if isinstance(value, str) else value

    return BeforeValidator(split)


def _parse_json(value: object) -> object:
    return json.loads(value) if isinstance(value, str) else value


PartialDate = Annotated[str, BeforeValidator(_partial_date)]
"""A date known to the year, month or day, as written: 2022, 2022-10 or 2022-10-21."""
CountryCode = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
"""A country as two capital letters (ISO 3166-1 alpha-2)."""
PositiveInt = Annotated[int, Field(gt=0)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
SemicolonList = Annotated[tuple[str, ...], _list_of(";")]
BarList = Annotated[tuple[str, ...], _list_of("|")]
Quality = Literal["primary", "secondary", "estimate", "A", "B", "C"]
"""How good a source is: read at its origin, in a report of it, or estimated; or A (best) to C (weak)."""


class Record(BaseModel):
    """A row of a catalogue file."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, defer_build=True)


class Accelerator(Record):
    """An AI accelerator: peak dense compute by precision, memory, links, silicon, power, price and sources."""

    id: str
    name: str
    name_zh: str | None = None
    vendor_zh: str | None = None
    vendor: str
    vendor_country: str
    family: str
    release_date: PartialDate | None = None
    segment: Literal["datacenter", "workstation", "consumer"]
    designed_for_china: bool = False
    foundry: str | None = None
    process_node: str | None = None
    logic_die_area_mm2: Positive | None = None
    die_count: Positive | None = None
    transistors_bn: Positive | None = None
    fp64_tflops: Positive | None = None
    fp64_tensor_tflops: Positive | None = None
    fp32_tflops: Positive | None = None
    tf32_tflops: Positive | None = None
    fp16_tflops: Positive | None = None
    bf16_tflops: Positive | None = None
    fp8_tflops: Positive | None = None
    int8_tops: Positive | None = None
    fp4_tflops: Positive | None = None
    int4_tops: Positive | None = None
    mem_type: str | None = None
    mem_gb: Positive | None = None
    mem_bw_gbs: Positive | None = None
    link_name: str | None = None
    link_bw_gbs: Positive | None = None
    pcie: str | None = None
    tdp_w: Positive | None = None
    price_usd: Positive | None = None
    price_note: str | None = None
    scale_up_domain: Positive | None = None
    software_stack: str | None = None
    pytorch_plugin: str | None = None
    notes: str | None = None
    source_urls: SemicolonList = ()
    quality: Quality

    @property
    def released(self) -> dt.date | None:
        """The first day that the release date allows, or None where it is unknown."""
        return None if self.release_date is None else first_day(self.release_date)


class Alternative(Record):
    """A rival value of one figure of an accelerator, beside the value used and why that one was chosen."""

    id: str
    field: str
    used: str
    alternative: str
    basis: Literal["published", "measured", "derived"]
    source_url: str
    notes: str | None = None


class HbmStack(Record):
    """A standalone stack of high-bandwidth memory: rate, bandwidth, outline area, as 3A090.c asks for them."""

    id: str
    name: str
    generation: Literal["HBM2", "HBM2E", "HBM3", "HBM3E", "HBM4"]
    maker: str
    maker_country: CountryCode
    stack_high: PositiveInt
    capacity_gb: Positive
    pin_rate_gbps: Positive
    io_width_bits: PositiveInt
    bandwidth_gbs: Positive
    package_area_mm2: Positive | None = None
    package_area_low_mm2: Positive | None = None
    package_area_high_mm2: Positive | None = None
    area_basis: Literal["published", "assumption"]
    release_date: PartialDate | None = None
    notes: str | None = None
    source_urls: SemicolonList = ()
    quality: Quality


class System(Record):
    """A server, baseboard, rack or pod: how many of which accelerator it holds."""

    id: str
    name: str
    name_zh: str | None = None
    aliases: SemicolonList = ()
    vendor: str
    vendor_country: CountryCode
    accelerator_id: str
    accelerator_count: PositiveInt
    kind: Literal["module", "baseboard", "server", "rack", "pod", "cluster"]
    release_date: PartialDate | None = None
    notes: str | None = None
    source_urls: SemicolonList = ()
    quality: Quality


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


class Event(Record):
    """A dated legal or political event, with its parameters and how sure it is."""

    event_id: str
    date_announced: dt.date
    effective_date: dt.date | None = None
    end_date: dt.date | None = None
    jurisdiction: str
    type: str
    title: str
    parameters_json: Annotated[dict[str, Any], BeforeValidator(_parse_json)]
    affected_chips: SemicolonList = ()
    source_urls: SemicolonList = ()
    confidence: Literal["A", "B", "C"]


class Observation(Record):
    """An observation of market, supply or ecosystem: period, value, range, unit, and when it was published."""

    series: str
    entity: str
    region: str
    period_start: dt.date
    period_end: dt.date
    value: Finite | None = None
    low: Finite | None = None
    high: Finite | None = None
    unit: str
    actual_or_estimate_or_forecast: Literal["actual", "estimate", "forecast"]
    published: PartialDate
    source_title: str | None = None
    source_url: str
    quality: Quality
    notes: str | None = None

    @property
    def known_from(self) -> dt.date:
        """The last day that the date of publication allows: the figure was surely public by then."""
        return last_day(self.published)


class Claim(Record):
    """A statement or causal link of the article, the verdict of the evidence, and the better value."""

    claim_id: str
    type: Literal["fact", "quote", "opinion", "causal"]
    paragraph_no: int
    subject: str
    predicate: str
    value: str | None = None
    unit: str | None = None
    date_of_claim: dt.date
    verdict: Literal["contradicted", "partly", "supported", "unverifiable", "opinion"]
    better_value: str | None = None
    evidence_urls: BarList = ()
    notes: str | None = None
    cause: str | None = None
    effect: str | None = None
    sign: Literal["+", "-"] | None = None
    delay: str | None = None
    loop: str | None = None


class Country(Record):
    """A country's membership of the EAR country groups (15 CFR part 740, Supplement 1) over a span of days."""

    iso2: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    country: str
    D1: bool
    D4: bool
    D5: bool
    A1: bool
    A5: bool
    A6: bool
    macau_flag: bool
    d5_or_macau: bool
    licence_scope_b_flag: bool
    ai_diffusion_tier: int
    E1: bool
    E2: bool
    valid_from: dt.date
    valid_to: dt.date | None = None
    note: str | None = None
    source: str


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


class Verification(Record):
    """A value of these files that was checked again against public text, and what came of it."""

    file: str
    row_key: str
    field: str
    old_value: str | None = None
    new_value: str | None = None
    verdict: Literal["confirmed", "corrected", "conflict", "not_found"]
    source_url: str | None = None
    notes: str | None = None


def first_day(partial: str) -> dt.date:
    """The first day of a partial date: 2022 → 2022-01-01, 2022-10 → 2022-10-01."""
    year, month, day = ([int(p) for p in partial.split("-")] + [1, 1])[:3]
    return dt.date(year, month, day)


def last_day(partial: str) -> dt.date:
    """The last day of a partial date: 2022 → 2022-12-31, 2022-10 → 2022-10-31."""
    parts = [int(p) for p in partial.split("-")]
    if len(parts) == 3:
        return dt.date(*parts)
    year, month = (parts[0], 12) if len(parts) == 1 else (parts[0], parts[1])
    after = dt.date(year + month // 12, month % 12 + 1, 1)
    return after - dt.timedelta(days=1)
