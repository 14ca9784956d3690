"""TPP and performance density against published values; bandwidths against data sheets."""

from __future__ import annotations

import math

import pytest

from forkpoint.catalog import catalog
from forkpoint.rules import metrics
from forkpoint.rules.items import find_items
from forkpoint.rules.predicate import Number

# Published or derived from data sheets: TPP, and density where a public die area is known (BIS briefings, CSET, press,
# Epoch AI's column "Total processing performance").
PUBLISHED = {
    "nvidia-a100-sxm-80gb": (4992, 6.04),
    "nvidia-a800-sxm-80gb": (4992, 6.04),
    "nvidia-h100-sxm-80gb": (15832, 19.45),
    "nvidia-h800-sxm-80gb": (15832, 19.45),
    "nvidia-h200-sxm-141gb": (15832, 19.45),
    "nvidia-h200-nvl-141gb": (13364, 16.4),
    "nvidia-h100-nvl-94gb": (13364, 16.4),
    "nvidia-h100-pcie-80gb": (12104, 14.9),
    "nvidia-h20-sxm-96gb": (2368, 2.91),
    "nvidia-l40s-pcie-48gb": (5864, 9.63),
    "nvidia-l40-pcie-48gb": (2896, 4.76),
    "nvidia-l20-pcie-48gb": (1912, 3.14),
    "nvidia-l4-pcie-24gb": (1940, 6.6),
    "nvidia-l2-pcie-24gb": (1544, 5.2),
    "nvidia-a30-pcie-24gb": (2640, 3.2),
    "nvidia-a40-pcie-48gb": (2395, 3.8),
    "nvidia-a10-pcie-24gb": (2000, 3.18),
    "nvidia-rtx-6000-ada-48gb": (5828, 9.6),
    "nvidia-rtx-4090-24gb": (5285, 8.7),
    "nvidia-rtx-5090-32gb": (6704, None),
    "nvidia-rtx-5090d-32gb": (4750, None),
    "nvidia-b200-sxm-180gb": (36000, None),
    "nvidia-b100-sxm-192gb": (28000, None),
    "nvidia-gb300-288gb": (60000, None),
    "amd-mi210-64gb": (2896, None),
    "amd-mi250x-128gb": (6128, None),
    "amd-mi300a-128gb": (15690, None),
    "amd-mi300x-192gb": (20919, None),
    "amd-mi325x-256gb": (20919, None),
    "amd-mi350x-288gb": (36910, None),
    "amd-mi355x-288gb": (40265, None),
    "nvidia-rtx-4080-16gb": (3120, None),
    "nvidia-rtx-3090-24gb": (2288, None),
    "nvidia-t4-pcie-16gb": (1042, None),
    "nvidia-v100-sxm2-32gb": (2000, None),
    "nvidia-v100s-pcie-32gb": (2080, None),
    "intel-gaudi3-hl325l-128gb": (26848, None),
    "google-tpu-v3": (1968, None),
    "google-tpu-v4": (4400, None),
    "google-tpu-v5e": (3152, None),
    "google-tpu-v5p": (7344, None),
    "google-tpu-v6e": (14688, None),
    "microsoft-maia-100": (12800, None),
    "meta-mtia-v1": (819, None),
    "meta-mtia-v2": (2832, None),
    "groq-lpu-v1": (6000, None),
    "tesla-d1": (5792, None),
    "amd-rx-7900-xtx-24gb": (1965, None),
    "huawei-ascend-910": (4096, None),
    "huawei-ascend-910b2": (6016, None),
    "huawei-ascend-910b3": (5008, None),
    "huawei-ascend-910b4": (4480, None),
    "biren-br100": (16384, None),
    "cambricon-mlu290-m5": (4096, None),
    "cambricon-mlu370-x8": (2048, None),
    "metax-c500-oam": (4480, None),
    "thead-hanguang-800": (6600, None),
}
# Where a published value is not within 2 %: which one, and why.
EXCEPTIONS = {
    "amd-mi355x-288gb": (37440, "Epoch; the manufacturer's figures give 40,265"),
    "aws-trainium2": (10672, "Epoch counts TF32 with 16 bits"),
    "intel-max-1550-128gb": (1678, "Epoch counts the vector rate; the matrix engines give 13,424"),
    "intel-gaudi2-hl225h-96gb": (7200, "Epoch takes 450 TFLOPS; the maker's 865 at 8 bits give 6,920"),
    "google-tpu-v2": (720, "Epoch takes 45 TFLOPS; 46 give 736"),
    "nvidia-p4-pcie-8gb": (183, "Epoch; the maker's 22 TOPS at 8 bits give 176"),
    "huawei-ascend-910c": (12800, "Epoch takes the rounded 800 TFLOPS of the roadmap; two dies of 376 give 12,032"),
}


