"""The Vensim reader against closed forms, on texts written for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import vensim_models
from numpy.testing import assert_allclose

from forkpoint.dynamics.exchange.build import Imported, build
from forkpoint.dynamics.read_vensim import draft_vensim, read_vensim
from forkpoint.errors import InputError


def read(text: str) -> Imported:
    return build(draft_vensim(text + vensim_models.CONTROL, "test.mdl"))


@pytest.fixture(scope="module")
def functions() -> dict[str, np.ndarray]:
    run = read(vensim_models.FUNCTIONS).run(save_every=1)
    return dict(run) | {"t": run.time}


def test_cohorts_with_mappings_sub_ranges_and_sums() -> None:
    imported = read(vensim_models.POPULATION)
    run = imported.run(save_every=1)
    people = np.array([10.0, 20.0, 30.0, 40.0])
    for step in range(17):
        names = ("infant", "cohort1", "cohort2", "cohort3")
        assert_allclose([run[f"population__{name}"][step] for name in names], people, rtol=1e-13)
        assert run["total_population"][step] == pytest.approx(people.sum())
        assert run["oldest_share"][step] == pytest.approx(people[3] / people.sum())
        assert run["largest"][step] == pytest.approx(people.max())
        ageing = people / 5
        people = people + 0.25 * (np.array([2.0, *ageing[:-1]]) - ageing)
    assert_allclose(run["groups"], 4.0)
    assert imported.save_every == 2
    assert imported.model["mean_stay"].unit == "Year"
    assert imported.labels["population__cohort1"] == "population[cohort1]"


def test_functions_of_time(functions: dict[str, np.ndarray]) -> None:
    time = functions["t"]
    assert_allclose(functions["looked_up"], np.interp(time, [0, 2, 4], [1, 5, 5]))
    assert_allclose(functions["v_with"], 2 * time)
    train = np.isin(time, [0.0, 2.0])
    assert_allclose(functions["window"], ((time >= 1) & (time < 2)) + 10.0 * train)
    assert_allclose(functions["rising"], 2 * np.clip(time - 1, 0, 2) + 5 * (time >= 2))
    assert_allclose(functions["logic"], ((time > 1) & (time < 3)) | (time == 4))


def test_functions_that_remember(functions: dict[str, np.ndarray]) -> None:
    time = functions["t"]
    assert_allclose(functions["late"], np.where(time < 1, -1.0, time - 1), atol=1e-14)
    assert_allclose(functions["kept"], np.minimum(time, 1.75), atol=1e-14)
    assert_allclose(functions["start_value"], 7.0)
    assert_allclose(functions["first"], time + 1)
    assert_allclose(functions["built_on_it"], 100.0)


def test_arithmetic_macros_and_arrays(functions: dict[str, np.ndarray]) -> None:
    assert_allclose(functions["middle"], (functions["t"] + 10) / 2)
    assert_allclose(functions["quoted__name"], 3 + 6 + 3 - 1)
    inverse = [[functions[f"inverse__{r}__{c}"][0] for c in ("c1", "c2")] for r in ("r1", "r2")]
    assert_allclose(np.array(inverse) @ [[2, 1], [1, 3]], np.eye(2), atol=1e-15)
    assert [functions[f"excepted__{e}"][0] for e in ("r1__c1", "r1__c2", "r2__c1", "r2__c2")] == [1, 9, 1, 1]
    assert [functions[f"table__{e}"][0] for e in ("r1__c1", "r1__c2", "r2__c1", "r2__c2")] == [1, 2, 3, 4]
    assert [functions[f"order__{r}"][0] for r in ("r1", "r2")] == [1, 0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = GET XLS DATA('f.xlsx', 's', '1', 'B2') ~ ~ |", "GET XLS DATA: its data are in another file"),
        ("a :INTERPOLATE: ~ ~ |", "its data are in another file"),
        ("a = RANDOM NORMAL(0, 1, 0, 1, 3) ~ ~ |", "RANDOM NORMAL is not translated"),
        ("d: p, q ~ ~ | a[d] = 1, 2, 3 ~ ~ |", "lists 3 numbers for 2 elements"),
        ("d: (a1-b3) ~ ~ | x[d] = 1 ~ ~ |", "two different stems"),
        ("d: p, q -> e ~ ~ | e: r ~ ~ |", "pairs 2 with 1"),
        ("a = b * 2 ~ ~ | bb = 3 ~ ~ |", "no variable is called 'b'"),
    ],
)
def test_errors_name_the_variable(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read(text)


def test_a_file_without_a_clock_and_no_file(tmp_path: Path) -> None:
    (tmp_path / "x.mdl").write_bytes("a\xe9 = 1 ~ ~ |".encode("latin-1"))
    with pytest.raises(InputError, match=r"x\.mdl: no INITIAL TIME"):
        read_vensim(tmp_path / "x.mdl")
    with pytest.raises(InputError, match="no such file"):
        read_vensim(tmp_path / "gone.mdl")
