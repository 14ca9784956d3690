"""Every script of the gallery runs and draws its figure; what it shows is so."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from sample_models import GALLERY, NAMES, example


def test_the_list_is_complete():
    assert sorted(p.stem for p in GALLERY.glob("*.py")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_script_draws_its_figure(name, tmp_path):
    figure = tmp_path / f"{name}.png"
    subprocess.run([sys.executable, str(GALLERY / f"{name}.py"), str(figure)], check=True,
                   env=os.environ | {"MPLCONFIGDIR": str(tmp_path)}, cwd=tmp_path)  # fmt: skip
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_lock_in_turns_on_the_network_effect():
    model = example("lock_in").build()
    run = model.run(draws={"network_effect": np.array([0.5, 3.0])}, stop=200.0, outputs=["installed_share"])
    weak, strong = run.at("installed_share", technology="early")[-1]
    assert weak == pytest.approx(0.5, abs=0.02)
    assert strong > 0.9


def test_half_the_market_is_where_imitation_peaks():
    run = example("bass").build().run()
    peak = run["from_word_of_mouth"].argmax()
    assert run["adopters"][peak] == pytest.approx(5000.0, rel=0.02)
