"""The page about the catalogue does not drift from it."""

from pathlib import Path

import pytest

from forkpoint.catalog.document import renewed
from forkpoint.errors import InputError

PAGE = Path(__file__).parents[2] / "docs" / "catalog.md"


def test_the_generated_part_of_the_page_is_up_to_date():
    page = PAGE.read_text(encoding="utf-8")
    assert page == renewed(page, "docs/catalog.md"), "run: python -m forkpoint.catalog.document docs/catalog.md"


def test_a_page_without_markers_is_refused():
    with pytest.raises(InputError, match="markers"):
        renewed("# nothing", "page.md")
