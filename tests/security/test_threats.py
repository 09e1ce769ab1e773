"""The threat model names tests that exist, and what it says of rights and of the laboratory."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml

from canary_lab.cluster import EmbeddedCluster

ROOT = Path(__file__).parents[2]
MODEL = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
ROWS = [line for line in MODEL.split("## Threats")[1].splitlines() if re.match(r"\| (?!Threat |---)", line)]
SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests").rglob("test_*.py")))
RULES: list[dict[str, Any]] = [
    rule
    for document in yaml.safe_load_all((ROOT / "examples" / "controller" / "rbac.yaml").read_text())
    for rule in document.get("rules") or ()
]


def test_there_are_threats() -> None:
    assert len(ROWS) >= 35


@pytest.mark.parametrize("row", ROWS)
def test_each_threat_has_a_test(row: str) -> None:
    named = re.search(r"\| `(test_\w+)` \|$", row)
    assert named, row
    assert f"def {named[1]}(" in SOURCES, named[1]


def test_the_role_has_no_wildcard_and_gives_no_rights() -> None:
    assert RULES
    for rule in RULES:
        assert set(rule) <= {"apiGroups", "resources", "verbs", "resourceNames"}
        assert "*" not in {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
        assert not {"escalate", "bind", "impersonate", "deletecollection"} & set(rule["verbs"])
        assert "rbac.authorization.k8s.io" not in rule["apiGroups"]
        assert not {"pods/exec", "nodes", "serviceaccounts", "serviceaccounts/token"} & set(rule["resources"])
        assert "pods" not in rule["resources"] or rule["verbs"] == ["list"]


def test_the_laboratory_listens_on_this_machine_only() -> None:
    with EmbeddedCluster() as cluster:
        port = int(cluster.url.rpartition(":")[2])
        listening = {
            line.split()[1]
            for table in ("/proc/net/tcp", "/proc/net/tcp6")
            for line in Path(table).read_text().splitlines()[1:]
            if line.split()[3] == "0A" and line.split()[1].endswith(f":{port:04X}")
        }
        loopback = socket.inet_aton("127.0.0.1")[::-1].hex().upper()
        assert listening == {f"{loopback}:{port:04X}"}
