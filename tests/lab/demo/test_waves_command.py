"""``canary demo --clusters`` as a person starts it: each cluster with a mesh of its own."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from laboratories.lab import CANARY


@pytest.mark.slow
def test_a_good_version_passes_through_all_clusters_and_a_bad_one_stops_in_the_first(tmp_path: Path) -> None:
    done = subprocess.run(
        [CANARY, "demo", "--clusters=2", "--interval=1", "--rate=10", "--fault=error-rate=30%", f"--folder={tmp_path}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    text = done.stdout
    assert done.returncode == 0, text + done.stderr
    lines = [line.strip() for line in text.splitlines()]
    first = {name: lines.index(f"{name}  Ready  v2  Succeeded 0") for name in ("cluster-1", "cluster-2")}
    begun = next(number for number, line in enumerate(lines) if line.startswith("cluster-2  NotReady  v2"))
    assert first["cluster-1"] < begun < first["cluster-2"]
    assert re.search(r"cluster-1 +pilot +ready after \d+ s +failed", text)
    assert re.search(r"cluster-2 +rest +ready after \d+ s +never arrived", text)
    assert "cluster-1  Ready  v2  Failed 0" in lines  # after the revert
    assert not any(line.startswith("cluster-2") and "v3" in line for line in lines)
