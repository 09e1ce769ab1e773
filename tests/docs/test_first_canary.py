"""The page on the first canary, typed line by line where the demo leaves everything running; then troubleshooting.

Minutes are seconds here, and nothing else is different from what a reader types.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from canary_lab.demo.manifests import load_tester
from canary_lab.mesh.laptop import Laptop
from documents.pages import GUIDE, ROOT, lines
from documents.terminal import Terminal

pytestmark = pytest.mark.slow

QUICK = {"interval: 10s": "interval: 2s", "interval: 30s": "interval: 5s"}


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """With what `canary demo --keep` leaves behind, but for its own application."""
    laptop = Laptop(tmp_path / "canary-demo")
    try:
        laptop.start()
        laptop.kubectl("apply", "-f", "-", stdin=load_tester())
        laptop.kubectl("rollout", "status", "deployment/flagger-loadtester", "-n", "loadtester", "--timeout=60s")
        laptop.start_controller("-minimum-interval=1s", "-include-label-prefix=dummy")
        hurried = tmp_path / "canary.yaml"
        text = (ROOT / "examples" / "first-canary" / "canary.yaml").read_text(encoding="utf-8")
        for slow, quick in QUICK.items():
            assert slow in text
            text = text.replace(slow, quick)
        hurried.write_text(text, encoding="utf-8")
        yield Terminal(
            {"kubectl apply -f examples/first-canary/canary.yaml": f"kubectl apply -f {hurried}"},
            KUBECONFIG=str(laptop.kubeconfig),
        )
    finally:
        laptop.stop()


def test_the_first_canary_is_promoted_the_bad_one_rolled_back_and_all_is_given_back(terminal: Terminal) -> None:
    export, *first = lines(GUIDE / "first-canary.md")
    assert export.typed == 'export PATH="$PWD/.venv/bin:$PATH" KUBECONFIG=/tmp/canary-demo/kubeconfig'
    *first, clean_up = first
    assert clean_up.typed == "kubectl delete namespace shop"
    assert terminal.follow(first) == []
    # The primary has seen no bad version, and none that was aborted.
    assert terminal.type("kubectl -n shop get deployment web-primary -o yaml").count("podinfo:6.7.1") == 1
    assert terminal.follow(lines(GUIDE / "troubleshooting.md")) == []
    ready = terminal.type("kubectl -n shop get deployment web -o jsonpath='{.status.readyReplicas}'")
    assert ready == "1"
    terminal.follow([clean_up])
