"""What could grow in the process is exported, from the beginning on."""

from __future__ import annotations

from kubernetes.client import Configuration

from canary_adapters.controller.controller import Controller
from canary_adapters.controller.options import Options
from canary_adapters.controller.registry import Registry


def _series(running: Controller, name: str) -> dict[str, float]:
    families = running._assembly.telemetry.registry.collect()
    return {
        label: sample.value
        for family in families
        for sample in family.samples
        if sample.name == name
        for label in sample.labels.values()
    }


def test_sizes_are_those_of_the_moment() -> None:
    running = Controller(Options(), lambda: Configuration(host="http://127.0.0.1:1"))
    assert _series(running, "canary_queued") == {"due": 0, "worked on": 0, "turned away": 0}
    assert _series(running, "canary_open") == {"questions": 0, "unseen writes": 0}
    assert _series(running, "canary_cached_objects") == {resource.plural: 0 for resource in Registry.load().watched()}
    running._queue.add(("here", "a"))
    running._queue.add(("here", "b"), 60.0)
    assert running._queue.take(0) is not None
    assert running._places.take(("here", "a"), 3) == 3
    assert _series(running, "canary_queued") == {"due": 1, "worked on": 1, "turned away": 0}
    assert _series(running, "canary_open") == {"questions": 3, "unseen writes": 0}
    running.stop()
