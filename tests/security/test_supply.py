"""What is installed is what was locked, and is written down."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tools.audit import vulnerable
from tools.sbom import bill, components

LOCK = (Path(__file__).parents[2] / "requirements.lock").read_text()


def test_the_bill_has_every_locked_package_with_its_hashes() -> None:
    found = bill(LOCK)
    named = {(each["name"], each["version"]) for each in found["components"]}
    pinned = {tuple(line.split()[0].lower().split("==")) for line in LOCK.splitlines() if re.match(r"\w[^ ]*==", line)}
    assert named == pinned
    assert len(named) > 50
    assert sum(len(each["hashes"]) for each in found["components"]) == LOCK.count("--hash=sha256:")
    references = [each["bom-ref"] for each in found["components"]]
    assert len(set(references)) == len(references)
    assert found["dependencies"][0]["dependsOn"] == references
    assert json.dumps(bill(LOCK)) == json.dumps(found)
    licences = {each["name"]: each["licenses"] for each in found["components"] if "licenses" in each}
    assert licences["attrs"] == [{"license": {"name": "MIT"}}]


@pytest.mark.parametrize("lock", ["", "a==1\n", "a>=1 \\\n    --hash=sha256:" + "0" * 64, "-e .\n"])
def test_a_lock_file_that_locks_nothing_makes_no_bill(lock: str) -> None:
    with pytest.raises(ValueError, match=r"no hashes|not understood"):
        components(lock)


def test_the_lock_file_names_no_place() -> None:
    """Packages come from where whoever installs them says, and are known by their hashes."""
    assert "://" not in LOCK
    assert "--index" not in LOCK
    assert "--find-links" not in LOCK


def test_vulnerabilities_of_a_report_are_told() -> None:
    known = {"id": "CVE-1", "fix_versions": ["2.0"], "aliases": [], "description": ""}
    report = {"dependencies": [{"name": "a", "version": "1.0", "vulns": [known]}, {"name": "b", "version": "1"}]}
    assert vulnerable(report) == ["a 1.0: CVE-1, mended in 2.0"]
