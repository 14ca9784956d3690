"""The report: one file, no network, both languages, every number counted from the data or computed by the model."""

import datetime as dt
import html
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from click.testing import CliRunner

from forkpoint.catalog import catalog
from forkpoint.cli.report import report as report_command
from forkpoint.errors import InputError, MissingExtra, UnknownName
from forkpoint.report import build, build_report
from forkpoint.report.html import render
from forkpoint.report.material import Material, number, posterior_draws, spread, yearly
from forkpoint.report.score_table import score_table
from forkpoint.report.scores import misses
from forkpoint.report.words import LANGUAGES, words
from forkpoint.world.fitted import model_version
from forkpoint.world.reference import VENDORS, references
from forkpoint.world.scenario import scenario_names
from forkpoint.world.verdict import domestic_compute, links

DAY = dt.date(2025, 11, 1)
DRAWS = 12


@pytest.fixture(scope="module", params=LANGUAGES)
def report(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    done = build_report(catalog(), folder, language=request.param, on=DAY, draws=DRAWS)
    return request.param, done, done.path.read_text(encoding="utf-8")


class Outline(HTMLParser):
    def __init__(self):
        super().__init__()
        self.ids, self.links, self.loads, self.sections = set(), [], [], []
        self.figures = self.tables = self.captions = self.headings = 0

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if given.get("id"):
            self.ids.add(given["id"])
        if tag == "a":
            self.links.append(given.get("href", ""))
        if tag in ("script", "link", "img", "iframe"):
            self.loads.append(given)
        if tag == "section":
            self.sections.append(given["id"])
        self.figures += tag == "figure"
        self.tables += tag == "table"
        self.captions += tag == "caption"
        self.headings += tag == "th" and given.get("scope") == "col"


def outline(text):
    found = Outline()
    found.feed(text)
    return found


def test_it_is_one_file_that_asks_for_nothing(report):
    text = report[2]
    found = outline(text)
    assert not found.loads
    assert not re.search(r"url\((?!#)|@import", text)
    inside = {link[1:] for link in found.links if link.startswith("#")}
    assert inside <= found.ids
    cited = {url for c in catalog().claims for url in c.evidence_urls}
    cited |= {url for e in catalog().events for url in e.source_urls}
    outside = {link for link in found.links if not link.startswith("#")}
    assert outside <= {url for url in cited if url.startswith("http")}


def test_every_claim_and_event_names_its_sources(report):
    rows = [row for s in report[1].sections for b in s.blocks if hasattr(b, "rows") for row in b.rows]
    told = {row["no"]: row["source"].urls for row in rows if "no" in row}
    assert told == {c.claim_id: c.evidence_urls for c in catalog().claims}
    law = next(s for s in report[1].sections if s.id == "law")
    events = [row for b in law.blocks if hasattr(b, "rows") for row in b.rows if "grade" in row]
    assert len(events) > 50
    assert all(row["source"].urls for row in events)


def test_the_summary_stands_on_the_page(report):
    text = report[2]
    start = text[text.index("<main") : text.index("<section")]
    page = html.unescape(re.sub(r"<[^>]+>", "", start))
    for section in report[1].sections:
        assert all(line.strip() in page for line in section.summary)


def test_one_quantity_has_one_value_in_all_chapters(report):
    """The reference of the scenarios' chapter is the story's line: the same draws, the same year."""
    scenarios = next(s for s in report[1].sections if s.id == "scenarios")
    table = next(b for b in scenarios.blocks if hasattr(b, "rows") and "2030" in b.caption)
    base = table.rows[0]
    story = next(s for s in report[1].sections if s.id == "story")
    assert any(base["nvidia_china_revenue"] in line for line in story.summary)
    assert any(base["domestic_share_units"] in line for line in story.summary)


def test_every_scenario_has_a_range_and_a_chance(report):
    scenarios = next(s for s in report[1].sections if s.id == "scenarios")
    for table in (b for b in scenarios.blocks if hasattr(b, "rows") and "rnd_spend" in b.columns):
        for row in table.rows[1:]:
            assert all(
                re.search(r"\([\d.,−]+–[\d.,−]+\); (0|.*↑\d+%)$", row[k]) for k in table.columns if k != "scenario"
            )


def test_the_articles_main_claim_has_a_range_each_year_and_its_sign_is_the_draws_own(report):
    verdict = next(s for s in report[1].sections if s.id == "verdict")
    table = next(b for b in verdict.blocks if "without" in getattr(b, "columns", {}))
    held = posterior_draws("as-it-was", DRAWS)
    free = posterior_draws("as-it-was", DRAWS, (("control_strictness", 0.0),))
    ratio = yearly(held.time, domestic_compute(held), 2030) / yearly(free.time, domestic_compute(free), 2030)
    assert spread(ratio) in table.rows[0]["2030"]
    assert f"{float((ratio > 1).mean()):.0%}" in table.rows[0]["2030"]


def test_bandwidths_of_products_say_their_unit(report):
    law = next(s for s in report[1].sections if s.id == "law")
    table = next(b for b in law.blocks if "tpp_derived" in getattr(b, "columns", {}))
    assert all("GB/s" in h for k, h in table.columns.items() if k.startswith(("links", "memory")))


def test_a_miss_says_its_unit(report):
    table = score_table()
    if table is None:
        pytest.skip("no table of scores ships")
    units = {words(report[0]).term("unit", o.unit) for o in catalog().observations}
    for line in misses(table, catalog(), words(report[0])):
        assert any(f" {unit}{stop}" in line for unit in units for stop in (",", "，")), line


def test_every_chapter_is_there(report):
    found = outline(report[2])
    assert found.sections == list(build.chapters())
    assert found.figures >= 18
    assert found.tables == found.captions >= 25
    assert found.headings > 100


def test_every_picture_says_what_it_shows(report):
    text = report[2]
    assert text.count("<svg") == text.count("<title>") - text.count("<g class=") - text.count('class="loop"') - 1
    for section in report[1].sections:
        for block in section.blocks:
            if hasattr(block, "svg"):
                assert len(block.alt) > 8, block.caption
                assert block.caption


def test_causal_diagrams_speak_the_language_of_the_page(report):
    boxes = re.findall(r"<tspan[^>]*>([^<]+)</tspan>", report[2])
    assert len(boxes) > 50
    assert all(bool(re.search(r"[\u4e00-\u9fff]", b)) == (report[0] == "zh") for b in boxes)
    assert report[0] == "en" or not re.search("[a-z]", "".join(boxes))


def test_it_speaks_its_language(report):
    language, done, text = report
    assert f'lang="{"zh-Hans" if language == "zh" else "en"}"' in text
    chinese = len(re.findall(r"[\u4e00-\u9fff]", " ".join(done.summary)))
    assert (chinese > 100) == (language == "zh")
    claims = next(s for s in done.sections if s.id == "claims")
    links_ = claims.blocks[-2].rows
    assert all(bool(re.search(r"[\u4e00-\u9fff]", r["link"])) == (language == "zh") for r in links_)


def test_the_summary_fits_a_screen(report):
    width = 100
    wide = [sum(2 if c > "\u2e80" else 1 for c in line) for line in report[1].summary]
    assert sum(-(-w // width) for w in wide) <= 39


def test_runs_are_labelled_with_scenario_and_version(report):
    text = report[2]
    assert text.count(model_version()) >= 7
    assert "as-it-was" in text
    scenarios = next(s for s in report[1].sections if s.id == "scenarios")
    named = {row["name"] for row in scenarios.blocks[1].rows}
    assert named == set(scenario_names())


def test_every_vendor_and_every_parameter_has_a_row(report):
    story = next(s for s in report[1].sections if s.id == "story")
    table = next(b for b in story.blocks if hasattr(b, "rows"))
    assert len(table.rows) == len(VENDORS)
    sources = next(s for s in report[1].sections if s.id == "sources")
    names = [row["name"] for b in sources.blocks if hasattr(b, "rows") for row in b.rows if "name" in row]
    assert sorted(names) == sorted(references())


def test_parameters_are_written_as_people_write_them(report):
    """A year has no thousands, a large number no exponent."""
    sources = next(s for s in report[1].sections if s.id == "sources")
    rows = {row["name"]: row for b in sources.blocks if hasattr(b, "rows") for row in b.rows if "name" in row}
    assert rows["us_packaging_start"]["value"] == "2028"
    assert not [name for name, row in rows.items() if re.search(r"\de\+", f"{row['value']} {row['fitted']}")]


def test_every_causal_claim_has_a_verdict(report):
    chapter = next(s for s in report[1].sections if s.id == "verdict")
    table = next(b for b in chapter.blocks if getattr(b, "kind", "") == "dense")
    assert [r["claim"] for r in table.rows] == [c.claim_id for c in catalog().claims if c.type == "causal"]
    assert [r["claim"] for r in table.rows if not r["model"]] == [c for c, one in links().items() if not one.effect]
    assert all(r["verdict"] for r in table.rows)


def test_forecast_charts_carry_a_score_line(report):
    words_ = words(report[0])
    story = next(s for s in report[1].sections if s.id == "story")
    signs = [words_.texts[k].split("{")[0] for k in ("scores.line", "scores.line_none")]
    figures = [b for b in story.blocks if hasattr(b, "svg")]
    assert len(figures) == 6
    assert all(any(sign in f.note for sign in signs) for f in figures)


def test_counts_are_those_of_the_data(report):
    statements = [c for c in catalog().claims if c.type != "causal"]
    supported = sum(c.verdict == "supported" for c in statements)
    assert str(len(statements)) in report[1].summary[0]
    assert str(supported) in report[1].summary[0]


def test_numbers_in_the_text_are_those_of_the_runs(report):
    draws = posterior_draws("as-it-was", DRAWS)
    inside = (draws.time > 2029.99) & (draws.time < 2030.99)
    expected = spread(100 * draws["domestic_share_units"][inside].mean(axis=0))
    assert any(expected in line for line in report[1].summary)


def test_the_same_material_gives_the_same_bytes(report):
    language, done, text = report
    again = render(done.sections, words(language), dict(done.facts))
    assert again == text
    material = Material(catalog(), words(language), DAY, DRAWS)
    for name in ("claims", "verdict", "machine", "sources"):
        assert build.chapters()[name](material) == next(s for s in done.sections if s.id == name), name


def test_draws_do_not_depend_on_how_many_are_asked_for():
    few, more = (posterior_draws("as-it-was", n) for n in (4, DRAWS))
    assert np.allclose(few["china_cards"][:, 0], more["china_cards"][:, more.kept.index(few.kept[0])])


def test_a_missing_extra_is_told_in_its_chapter(tmp_path, monkeypatch):
    def broken(_):
        raise MissingExtra("networkx", "explore")

    monkeypatch.setattr(build, "chapters", lambda: {"loops": broken})
    done = build_report(catalog(), tmp_path, on=DAY, draws=DRAWS)
    assert "forkpoint[explore]" in done.path.read_text(encoding="utf-8")
    said = CliRunner().invoke(report_command, ["--out", str(tmp_path)])
    assert said.exit_code == 1
    assert "left out: " in said.stderr
    assert "forkpoint[explore]" in said.stderr


def test_without_its_templates_it_makes_no_folder(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtra, match="jinja2"):
        build_report(catalog(), tmp_path / "out", on=DAY)
    assert not (tmp_path / "out").exists()


def test_bad_words_and_folders_are_told(tmp_path):
    with pytest.raises(UnknownName, match="language"):
        words("fr")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="folder"):
        build_report(catalog(), tmp_path / "file", on=DAY)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.0123, "0.01"), (4.125, "4.1"), (27.4, "27"), (1234.0, "1,230"), (-3.2, "−3.2"), (np.nan, "–")],
)
def test_numbers_are_short(value, text):
    assert number(value) == text
