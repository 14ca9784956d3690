"""Names as people type them."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forkpoint.catalog import DATA, catalog, read_rows
from forkpoint.catalog.names import words
from forkpoint.errors import AmbiguousName, ForkpointError, UnknownName

KNOWN = catalog()
SPELLINGS = [(n, a.id) for a in KNOWN.accelerators.values() for n in (a.id, a.name, a.name_zh) if n]
NOISE = st.sampled_from(["{}", " {} ", "{}  ", "the {}", "{} GPU", "\t{}"])


@given(st.sampled_from(SPELLINGS), NOISE, st.sampled_from([str, str.lower, str.upper, str.swapcase]))
def test_every_accelerator_is_found_by_its_own_names(spelling, noise, case):
    name, key = spelling
    assert KNOWN.accelerator(noise.format(case(name))).id == key


@given(st.sampled_from(SPELLINGS))
def test_a_maker_in_front_changes_nothing(spelling):
    name, key = spelling
    chip = KNOWN.accelerators[key]
    assert KNOWN.accelerator(f"{chip.vendor} {name}").id == key


def test_every_other_thing_is_found_by_its_own_names():
    for system in KNOWN.systems.values():
        for name in (system.id, system.name, system.name_zh, *system.aliases):
            if name:
                assert KNOWN.system(name) is system, name
    for stack in KNOWN.hbm_stacks.values():
        assert KNOWN.hbm_stack(stack.name) is stack is KNOWN.hbm_stack(stack.id)
    for model in KNOWN.language_models.values():
        assert KNOWN.language_model(model.name) is model


def test_every_alias_leads_somewhere_and_says_why():
    find = {
        "accelerator": KNOWN.accelerator,
        "HBM stack": KNOWN.hbm_stack,
        "system": KNOWN.system,
        "language model": KNOWN.language_model,
    }
    for row in read_rows(DATA / "aliases.csv", ("kind", "alias", "id", "why")):
        assert find[row["kind"]](row["alias"]).id == row["id"]
        assert len(row["why"]) > 10


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("H20", "nvidia-h20-sxm-96gb"),
        ("h20 141gb", "nvidia-h20-sxm-141gb"),
        ("H20 141 GB", "nvidia-h20-sxm-141gb"),
        ("昇腾910B", "huawei-ascend-910b3"),
        ("华为昇腾910C", "huawei-ascend-910c"),
        ("寒武纪思元590", "cambricon-mlu590"),
        ("沐曦C500", "metax-c500-oam"),
        ("RTX 4090D", "nvidia-rtx-4090d-24gb"),
        ("rtx4090", "nvidia-rtx-4090-24gb"),
        ("ＲＴＸ４０９０", "nvidia-rtx-4090-24gb"),
        ("Tesla V100", "nvidia-v100-sxm2-32gb"),
        ("BR104", "biren-br104"),
        ("Denglin", "denglin-goldwasser-xl"),
        ("MI308", "amd-mi308x-192gb"),
        ("NVIDIA A100 Tensor Core GPU", "nvidia-a100-sxm-80gb"),
        ("Nvidia A100 80GB PCIe", "nvidia-a100-pcie-80gb"),
        ("H100 80GB HBM2e", "nvidia-h100-pcie-80gb"),
        ("8x H100 SXM5 80GB HBM3 GPUs", "nvidia-h100-sxm-80gb"),
        ("H200 SXM5", "nvidia-h200-sxm-141gb"),
        ("RTX 4090 24GB GDDR6X", "nvidia-rtx-4090-24gb"),
        ("NVIDIA Blackwell B200", "nvidia-b200-sxm-180gb"),
        ("Ascend 910 C", "huawei-ascend-910c"),
    ],
)
def test_names_of_the_article_and_of_the_street(typed, key):
    assert KNOWN.accelerator(typed).id == key


@pytest.mark.parametrize(
    ("typed", "key", "count"),
    [
        ("DGX H100", "nvidia-dgx-h100", 8),
        ("HGX H100 (system)", "nvidia-hgx-h100-8", 8),
        ("NVL72", "nvidia-gb200-nvl72", 72),
        ("CloudMatrix384", "huawei-cloudmatrix-384", 384),
        ("昇腾384超节点", "huawei-cloudmatrix-384", 384),
    ],
)
def test_systems(typed, key, count):
    system = KNOWN.system(typed)
    assert (system.id, system.accelerator_count) == (key, count)


def test_an_ambiguous_name_lists_the_candidates():
    with pytest.raises(AmbiguousName, match="nvidia-a100-sxm-40gb, nvidia-a100-pcie-40gb"):
        KNOWN.accelerator("A100 40GB")
    assert [c.id for c in KNOWN.accelerator_candidates("A100 40GB")] == [
        "nvidia-a100-sxm-40gb",
        "nvidia-a100-pcie-40gb",
    ]
    with pytest.raises(AmbiguousName, match="2 HBM stacks"):
        KNOWN.hbm_stack("Samsung HBM3")


@pytest.mark.parametrize(
    ("typed", "near"), [("RTX 49O0", "RTX 4090"), ("Asend 910C", "Ascend 910C"), ("MLU59O", "MLU590"), ("H2O", "H20")]
)
def test_an_unknown_name_offers_the_nearest(typed, near):
    with pytest.raises(UnknownName, match="did you mean") as raised:
        KNOWN.accelerator(typed)
    assert near in str(raised.value)


@pytest.mark.parametrize("typed", ["A100 Hopper", "H100 80GB GDDR6"])
def test_a_trait_of_another_chip_is_no_name(typed):
    with pytest.raises(UnknownName):
        KNOWN.accelerator(typed)


@pytest.mark.parametrize("typed", ["B20", "RTX 409", "MI30"])
def test_a_number_is_not_begun(typed):
    with pytest.raises(UnknownName, match="did you mean"):
        KNOWN.accelerator(typed)


@pytest.mark.parametrize("typed", ["AMD H100", "Huawei H20", "华为H20", "Intel RTX 4090", "", "!!!", "昇"])
def test_a_maker_is_not_mistaken(typed):
    with pytest.raises(ForkpointError):
        KNOWN.accelerator(typed)


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_ends_in_a_chip_or_a_sentence(text):
    with suppress(ForkpointError):
        assert KNOWN.accelerator(text).id in KNOWN.accelerators


@given(st.text(max_size=40))
def test_words_do_not_depend_on_case_or_surroundings(text):
    assert words(text) == words(f"  {text} ")
    assert all(w == w.casefold() for w in words(text))
