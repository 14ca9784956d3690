"""Rows about hardware: accelerators, rival values of their figures, HBM stacks, systems."""

import datetime as dt
from typing import Literal

from forkpoint.catalog.record import (
    CountryCode,
    PartialDate,
    Positive,
    PositiveInt,
    Quality,
    Record,
    SemicolonList,
    Sources,
    first_day,
)


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
    source_urls: Sources
    quality: Quality

    @property
    def released(self) -> dt.date | None:
        """The first day that the release date allows, or None where it is unknown."""
        return None if self.release_date is None else first_day(self.release_date)


OTHER_FIELDS = {
    "tf32_bits": "the bit length that TF32 counts with in TPP",
    "memory_kind": "the kind of memory, where sources disagree",
    "die_yield_percent": "the share of good dies on a wafer",
}
"""What an alternative may be about besides a column of accelerators.csv: nothing here uses one value of it."""


class Alternative(Record):
    """A rival value of one figure of an accelerator, beside the value used and why that one was chosen."""

    id: str
    field: str
    used: str | None = None
    alternative: str
    standing: Literal["open", "definition", "slip"]
    """Open: sources disagree. Definition: another convention for the same thing. Slip: the alternative is an error."""
    basis: Literal["published", "measured", "derived"]
    source_url: str
    quality: Quality
    used_source_url: str | None = None
    used_quality: Quality | None = None
    why: str
    """Why the value used was chosen."""
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
    source_urls: Sources
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
    source_urls: Sources
    quality: Quality
