"""Whoever embeds the harness gets no laboratory and no client of Kubernetes."""

import subprocess
import sys

import pytest

FOREIGN = ("canary_lab", "kubernetes", "aiohttp", "requests", "prometheus_api_client", "prometheus_client", "urllib3")


@pytest.mark.parametrize("module", ["canary_sims.harness", "canary_sims.harness.contracts", "canary_sims.simulation"])
def test_the_harness_loads_nothing_of_the_laboratory(module: str) -> None:
    program = f"import sys, {module}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "canary_sims" in loaded
    assert [name for name in FOREIGN if name in loaded] == []
