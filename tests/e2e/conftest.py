"""A laboratory for each module of tests, and the article's application in a namespace of its own for each test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from applications.demo_app import App
from laboratories.lab import REAL, Lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The laboratory; without a controller yet."""
    with Lab(tmp_path_factory.mktemp("lab")) as found:
        yield found


@pytest.fixture
def app(lab: Lab) -> Iterator[App]:
    """The application, not deployed yet."""
    lab.prometheus.success_rate, lab.prometheus.duration_ms, lab.prometheus.down = 100.0, 50.0, False
    found = App(lab, f"demo-{uuid.uuid4().hex[:8]}")
    yield found
    if REAL:  # the next test's controller finds the cluster as this one did
        found.forget()
