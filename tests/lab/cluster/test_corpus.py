"""The embedded server answers as a real one did: the recorded sequences, step by step."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

import pytest

CORPUS = Path(__file__).parent / "corpus"
SEQUENCES = sorted((CORPUS / "sequences").glob("*.yaml"))
SLOW = {
    "crud-pod",
    "deploy-image",
    "deploy-rollout",
    "deploy-scale",
    "deploy-stuck",
    "watch-end",
    "watch-initial-events",
}
NEED_FAKE_KUBELET = {"crud-pod", "pods-owned", "service-addresses", "table-builtin"}
"""Besides all that are called deploy-*."""
OUT_OF_SCOPE: dict[str, str] = {}
"""Sequences that the embedded server need not pass, with the reason: none."""


def _parameter(file: Path) -> object:
    return pytest.param(file, id=file.stem, marks=[pytest.mark.slow] if file.stem in SLOW else [])


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the replayer leaves its watches by closing their sockets
@pytest.mark.parametrize("file", [_parameter(f) for f in SEQUENCES])
def test_a_recorded_sequence_is_answered_alike(file: Path, kubeconfig: Path, tmp_path: Path) -> None:
    replay: Any = importlib.import_module("replay")  # it is found by its folder, see conftest.py
    if file.stem in OUT_OF_SCOPE:
        pytest.skip(OUT_OF_SCOPE[file.stem])
    if os.environ.get("CANARY_TEST_KUBECONFIG"):
        if file.stem == "expired":
            pytest.skip("a real server compacts its history only every five minutes")
        if file.stem in NEED_FAKE_KUBELET or file.stem.startswith("deploy-"):
            pytest.skip("needs the fake kubelet, which knows the annotations that the recordings use")
    server = replay.Server.from_kubeconfig(kubeconfig, tmp_path)
    runner = replay.Runner(server, file, record=False, limit=60)
    passed, differences = runner.run()
    assert differences == []
    assert passed == len(runner.doc["steps"])


def test_the_corpus_is_complete() -> None:
    assert len(SEQUENCES) == 53
    assert SLOW | NEED_FAKE_KUBELET | set(OUT_OF_SCOPE) <= {f.stem for f in SEQUENCES}
