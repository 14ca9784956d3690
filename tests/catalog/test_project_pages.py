"""The project's pages name files and commands that exist."""

import re
from pathlib import Path

import pytest
import yaml

from forkpoint import __version__
from forkpoint.cli import COMMANDS

ROOT = Path(__file__).parents[2]
PAGES = ["CONTRIBUTING.md", "CHANGELOG.md", "docs/catalog.md"]


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_exists(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for path in re.findall(r"`((?:src|tests|docs)/[\w./-]+)`", text):
        if path != "docs/rules.md":
            assert (ROOT / path).exists(), path


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_a_page_names_exists(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert set(re.findall(r"\bforkpoint ([a-z][a-z-]+)\b(?! of| rests| to)", text)) <= set(COMMANDS), page


def test_the_citation_names_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == __version__
    assert citation["license"] == "Apache-2.0"
