"""The report: one file, no network, both languages, every number counted from the data."""

import datetime as dt
import re
from html.parser import HTMLParser

import pytest

from forkpoint.catalog import catalog
from forkpoint.errors import InputError, UnknownName
from forkpoint.report import build_report
from forkpoint.report.words import LANGUAGES, words

DAY = dt.date(2025, 11, 1)


@pytest.fixture(scope="module", params=LANGUAGES)
def report(request, tmp_path_factory):
    done = build_report(catalog(), tmp_path_factory.mktemp("out"), language=request.param, on=DAY)
    return request.param, done, done.path.read_text(encoding="utf-8")


class Outline(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.loads = [], set(), [], []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag not in ("meta", "link", "br", "path", "use", "rect"):
            self.open.append(tag)
        if given.get("id"):
            self.ids.add(given["id"])
        if tag == "a":
            self.links.append(given.get("href", ""))
        if tag in ("script", "link", "img", "iframe"):
            self.loads.append(given)

    def handle_endtag(self, tag):
        while self.open and self.open[-1] != tag:
            self.open.pop()
        if self.open:
            self.open.pop()


def test_it_is_one_file_that_asks_for_nothing(report):
    _, _, text = report
    outline = Outline()
    outline.feed(text)
    assert not outline.loads
    assert not re.search(r"url\((?!#)|@import", text)
    assert all(link.startswith("#") for link in outline.links)
    assert {link[1:] for link in outline.links} <= outline.ids


def test_every_picture_says_what_it_shows(report):
    _, _, text = report
    assert text.count("<svg") == text.count("<title>") - 1
    assert text.count("<svg") >= 4


def test_it_speaks_its_language(report):
    language, done, text = report
    assert f'lang="{"zh-Hans" if language == "zh" else "en"}"' in text
    chinese = len(re.findall(r"[\u4e00-\u9fff]", " ".join(done.summary)))
    assert (chinese > 20) == (language == "zh")


def test_the_summary_fits_a_screen(report):
    assert len(report[1].summary) < 40


def test_counts_are_those_of_the_data(report):
    statements = [c for c in catalog().claims if c.type != "causal"]
    supported = sum(c.verdict == "supported" for c in statements)
    assert str(len(statements)) in report[1].summary[0]
    assert str(supported) in report[1].summary[0]


def test_the_same_day_gives_the_same_bytes(tmp_path):
    first = build_report(catalog(), tmp_path / "a", on=DAY).path.read_bytes()
    assert build_report(catalog(), tmp_path / "b", on=DAY).path.read_bytes() == first


def test_both_languages_have_the_same_words():
    english, chinese = (words(language).texts for language in LANGUAGES)
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        assert set(re.findall(r"{(\w+)}", text)) == set(re.findall(r"{(\w+)}", chinese[key])), key


def test_bad_words_and_folders_are_told(tmp_path):
    with pytest.raises(UnknownName, match="language"):
        words("fr")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="folder"):
        build_report(catalog(), tmp_path / "file", on=DAY)
