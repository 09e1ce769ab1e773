"""Laboratories in hostile surroundings."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from applications.demo_app import App
from laboratories.lab import Lab

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The laboratory; without a controller yet."""
    with Lab(tmp_path_factory.mktemp("hostile")) as found:
        yield found


@pytest.fixture
def app(lab: Lab) -> App:
    """The application, not deployed yet."""
    lab.prometheus.success_rate, lab.prometheus.duration_ms, lab.prometheus.down = 100.0, 50.0, False
    return App(lab, f"hostile-{next(_NUMBERS)}")