@pytest.mark.parametrize("chip", PUBLISHED)
def test_published_values_within_two_per_cent(chip: str) -> None:
    tpp, density = PUBLISHED[chip]
    item = find_items(chip)[0]
    assert item.facts["tpp"].high == pytest.approx(tpp, rel=0.02)  # type: ignore[union-attr]
    if density is not None:
        assert item.facts["performance_density"].high == pytest.approx(density, rel=0.02)  # type: ignore[union-attr]


@pytest.mark.parametrize("chip", EXCEPTIONS)
def test_the_exceptions_are_exceptions(chip: str) -> None:
    other, why = EXCEPTIONS[chip]
    tpp = find_items(chip)[0].facts["tpp"]
    assert isinstance(tpp, Number)
    assert abs(tpp.high / other - 1) > 0.02, why


def test_anchors_of_the_note() -> None:
    assert metrics.total_processing_performance({"int8_tops": 600.0}) == Number(4800, 4800)
    assert metrics.total_processing_performance({"fp16_tflops": 300.0}) == Number(4800, 4800)


def test_the_highest_format_counts_and_tf32_keeps_both_lengths() -> None:
    assert metrics.total_processing_performance({"fp16_tflops": 100.0, "fp4_tflops": 500.0}) == Number(2000, 2000)
    assert metrics.total_processing_performance({"tf32_tflops": 100.0}) == Number(1900, 3200)


def test_nothing_known_is_everything() -> None:
    assert metrics.total_processing_performance({}) == Number(0, math.inf)
    assert metrics.performance_density({}, Number(100, 100)) == Number(0, math.inf)


def test_planar_dies_have_no_density() -> None:
    density = metrics.performance_density({"process_node": "28nm", "logic_die_area_mm2": 500.0}, Number(4000, 4000))
    assert math.isnan(density.low)
    assert not metrics.is_planar({"process_node": "5nm (XCD) + 28nm (IOD)"})


@pytest.mark.parametrize(
    ("chip", "links", "memory"),
    [
        ("nvidia-a100-sxm-80gb", 664, 2039),
        ("nvidia-a800-sxm-80gb", 464, 2039),
        ("nvidia-h800-sxm-80gb", 528, 3350),
        ("nvidia-l40s-pcie-48gb", 64, 864),
        ("nvidia-h20-sxm-96gb", 1028, 4000),
        ("nvidia-rtx-pro-6000d-84gb", 128, 1398),
    ],
)
def test_links_count_with_the_bus(chip: str, links: float, memory: float) -> None:
    facts = find_items(chip)[0].facts
    assert facts["interconnect_bw_gbs"] == Number(links, links)
    assert facts["aggregate_io_gbs"] == Number(links, links)
    assert facts["dram_bw_gbs"] == Number(memory, memory)


def test_on_chip_memory_is_no_dram() -> None:
    assert find_items("groq-lpu-v1")[0].facts["dram_bw_gbs"] == Number(0, 0)


def test_every_chip_has_facts() -> None:
    for chip in catalog().accelerators:
        for item in find_items(chip):
            for fact in item.facts.values():
                if isinstance(fact, Number):
                    assert math.isnan(fact.low) or fact.low <= fact.high
