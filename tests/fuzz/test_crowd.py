"""Odd objects in a cluster beside a sound one, with a real controller."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, seed, settings

from applications.demo_app import NAME, App, article_canary
from canary_adapters.plain_text import is_acted_upon
from laboratories.lab import Lab, eventually
from stories.foreign import a_spec, canaries

pytestmark = pytest.mark.slow

COUNT = 60
NAMES = ("a" * 253, "a" * 63, "a" * 54, "a.b-c", "0", "app")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The laboratory."""
    with Lab(tmp_path_factory.mktemp("crowd")) as found:
        yield found


def _some(strategy: Any, count: int) -> list[Any]:
    """So many values, always the same."""
    found: list[Any] = []

    @seed(1)
    @settings(
        max_examples=count, phases=[Phase.generate], database=None, deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(strategy)
    def collect(value: Any) -> None:
        found.append(value)

    collect()
    return found


def _shown(value: Any, depth: int = 20) -> Any:
    """A value without the characters that the patterns of the definitions refuse, so that more of the rest is taken."""
    if depth and isinstance(value, dict):
        return {_shown(key): _shown(each, depth - 1) for key, each in value.items()}
    if depth and isinstance(value, list):
        return [_shown(each, depth - 1) for each in value]
    return "".join(c for c in value if not is_acted_upon(c)) if isinstance(value, str) else value


def _post(lab: Lab, plural: str, raw: dict[str, Any]) -> int:
    url = f"{lab.cluster.url}/apis/flagger.app/v1beta1/namespaces/crowd/{plural}"
    try:
        body = json.dumps(raw).encode()
    except UnicodeEncodeError:
        return 0
    return requests.post(url, data=body, headers={"Content-Type": "application/json"}, timeout=30).status_code


def test_odd_objects_in_a_cluster_harm_no_sound_one(lab: Lab) -> None:
    """Those that the API server takes; the sound one is rolled out among them, and the log knows no mistake of ours."""
    chance = random.Random(3)
    lab.kubectl("create", "namespace", "crowd")
    sound = App(lab, "sound")
    taken = 0
    with lab.controller() as running:
        for number, raw in enumerate(_some(canaries(), COUNT)):
            name = chance.choice(NAMES) if number % 4 == 0 else f"odd-{number}"
            found = {**raw, "metadata": {"name": name, "namespace": "crowd"}}
            if number % 3 == 0 and isinstance(found["spec"], dict):
                found["spec"] = {**article_canary("crowd")["spec"], **found["spec"]}
                found["spec"]["targetRef"] = {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME}
            taken += _post(lab, "canaries", _shown(found) if number % 2 else found) == 201
        for kind, plural in (("MetricTemplate", "metrictemplates"), ("AlertProvider", "alertproviders")):
            for number, spec in enumerate(_some(a_spec(kind), COUNT // 4)):
                metadata = {"name": f"odd-{number}", "namespace": "crowd"}
                head = {"apiVersion": "flagger.app/v1beta1", "kind": kind}
                taken += _post(lab, plural, {**head, "metadata": metadata, "spec": spec}) == 201
        sound.deploy(analysis={"stepWeight": 50, "maxWeight": 50})
        sound.until("Initialized")
        sound.image("v2")
        sound.until("Succeeded")

        def told() -> bool:
            every = json.loads(lab.kubectl("get", "canaries", "-n", "crowd", "-o", "json"))["items"]
            return all((each.get("status") or {}).get("conditions") for each in every)

        eventually(told)
        assert "a mistake of the controller" not in running.text()
        assert "Traceback" not in running.text()
    assert taken >= COUNT // 2
    assert sound.weights() == [100, 0]
