"""Asks whether locked dependencies have known vulnerabilities; where nobody can be asked, says so and passes.

    python tests/tools/audit.py requirements.lock

pip-audit gets an environment of its own beside the project's, as it shares dependencies with it. Exit codes: 0 none is
known, or nobody could be asked; 1 some are.
"""

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any, Final

TOOL: Final = "pip-audit>=2.9,<3"
_PATIENCE_S: Final = 300


def vulnerable(report: dict[str, Any]) -> list[str]:
    """One line for each vulnerability of a report."""
    return [
        f"{each['name']} {each['version']}: {known['id']}, mended in {', '.join(known['fix_versions']) or 'no version'}"
        for each in report["dependencies"]
        for known in each.get("vulns", ())
    ]


def _run(*command: str) -> bool:
    try:
        return subprocess.run(command, check=False, timeout=_PATIENCE_S).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _report(lock: Path, folder: Path) -> dict[str, Any] | None:
    """None: nobody could be asked."""
    home, target = folder / "venv", folder / "report.json"
    venv.create(home, with_pip=True)
    python = str(home / "bin" / "python")
    if not _run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", TOOL):
        return None
    asked = ("-r", str(lock), "--no-deps", "--disable-pip", "--format", "json", "--output", str(target))
    _run(python, "-m", "pip_audit", "--progress-spinner", "off", "--timeout", "20", *asked)
    # Its exit code is the same for a vulnerability and for a network that is not there.
    try:
        found: dict[str, Any] = json.loads(target.read_text())
    except (OSError, ValueError):
        return None
    return found


def main() -> int:
    """Ask, and tell."""
    with tempfile.TemporaryDirectory() as folder:
        report = _report(Path(sys.argv[1]), Path(folder))
    if report is None:
        print("not audited: no vulnerability service could be asked", file=sys.stderr)  # noqa: T201
        return 0
    found = vulnerable(report)
    print("\n".join(found) or f"{len(report['dependencies'])} packages, no known vulnerability")  # noqa: T201
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
