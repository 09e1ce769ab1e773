"""What the tests of manifests share: a Canary as plain data, with a part of it changed."""

import copy
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest

_PLAIN: Final[dict[str, Any]] = {
    "apiVersion": "flagger.app/v1beta1",
    "kind": "Canary",
    "metadata": {"name": "app", "namespace": "test"},
    "spec": {
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"},
        "service": {"port": 80},
        "analysis": {"interval": "1m", "threshold": 5, "stepWeight": 10, "maxWeight": 50},
    },
}


def _declare(changes: Mapping[str, object] | None = None) -> dict[str, Any]:
    """A healthy Canary, with values set at dotted paths; ``...`` removes one. ``analysis.`` is in the spec."""
    whole = copy.deepcopy(_PLAIN)
    for path, value in (changes or {}).items():
        *parents, last = ("spec." + path if path.startswith("analysis.") else path).split(".")
        part = whole
        for parent in parents:
            part = part.setdefault(parent, {})
        if value is ...:
            del part[last]
        else:
            part[last] = value
    return whole


@pytest.fixture(scope="session")
def declare() -> Callable[..., dict[str, Any]]:
    return _declare
