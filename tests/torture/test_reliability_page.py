"""The page on reliability says what the code says, as far as it does not depend on the machine; its example works."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from canary_sims.harness.faults import CallKind, WakeKind

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_reliability", ROOT / "docs" / "generate_reliability.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATE = _generator()


def test_the_page_is_generated_from_the_campaigns() -> None:
    """But for what was measured: `make docs` writes that."""
    assert GENERATE.stable(PAGE) == GENERATE.stable(GENERATE.sketch())


def test_what_was_measured_says_that_all_is_well() -> None:
    """Nothing broken, and every planted bug found."""
    broken = re.findall(
        r"^\| [a-z-]+/[a-z-]+ \| [^|]+ \| \d+ \| [\d,]+ \| [\d,]+ \| (\d+) \|", PAGE, flags=re.MULTILINE
    )
    assert len(broken) == 11
    assert set(broken) == {"0"}
    assert "not found" not in PAGE


def test_every_fault_has_its_row_and_its_test() -> None:
    assert set(GENERATE.FAULTS) == {*CallKind, *WakeKind}
    tests = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests" / "torture").glob("test_*.py"))
    for _, _, test in GENERATE.FAULTS.values():
        assert f"def {test}(" in tests


def test_the_example_with_own_ports_works() -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    done = subprocess.run([sys.executable, "-W", "error", "-c", snippet], capture_output=True, text=True, check=True)
    (promised,) = re.findall(r"print\(.*\)  # (.*)", snippet)
    assert done.stdout.strip() == promised
