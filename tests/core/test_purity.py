"""The core is pure: it loads attrs and the standard library, and of that nothing that could surprise."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import canary_core

MODULES = sorted(Path(canary_core.__file__).parent.glob("*.py"))
IMPURE = {
    "asyncio", "concurrent", "ctypes", "datetime", "http", "io", "logging", "multiprocessing", "os", "pathlib",
    "random", "secrets", "signal", "socket", "subprocess", "tempfile", "threading", "time", "urllib", "uuid",
}  # fmt: skip


def test_importing_the_core_loads_attrs_and_the_standard_library_only() -> None:
    code = "import sys; before = set(sys.modules); import canary_core; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded - set(sys.stdlib_module_names) == {"attr", "attrs", "canary_core"}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_no_module_of_the_core_imports_anything_impure(module: Path) -> None:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    assert found & IMPURE == set()


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_module_can_be_read_in_one_sitting(module: Path) -> None:
    lines = module.read_text(encoding="utf-8").count("\n")
    assert lines <= 450


def test_what_is_public_is_listed() -> None:
    assert len(canary_core.__all__) == len(set(canary_core.__all__))
    assert all(hasattr(canary_core, name) for name in canary_core.__all__)
