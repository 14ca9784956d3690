from __future__ import annotations

import pytest

from forkpoint.catalog import catalog
from forkpoint.errors import UnknownName
from forkpoint.files import read_yaml
from forkpoint.rules.items import DATA, find_items, own_item
from forkpoint.rules.predicate import Number


def test_the_data_name_things_that_exist() -> None:
    data = read_yaml(DATA)
    chips = catalog().accelerators
    assert set(data["renamed"].values()) | set(data["segments"]) <= set(chips)
    rivals = {(a.id, a.field) for a in catalog().alternatives}
    assert {(r["id"], r["field"]) for r in data["rivals_not_counted"]} <= rivals
    assert all(r["why"] for r in data["rivals_not_counted"])


@pytest.mark.parametrize(
    ("chip", "sku", "ids"),
    [
        ("A100", "SXM/PCIe", {"nvidia-a100-sxm-80gb", "nvidia-a100-pcie-40gb", "nvidia-a100-pcie-80gb"}),
        ("A800", "80GB", {"nvidia-a800-sxm-80gb", "nvidia-a800-pcie-80gb"}),
        ("H20", "96GB SXM", {"nvidia-h20-sxm-96gb"}),
        ("h20 141gb", "", {"nvidia-h20-sxm-141gb"}),
        ("MI308", "", {"amd-mi308x-192gb"}),
        ("昇腾910C", "", {"huawei-ascend-910c"}),
        ("H200", "SXM/NVL", {"nvidia-h200-sxm-141gb", "nvidia-h200-nvl-141gb"}),
        ("HGX H100 (system)", "HGX/DGX", {"nvidia-h100-sxm-80gb"}),
        ("CloudMatrix 384", "", {"huawei-ascend-910c"}),
        ("HBM3E 12-high", "", {"skhynix-hbm3e-12h-36gb", "micron-hbm3e-12h-36gb", "samsung-hbm3e-shinebolt-12h-36gb"}),
    ],
)
def test_names_as_people_type_them(chip: str, sku: str, ids: set[str]) -> None:
    assert ids <= {i.id for i in find_items(chip, sku)}


def test_a_system_is_told_from_a_chip_with_a_like_name() -> None:
    assert find_items("HGX H20")[0].system
    assert find_items("GB200 NVL72")[0].system == "GB200 NVL72"
    assert not find_items("H100 NVL")[0].system
    assert not find_items("RTX PRO 6000 Server")[0].system


def test_the_law_decides_which_rivals_count() -> None:
    assert len({i.facts["performance_density"] for i in find_items("MI300X")}) == 1
    assert {i.facts["tpp"] for i in find_items("L40")} == {Number(2896.0, 2896.0)}
    assert len(find_items("Ascend 910B3")) == 2


def test_a_chip_of_ones_own_by_quantities() -> None:
    item = own_item({"name": "x", "tpp": 3000, "performance_density": 2.0, "interconnect_bw_gbs": 400}, "x.yaml")
    assert item.facts["tpp"] == Number(3000, 3000)
    assert item.facts["performance_density"] == Number(2.0, 2.0)
    assert item.facts["interconnect_bw_gbs"] == Number(400, 400)


def test_unknown_memory_is_told() -> None:
    with pytest.raises(UnknownName):
        find_items("HBM9Z")
