"""Events: what is in them, and whose turn it is when there are many."""

from __future__ import annotations

import threading

import pytest

from canary_adapters.kubernetes import events
from canary_adapters.kubernetes.events import LONGEST, EventRecorder
from canary_adapters.kubernetes.mistakes import told
from canary_adapters.kubernetes.resources import Obj, Resource
from canary_adapters.manifests import ManifestError, read_object


class _Api:
    """Takes events when it is allowed to."""

    def __init__(self) -> None:
        self.taken: list[Obj] = []
        self.open = threading.Event()
        self.asked = threading.Event()

    def create(self, _: Resource, namespace: str, body: Obj) -> Obj:
        self.asked.set()
        assert self.open.wait(30)
        self.taken.append(body)
        return {"metadata": {**body["metadata"], "uid": "1", "resourceVersion": "1"}, "count": 1}


def _canary(namespace: str, name: str = "app") -> Obj:
    metadata = {"name": name, "namespace": namespace, "uid": f"{namespace}/{name}", "resourceVersion": "1"}
    return {"metadata": metadata, "spec": {"large": "x" * 1000}}


@pytest.fixture
def api() -> _Api:
    return _Api()


def _recorder(api: _Api) -> EventRecorder:
    return EventRecorder(api, now_s=lambda: 1.0)  # type: ignore[arg-type]


def test_a_namespace_with_many_events_delays_those_of_another_by_one(api: _Api) -> None:
    recorder = _recorder(api)
    for number in range(500):
        recorder.record(_canary("theirs", f"app-{number % 7}"), f"event {number}", warning=False)
    assert api.asked.wait(10)
    recorder.record(_canary("mine"), "first", warning=False)
    recorder.record(_canary("mine"), "second", warning=False)
    api.open.set()
    recorder.close(30)
    places = [body["metadata"]["namespace"] for body in api.taken]
    assert len(places) == 502
    assert max(at for at, place in enumerate(places) if place == "mine") <= 5
    assert [body["message"] for body in api.taken if body["metadata"]["namespace"] == "theirs"] == [
        f"event {number}" for number in range(500)
    ]


def test_a_namespace_with_too_many_events_loses_its_own(api: _Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "PENDING", 100)
    recorder = _recorder(api)
    recorder.record(_canary("theirs"), "begun", warning=False)
    assert api.asked.wait(10)
    for number in range(10):
        recorder.record(_canary("mine"), f"mine {number}", warning=False)
    for number in range(1000):
        recorder.record(_canary("theirs"), f"theirs {number}", warning=False)
    assert recorder.pending <= 101
    api.open.set()
    recorder.close(30)
    said = [body["message"] for body in api.taken]
    assert [text for text in said if text.startswith("mine")] == [f"mine {number}" for number in range(10)]
    assert said[-1] == "theirs 999"


def test_of_an_object_only_its_identity_is_kept_while_its_event_waits(api: _Api) -> None:
    recorder = _recorder(api)
    recorder.record(_canary("a"), "first", warning=False)
    assert api.asked.wait(10)
    recorder.record(_canary("b"), "second", warning=False)
    waiting = recorder._pending.take()
    assert isinstance(waiting, events._Event)
    assert waiting.obj == {key: value for key, value in _canary("b").items() if key == "metadata"}
    api.open.set()
    recorder.close(30)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Advance app.here canary weight 10", "Advance app.here canary weight 10"),
        ("Halt app.here advancement success rate 95.18% < 99%", "Halt app.here advancement success rate 95.18% < 99%"),
        ("failed\n\nType: Normal\r\n\x1b[2J\u202ereversed", "failed Type: Normal \ufffd[2J\ufffdreversed"),
        ("x" * 5000, "x" * (LONGEST - 3) + "..."),
    ],
)
def test_the_text_of_an_event_is_one_plain_line(api: _Api, text: str, expected: str) -> None:
    api.open.set()
    recorder = _recorder(api)
    recorder.record(_canary("here"), text, warning=True)
    recorder.close(30)
    assert [body["message"] for body in api.taken] == [expected]


# -- Mistakes -------------------------------------------------------------------------------------------------------


PROMETHEUS = "prometheus"


def _told(kind: str, spec: Obj) -> str:
    with pytest.raises(ManifestError) as caught:
        read_object({"apiVersion": "flagger.app/v1beta1", "kind": kind, "metadata": {"name": "a"}, "spec": spec})
    return told(caught.value.mistakes, most=10)


@pytest.mark.parametrize(
    ("kind", "spec", "field"),
    [
        ("AlertProvider", {"type": "slack", "address": "htps://hooks.test/hush"}, "spec.address"),
        ("AlertProvider", {"type": "slack", "address": "http://x", "proxy": "me:hush@proxy"}, "spec.proxy"),
        (
            "MetricTemplate",
            {"query": "up", "provider": {"type": "prometheus", "headers": {"X-Key": "hush"}}},
            "headers",
        ),
        ("MetricTemplate", {"query": "up", "provider": [{"headers": "hush"}]}, "spec.provider"),
        ("MetricTemplate", {"query": "up", "provider": {"type": "prometheus", "token": "hush"}}, "token"),
    ],
)
def test_a_mistake_in_what_may_hold_a_secret_does_not_repeat_it(kind: str, spec: Obj, field: str) -> None:
    found = _told(kind, spec)
    assert field in found
    assert "hush" not in found


def test_other_mistakes_are_told_with_what_was_given() -> None:
    assert _told("AlertProvider", {"type": "pager", "address": "http://x"}).startswith(
        'spec.type: "pager" is not allowed'
    )
