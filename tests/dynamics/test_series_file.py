"""Series from a file."""

from __future__ import annotations

import pytest

from forkpoint.dynamics import Dimension, Model, flow, read_series, stock
from forkpoint.errors import InputError

GOOD = "time,region,value\n2020,north,12.5\n2020,south,3.0\n2021,north,14.5\n2021,south,5.0\n"


def test_a_file_drives_a_run(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text(GOOD, encoding="utf-8")
    orders = read_series(path, dims=("region",), unit="item/year", hold="linear", doc="Orders.")

    @flow(into="ordered", dims=("region",), unit="item/year")
    def ordering(orders):
        """Orders."""
        return orders

    sector = {"orders": orders, "ordering": ordering,
              "ordered": stock(0.0, dims=("region",), unit="item", doc="Ordered.")}  # fmt: skip
    model = Model(sector, dimensions=(Dimension("region", ("north", "south")),), start=2020.0, stop=2021.0, step=0.5)
    model.check_units()
    assert model.run()["ordered"][-1].tolist() == [13.0, 3.5]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("region", "regoin"), "no column is called 'regoin'; did you mean region?"),
        (GOOD.replace(",value", ""), "the column 'value' is missing"),
        (GOOD.replace("12.5", "many"), "row 1, column 'value': 'many' is not a number"),
        (GOOD.replace("12.5", "inf"), "row 1, column 'value': 'inf' is not a finite number"),
        (
            GOOD.replace("2021,south", "2021,north"),
            "row 4, column 'region': 'north' is not a label that no other row has",
        ),
        ("time,region,value\n", "no rows of data"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, message):
    path = tmp_path / "orders.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_series(path, dims=("region",))
    assert message in str(caught.value)
