"""Parameters from a file."""

from __future__ import annotations

import pytest

from forkpoint.dynamics import Model, read_parameters, stock
from forkpoint.errors import InputError

GOOD = """
contact_rate:
  value: 5.0
  unit: person/day
  low: 3.0
  high: 8.0
  distribution: triangular
  source: Kermack & McKendrick 1927
  meaning: Contacts of one person in a day.
"""


def test_a_file_is_a_sector(tmp_path):
    path = tmp_path / "parameters.yaml"
    path.write_text(GOOD, encoding="utf-8")
    model = Model(read_parameters(path), {"people": stock("contact_rate", unit="person/day", doc="People.")})
    found = model.parameters["contact_rate"]
    assert (found.value, found.low, found.high, found.unit) == (5.0, 3.0, 8.0, "person/day")
    assert found.source == "Kermack & McKendrick 1927"
    assert found.meaning == "Contacts of one person in a day."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("meaning", "meening"), "no key is called 'meening'; did you mean meaning"),
        (GOOD.replace("  unit: person/day\n", ""), "the key 'unit' (unit, 1 for none) is missing"),
        (
            GOOD.replace("value: 5.0", "value: 9.0"),
            "parameter 'contact_rate': value 9.0 lies outside its range 3.0 … 8.0",
        ),
        (GOOD.replace("low: 3.0", "low: few"), "low is 'few', expected a number"),
        ("- 1\n- 2\n", "expected a table of parameters, got list"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, message):
    path = tmp_path / "parameters.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_parameters(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
