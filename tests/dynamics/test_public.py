"""What the package gives by name, whatever was imported before."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import forkpoint.dynamics


@pytest.mark.parametrize("name", forkpoint.dynamics.__all__)
def test_every_public_name_is_there(name):
    assert getattr(forkpoint.dynamics, name) is not None
    assert name in dir(forkpoint.dynamics)


def test_a_function_is_not_hidden_by_the_submodule_of_its_name():
    from forkpoint.dynamics import loop_scores as before

    module = importlib.import_module("forkpoint.dynamics.loop_scores")
    from forkpoint.dynamics import loop_scores as after

    assert before is after is module.loop_scores
    assert callable(after)


def test_an_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        forkpoint.dynamics.nothing  # noqa: B018


def test_public_names_load_on_first_use():
    code = "import sys, forkpoint.dynamics; print([m for m in sys.modules if m.startswith('forkpoint.dynamics.')])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
