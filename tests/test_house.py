"""The house itself: what loads when, which way imports point, what the repository may not hold."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "forkpoint"
HEAVY = {
    "jax",
    "xarray",
    "pandas",
    "matplotlib",
    "scipy",
    "networkx",
    "pint",
    "numpyro",
    "zarr",
    "numpy",
    "pydantic",
    "rich",
}
HEAVY_FOR_CHECK = HEAVY - {"numpy", "pydantic", "rich"}


def loaded_after(code: str) -> set[str]:
    script = f"{code}\nimport sys; print(chr(10).join(sys.modules))"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    return {line.split(".")[0] for line in out.splitlines()}


def test_import_loads_nothing_heavy():
    assert not loaded_after("import forkpoint") & HEAVY


def test_help_loads_nothing_heavy():
    code = "from click.testing import CliRunner; from forkpoint.cli import forkpoint as f\n"
    code += "result = CliRunner().invoke(f, ['--help']); assert result.exit_code == 0, result.output"
    assert not loaded_after(code) & HEAVY


@pytest.mark.parametrize("words", [["check", "H20", "--on", "2025-04-10"], ["timeline", "H20"], ["chip", "H20"]])
def test_the_law_loads_no_simulation(words):
    code = "from click.testing import CliRunner; from forkpoint.cli import forkpoint as f\n"
    code += f"result = CliRunner().invoke(f, {words!r}); assert result.exit_code in (0, 1), result.output"
    assert not loaded_after(code) & HEAVY_FOR_CHECK


def test_every_command_exists_and_has_help():
    from click.testing import CliRunner

    from forkpoint.cli import COMMANDS, forkpoint

    for name in COMMANDS:
        result = CliRunner().invoke(forkpoint, [name, "--help"])
        assert result.exit_code == 0, f"{name}: {result.output} {result.exception}"
        assert "forkpoint " in result.output, f"{name} --help shows no example"


def test_an_unknown_command_gets_the_nearest():
    out = subprocess.run([sys.executable, "-m", "forkpoint", "chps"], capture_output=True, text=True)
    assert out.returncode == 2
    assert "chips" in out.stderr
    assert "Traceback" not in out.stderr


def test_errors_of_ours_only():
    """No room raises a bare ValueError or Exception: the public tree is errors.py."""
    bare = {"ValueError", "Exception", "RuntimeError", "NotImplementedError"}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
                in_validator = path.parent.name == "catalog" and path.name == "records.py"
                assert node.exc.func.id not in bare or in_validator, f"{path}:{node.lineno}"


def test_no_file_is_too_long():
    for path in SOURCE.rglob("*.py"):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= 500, f"{path.relative_to(ROOT)} has {lines} lines: split it into two nouns"
