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


def caught(tree: ast.AST) -> set[int]:
    """Lines of raises that the try around them catches: they never leave the function."""
    lines = set()
    for block in ast.walk(tree):
        if isinstance(block, ast.Try):
            names = {n.id for h in block.handlers if h.type for n in ast.walk(h.type) if isinstance(n, ast.Name)}
            for part in block.body:
                for node in ast.walk(part):
                    if (
                        isinstance(node, ast.Raise)
                        and isinstance(node.exc, ast.Call)
                        and isinstance(node.exc.func, ast.Name)
                    ):
                        lines |= {node.lineno} if node.exc.func.id in names else set()
    return lines


def test_errors_of_ours_only():
    """No room lets a bare ValueError or Exception out: the public tree is errors.py."""
    bare = {"ValueError", "Exception", "RuntimeError", "NotImplementedError"}
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
                assert node.exc.func.id not in bare or node.lineno in caught(tree), f"{path}:{node.lineno}"


def test_the_public_face_is_functions():
    import forkpoint as fp

    for name in fp.__all__:
        for _ in range(2):
            assert name == "__version__" or callable(getattr(fp, name)), name


def test_no_file_is_too_long():
    for path in SOURCE.rglob("*.py"):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= 500, f"{path.relative_to(ROOT)} has {lines} lines: split it into two nouns"


def test_the_verbs_take_names():
    import forkpoint as fp

    assert fp.check("H20", to="CN", on="2025-04-10").licence_required == "yes"
    assert fp.derive("H100", to="CN", on="2023-12-01").best.tpp < 2400
    assert fp.compare("H20", "H100", "deepseek-v3", "serve").count > 1
    assert fp.catalog().accelerator("H20").mem_gb == 96
