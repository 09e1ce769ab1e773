"""One laboratory for all of these tests, and what plays in it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from delivery.history import History, recorded
from laboratories.lab import Lab

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def gitops_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The laboratory; without a controller yet."""
    with Lab(tmp_path_factory.mktemp("gitops")) as found:
        yield found


@pytest.fixture
def lab(gitops_lab: Lab) -> Lab:
    """The laboratory, with metrics that are good."""
    gitops_lab.prometheus.success_rate, gitops_lab.prometheus.duration_ms = 100.0, 50.0
    return gitops_lab


@pytest.fixture
def history(gitops_lab: Lab) -> Iterator[History]:
    """Every write during a test."""
    with recorded(gitops_lab.cluster) as found:
        yield found


@pytest.fixture
def place() -> str:
    """A namespace that nobody has used."""
    return f"gitops-{next(_NUMBERS)}"
