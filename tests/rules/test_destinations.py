"""Countries as people write them: codes, official, common and Chinese names, and territories."""

from __future__ import annotations

import pytest

from forkpoint.catalog import read_rows
from forkpoint.errors import InputError, UnknownName
from forkpoint.rules.destinations import NAMES, country_code, memberships


@pytest.mark.parametrize(
    ("code", "spellings"),
    [
        ("HK", "Hong Kong SAR; Hong Kong, China; China, Hong Kong SAR; Hongkong; HKG; 香港特别行政区"),
        ("MO", "Macao; Macau SAR; 澳門"),
        ("CN", "cn; CHN; P.R.C.; People's Republic of China; China (mainland); Mainland China; 中國"),
        ("TW", "Taiwan, Province of China; Republic of China; 台湾"),
        ("AE", "UAE; U.A.E.; The United Arab Emirates; Dubai; 阿联酋"),
        ("VN", "Viet Nam; VNM; 越南"),
        ("KR", "South Korea; Korea, Republic of; Korea (South); the Republic of Korea; ROK"),
        ("KP", "DPRK; North Korea; Korea, Democratic People's Republic of"),
        ("US", "U.S.; USA; the United States of America"),
        ("GB", "U.K.; Great Britain; England"),
        ("TR", "Turkey; Türkiye"),
        ("CI", "Côte d'Ivoire; Cote d’Ivoire; Ivory Coast"),
        ("RU", "Russian Federation; 俄罗斯"),
        ("IR", "Iran, Islamic Republic of"),
        ("MM", "Burma; Myanmar"),
        ("CD", "DRC; Democratic Republic of the Congo"),
        ("CG", "Congo; Republic of the Congo"),
    ],
)
def test_spellings(code: str, spellings: str) -> None:
    assert {s: country_code(s) for s in spellings.split("; ")} == dict.fromkeys(spellings.split("; "), code)


@pytest.mark.parametrize(("place", "code"), [("Cayman Islands", "GB"), ("KY", "GB"), ("Guam", "US"), ("Réunion", "FR")])
def test_a_territory_is_treated_as_its_country(place: str, code: str) -> None:
    """15 CFR 738.3(b)."""
    assert country_code(place) == code


def test_every_country_is_found_by_every_name_of_its_own() -> None:
    for rows in memberships().values():
        assert country_code(rows[0].country) == rows[0].iso2
    for row in read_rows(NAMES, ("iso2", "names", "belongs_to")):
        for name in (row["names"] or "").split(";"):
            assert country_code(name) == (row["belongs_to"] or row["iso2"]), name


@pytest.mark.parametrize(("typed", "near"), [("Chna", "China"), ("Veitnam", "Vietnam"), ("Kazakstan", "Kazakhstan")])
def test_a_slip_offers_the_nearest(typed: str, near: str) -> None:
    with pytest.raises(UnknownName, match=near):
        country_code(typed)


@pytest.mark.parametrize("typed", ["", "  ", "EU", "Europe", "Middle East", "XQ"])
def test_what_is_no_country_is_told(typed: str) -> None:
    with pytest.raises(InputError):
        country_code(typed)
