"""A real controller for a long time: canaries come and go, and nothing of them stays."""

from __future__ import annotations

import os
import time

import pytest

from applications.churn import Churn, Size, growth, metrics_of, size_of
from laboratories.lab import Lab, eventually

pytestmark = pytest.mark.slow

ROUNDS = int(os.environ.get("CANARY_HOSTILE_ROUNDS", "3"))
"""By hand 50. If the 100 ms of an interval stand for a minute, a day is over in 144 s."""
FEW = 12
"""Of fewer rounds the slope says little."""
COUNT = 6 if ROUNDS >= FEW else 3
"""Canaries at a time."""
INTERVAL = "100ms"


def _empty(size: Size) -> bool:
    """Nothing of any canary is left; what a new cluster has itself is one Service and a few ConfigMaps."""
    kinds = ("canaries", "deployments", "virtualservices", "destinationrules", "due", "worked on", "questions")
    return all(size.shown[kind] == 0 for kind in kinds) and size.shown["services"] == 1


def test_canaries_that_come_and_go_leave_nothing_behind(lab: Lab) -> None:
    churn = Churn(lab, "churn", COUNT, interval=INTERVAL, stepWeight=25, maxWeight=50, threshold=2)
    with lab.controller("-log-level=error", f"-minimum-interval={INTERVAL}") as running:
        sizes, rollouts, began = list[Size](), 0, time.monotonic()
        for _ in range(ROUNDS):
            rollouts += churn.turn()
            eventually(lambda: _empty(size_of(running)))
            eventually(lambda: '"churn"' not in metrics_of(running))
            sizes.append(size_of(running))
        churn.close()
        _tell(sizes, f"{ROUNDS * COUNT} canaries, {rollouts} rollouts, {time.monotonic() - began:.0f} s")
        assert growth([size.resident_mib for size in sizes]) <= (0.03 if ROUNDS >= FEW else 0.1)
        warm, late = sizes[1 : 1 + len(sizes) // 2], sizes[len(sizes) // 2 :]
        for name, slack in (("threads", 6), ("sockets", 6), ("files", 6)):
            assert max(getattr(size, name) for size in late) <= max(getattr(size, name) for size in warm) + slack, name
        assert max(size.cached for size in late) <= max(size.cached for size in warm)
        assert max(size.shown["unseen writes"] for size in late) <= 512


def _tell(sizes: list[Size], what: str) -> None:
    """A table for people."""
    print(f"\n{what}; memory of the second half {growth([size.resident_mib for size in sizes]):+.2%}")  # noqa: T201
    print("| round | resident MiB | threads | files | sockets | due | cached | unseen writes |")  # noqa: T201
    for number in sorted({round(part * (len(sizes) - 1) / 10) for part in range(11)}):
        size = sizes[number]
        shown = (size.threads, size.files, size.sockets, *(int(x) for x in (size.due, size.cached)))
        cells = (number + 1, f"{size.resident_mib:.1f}", *shown, int(size.shown["unseen writes"]))
        print("| " + " | ".join(str(cell) for cell in cells) + " |")  # noqa: T201
