"""What holds over the files that ship: sources, keys, references, dates, and nothing of our own machine in them."""

import datetime as dt
import re

import pytest

from forkpoint.catalog import DATA, FILES, catalog, first_day
from forkpoint.catalog.ledger import check_folder, check_one, same_value
from forkpoint.errors import InputError

KNOWN = catalog()
CUTOFF = dt.date(2025, 11, 1)


@pytest.mark.parametrize("report", check_folder(DATA), ids=lambda r: r.name)
def test_every_shipped_row_has_sources_and_every_reference_leads_somewhere(report):
    assert not report.errors
    assert report.rows > 0


def test_every_file_is_checked():
    assert {r.name for r in check_folder(DATA)} == set(FILES)


def test_what_was_published_later_is_only_the_chip_count_history():
    """Forecasts are scored against later data: nothing else published after the cut-off may be in."""
    late = [o for o in KNOWN.observations if first_day(o.published) > CUTOFF]
    assert late
    for row in late:
        assert row.period_end <= dt.date(2025, 6, 30), row
        assert row.source_title.startswith("Epoch AI"), row


def test_measured_chips_and_claims_of_the_notes_refer_to_known_chips():
    assert {m.chip for m in KNOWN.measurements} <= set(KNOWN.accelerators)


def test_a_rival_says_why_and_how_good_both_are():
    for row in KNOWN.alternatives:
        assert len(row.why) > 15, row
        assert (row.used is None) == (row.used_source_url is None) == (row.used_quality is None), row
        if row.used is None:
            assert row.why.startswith("no value is used"), row


@pytest.mark.parametrize(
    ("chip", "field", "rivals"),
    [
        ("nvidia-l40-pcie-48gb", "fp16_tflops", {"362"}),
        ("nvidia-rtx-4090-24gb", "fp16_tflops", {"165.2"}),
        ("amd-mi308x-192gb", "fp16_tflops", {"188.4", "115", "1307.4"}),
        ("amd-mi300x-192gb", "logic_die_area_mm2", {"1017"}),
        ("nvidia-b200-sxm-180gb", "logic_die_area_mm2", {"800", "1060"}),
        ("intel-gaudi3-hl325l-128gb", "bf16_tflops", {"1835"}),
        ("huawei-ascend-910c", "fp16_tflops", {"780", "800"}),
        ("huawei-ascend-910c", "die_yield_percent", {"20", "30", "40"}),
        ("aws-trainium2", "tf32_bits", {"16"}),
    ],
)
def test_the_conflicts_of_the_notes_stand_side_by_side(chip, field, rivals):
    assert {a.alternative for a in KNOWN.alternatives if (a.id, a.field) == (chip, field)} == rivals


def test_a_systems_accelerators_and_a_stacks_density_are_plausible():
    for system in KNOWN.systems.values():
        domain = KNOWN.accelerators[system.accelerator_id].scale_up_domain
        if system.kind in ("module", "baseboard") and domain is not None:
            assert system.accelerator_count <= domain, system
    for stack in KNOWN.hbm_stacks.values():
        assert stack.bandwidth_gbs / stack.package_area_high_mm2 > 2, "every stack in production exceeds the line"


@pytest.mark.parametrize("path", sorted(DATA.iterdir()), ids=lambda p: p.name)
def test_the_data_name_no_path_of_a_machine(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"file://|(?<![\w:/.-])/(home|root|tmp|usr|var|opt)/", text)
    assert "\r" not in text


def test_a_wrong_reference_date_or_address_is_found(tmp_path):
    files = {
        "systems.csv": "id,name,vendor,vendor_country,accelerator_id,accelerator_count,kind,source_urls,quality\n"
        "s,S,V,US,nvidia-h999,8,server,htp://x;https://bad address,A\n",
        "country_groups.csv": (DATA / "country_groups.csv").read_text().splitlines()[0]
        + "\nXX,X,0,0,0,0,0,0,0,0,0,2,0,0,2024-01-02,2024-01-01,n,s\n",
        "events.csv": (DATA / "events.csv").read_text().splitlines()[0]
        + "\nE,2024-01-01,2024-01-02,2023-01-01,US,letter,t,{},,s,A\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    found = {r.name: [e.column for e in r.errors] for r in check_folder(tmp_path)}
    assert found == {
        "systems.csv": ["source_urls", "source_urls", "accelerator_id"],
        "country_groups.csv": ["valid_to"],
        "events.csv": ["end_date"],
    }


def test_folders_and_files_that_are_not_ours(tmp_path):
    with pytest.raises(InputError, match="holds none of"):
        check_folder(tmp_path)
    assert "no catalogue file is called 'x.csv'" in str(check_one(tmp_path / "x.csv").errors[0])


@pytest.mark.parametrize(
    ("used", "text", "same"),
    [(400.0, "400", True), (400.0, "400.0", True), (400.0, "x", False), (None, None, True), (None, "1", False)],
)
def test_a_rivals_used_value_is_compared_by_value(used, text, same):
    assert same_value(used, text) is same
