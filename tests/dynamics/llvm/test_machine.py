"""Object code: kept, found again, and compiled anew where the cache is damaged or cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from forkpoint.dynamics.llvm import machine
from forkpoint.dynamics.llvm.machine import Compiled, object_code
from forkpoint.errors import InputError

pytest.importorskip("llvmlite")

TEXT = """
define void @scaled(ptr %from, ptr %to, i64 %count) {
begin:
  br label %item
item:
  %i = phi i64 [0, %begin], [%next, %item]
  %a = getelementptr double, ptr %from, i64 %i
  %x = load double, ptr %a
  %y = fmul double %x, 3.0
  %b = getelementptr double, ptr %to, i64 %i
  store double %y, ptr %b
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %count
  br i1 %more, label %item, label %done
done:
  ret void
}
"""


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "forkpoint" / "llvm"


def works():
    given, found = np.arange(5.0), np.zeros(5)
    Compiled(TEXT, "scaled", arrays=2, numbers=1)(given, found, np.int64(4))
    np.testing.assert_array_equal(found, [0.0, 3.0, 6.0, 9.0, 0.0])


def test_code_is_kept_and_found_again(cache, monkeypatch):
    works()
    (kept,) = cache.iterdir()
    monkeypatch.setattr(machine, "target", None)  # compiling would fail now
    assert len(object_code(TEXT)) == kept.stat().st_size - 32


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b[:-9] + b"x" + b[-8:],
                                    lambda b: bytes(len(b)), lambda b: b[32:]])  # fmt: skip
def test_damaged_code_is_never_run_and_is_replaced(cache, damage):
    works()
    (kept,) = cache.iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(damage(whole))
    works()
    assert kept.read_bytes() == whole


def test_a_cache_that_cannot_be_written_costs_no_result(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    works()


def test_a_full_disk_and_a_user_without_a_home_cost_no_result(cache, monkeypatch):
    def full(path, content):
        raise InputError("cannot write: no space left on device")

    monkeypatch.setattr(machine, "write_atomically", full)
    works()
    assert not list(cache.iterdir())
    monkeypatch.setattr(machine, "cache_folder", lambda: (_ for _ in ()).throw(RuntimeError("no home directory")))
    works()


def test_two_processes_that_compile_at_once_leave_one_file(tmp_path):
    code = f"from forkpoint.dynamics.llvm.machine import object_code; print(len(object_code({TEXT!r})))"
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    both = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    found = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], found
    assert found[0] == found[1]
    (kept,) = (tmp_path / "forkpoint" / "llvm").iterdir()
    assert kept.stat().st_size == int(found[0][0]) + 32


def test_another_processor_or_version_has_code_of_its_own(cache, monkeypatch):
    works()
    monkeypatch.setattr(machine, "OPTIMISE", 3)
    object_code(TEXT)
    assert len(list(cache.iterdir())) == 2
