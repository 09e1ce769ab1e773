"""For each module of flows: a laboratory with a controller, and a load tester for hooks; for each test an app."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from applications.demo_app import App
from laboratories.hook_lab import HookLab
from laboratories.lab import REAL, Controller, Lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The laboratory."""
    with Lab(tmp_path_factory.mktemp("lab")) as found:
        yield found


@pytest.fixture(scope="module", autouse=True)
def controller(lab: Lab) -> Iterator[Controller]:
    """One for all, which copies labels and annotations that are the team's."""
    with lab.controller("-include-label-prefix=team.example.com") as found:
        yield found


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HookLab]:
    """Webhooks and who answers them."""
    with HookLab.running(tmp_path_factory.mktemp("hooks")) as found:
        yield found


@pytest.fixture
def app(lab: Lab) -> Iterator[App]:
    """The app, in an empty namespace."""
    lab.prometheus.success_rate, lab.prometheus.duration_ms, lab.prometheus.down = 100.0, 50.0, False
    found = App(lab, f"flow-{uuid.uuid4().hex[:8]}")
    lab.kubectl("create", "namespace", found.namespace)
    yield found
    if REAL:
        found.forget()
