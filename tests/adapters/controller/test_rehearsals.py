"""Rehearsal: what would be refused or changed by the API server is said before anything begins."""

from __future__ import annotations

import copy
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from applications.demo_app import NAME
from canary_adapters.controller.interests import Key
from canary_adapters.controller.rehearsals import Rehearsals, rehearsed
from canary_adapters.extensions import Extension, Given
from canary_adapters.istio.resources import DESTINATION_RULES, VIRTUAL_SERVICES
from canary_adapters.kubernetes.rehearsal import Rehearsed
from canary_adapters.kubernetes.resources import CANARIES, SERVICES, Obj
from canary_ports import ConflictError, RefusedError, RouterPort, UnavailableError
from laboratories.virtual_cluster import VirtualController

METRIC: Obj = {"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": "1m"}
SLOW: Obj = {"interval": "1m", "threshold": 3, "stepWeight": 10, "maxWeight": 50, "metrics": [METRIC]}
TIMEOUT = 'VirtualService.networking.istio.io "app" is invalid: spec.http[0].timeout: Invalid value: "0s"'


@pytest.fixture
def controller() -> Iterator[VirtualController]:
    with VirtualController() as found:
        yield found


def _routes(obj: Obj) -> list[Obj]:
    found: list[Obj] = obj["spec"].get("http") or []
    return found


def _no_timeout_of_nothing(plural: str, obj: Obj) -> Obj:
    """As Istio's definition of a VirtualService has it."""
    if plural == VIRTUAL_SERVICES.plural and any(each.get("timeout") == "0s" for each in _routes(obj)):
        raise RefusedError("Invalid", TIMEOUT)
    return obj


def _each_route(change: Callable[[Obj], None]) -> Callable[[str, Obj], Obj]:
    def judge(plural: str, obj: Obj) -> Obj:
        found = copy.deepcopy(obj)
        if plural == VIRTUAL_SERVICES.plural:
            for route in _routes(found):
                change(route)
        return found

    return judge


def _declare(controller: VirtualController, key: Key, **service: Any) -> None:
    def change(canary: Obj) -> None:
        canary["spec"]["service"] |= service

    controller.edit(CANARIES, key, change)


def _told(controller: VirtualController, key: Key) -> tuple[str, str, list[str]]:
    """Reason and message of the condition, and the warnings among the events."""
    while controller.assembly.recorder.pending:
        time.sleep(0.002)
    events = controller.api.objects.get(("events", key[0]), {}).values()
    warnings = [each["message"] for each in events if each["type"] == "Warning"]
    condition = controller.status(key)["conditions"][0]
    return condition["reason"], condition["message"], warnings


def _go_on(controller: VirtualController, key: Key, reached: Callable[[], bool]) -> None:
    for _ in range(60):
        if reached():
            return
        controller.tick(key)
        controller.now_s += 65.0
    raise AssertionError(controller.status(key))


def _weight(controller: VirtualController, key: Key) -> object:
    return controller.status(key).get("canaryWeight")


def _phase(controller: VirtualController, key: Key) -> object:
    return controller.status(key).get("phase")


def _judged(controller: VirtualController) -> int:
    return sum(number for call, number in controller.api.calls.items() if call.startswith("DRY"))


def test_what_the_api_server_would_refuse_is_said_before_anything_is_made(controller: VirtualController) -> None:
    controller.api.would_store = _no_timeout_of_nothing
    key = controller.deploy("here", analysis=SLOW, service={"port": 9898, "timeout": "0s"})
    for _ in range(3):
        assert controller.tick(key).result == "refused"
    reason, message, warnings = _told(controller, key)
    assert reason == "RehearsalFailed"
    assert TIMEOUT in message
    assert f"virtualservice {key[1]}.here would be refused for the split 100/0" in message
    assert len(warnings) == 1
    assert not controller.api.objects.get((VIRTUAL_SERVICES.plural, "here"))
    assert not controller.api.objects.get((SERVICES.plural, "here"))
    assert list(controller.api.objects["deployments", "here"]) == [key[1]]


def test_when_it_is_fixed_the_rollout_begins(controller: VirtualController) -> None:
    controller.api.would_store = _no_timeout_of_nothing
    key = controller.deploy("here", analysis=SLOW, service={"port": 9898, "timeout": "0s"})
    controller.tick(key)
    _declare(controller, key, timeout="10s")
    controller.until("Initialized", key)
    assert _told(controller, key)[0] == "Initialized"


def test_what_is_fixed_on_the_other_side_is_tried_again(controller: VirtualController) -> None:
    """With growing pauses: a definition, a policy or a webhook may have changed."""
    controller.api.would_store = _no_timeout_of_nothing
    key = controller.deploy("here", analysis=SLOW, service={"port": 9898, "timeout": "0s"})
    for _ in range(600):
        controller.tick(key)
        controller.now_s += 10.0
    assert _judged(controller) < 100
    controller.api.would_store = lambda _, obj: obj
    _go_on(controller, key, lambda: _phase(controller, key) == "Initialized")


def test_a_new_revision_does_not_start_before_it_is_fixed(controller: VirtualController) -> None:
    controller.api.would_store = _no_timeout_of_nothing
    key = controller.deploy("here", analysis=SLOW)
    controller.until("Initialized", key)
    before = copy.deepcopy(controller.api.cached(VIRTUAL_SERVICES, *key))
    _declare(controller, key, timeout="0s")
    assert controller.tick(key).result == "refused" or _told(controller, key)[0] == "RehearsalFailed"
    controller.image(key, "v2")
    for _ in range(5):
        controller.tick(key)
        controller.now_s += 65.0
    reason, message, warnings = _told(controller, key)
    assert (reason, _phase(controller, key)) == ("RehearsalFailed", "Initialized")
    assert TIMEOUT in message
    assert len([text for text in warnings if TIMEOUT in text]) == 1
    assert controller.api.cached(VIRTUAL_SERVICES, *key) == before
    _declare(controller, key, timeout="5s")
    _go_on(controller, key, lambda: _weight(controller, key) == 20)


def test_a_running_rollout_goes_on_with_what_was_valid(controller: VirtualController) -> None:
    """Also if the process dies in between."""
    controller.api.would_store = _no_timeout_of_nothing
    key = controller.deploy("here", analysis=SLOW)
    controller.until("Initialized", key)
    controller.image(key, "v2")
    _go_on(controller, key, lambda: _weight(controller, key) == 20)
    _declare(controller, key, timeout="0s")
    _go_on(controller, key, lambda: _weight(controller, key) == 30)
    assert _told(controller, key)[0] == "RehearsalFailed"
    _restart(controller)
    _go_on(controller, key, lambda: _weight(controller, key) == 40)
    assert _told(controller, key)[0] == "RehearsalFailed"
    _go_on(controller, key, lambda: _phase(controller, key) == "Succeeded")
    routes = controller.api.cached(VIRTUAL_SERVICES, *key)
    assert routes is not None
    assert "timeout" not in routes["spec"]["http"][0]


def _restart(controller: VirtualController) -> None:
    """Another process: it remembers nothing."""
    controller.assembly.rehearsals = Rehearsals(lambda: controller.now_s)
    controller.assembly.reader.forget("here", NAME)


CHANGES: dict[str, tuple[Callable[[Obj], None], str]] = {
    "dropped": (lambda route: route.pop("timeout", None), 'spec.http[0].timeout "5s" would be dropped'),
    "changed": (lambda route: route.update(timeout="9s"), 'spec.http[0].timeout "5s" would become "9s"'),
    "added": (lambda route: route.update(fault={"abort": {}}), "spec.http[0].fault would be added"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_would_not_be_stored_as_it_is_sent_is_named_by_its_field(controller: VirtualController, name: str) -> None:
    """A field that is pruned, or that a webhook changes or adds: the split would never be found in force."""
    change, text = CHANGES[name]
    controller.api.would_store = _each_route(change)
    key = controller.deploy("here", analysis=SLOW, service={"port": 9898, "timeout": "5s"})
    assert controller.tick(key).result == "refused"
    reason, message, _ = _told(controller, key)
    assert reason == "RehearsalFailed"
    assert text in message


def test_what_others_add_and_nobody_minds_is_no_finding(controller: VirtualController) -> None:
    def judge(_: str, obj: Obj) -> Obj:
        return {**obj, "metadata": {**obj["metadata"], "annotations": {**obj["metadata"]["annotations"], "seen": "1"}}}

    controller.api.would_store = judge
    key = controller.deploy("here", analysis=SLOW)
    controller.until("Initialized", key)


def test_values_of_headers_are_not_repeated(controller: VirtualController) -> None:
    """More people read events than objects."""
    controller.api.would_store = _each_route(lambda route: route.pop("headers", None))
    headers = {"request": {"set": {"authorization": "Basic secret"}}}
    key = controller.deploy("here", analysis=SLOW, service={"port": 9898, "headers": headers})
    controller.tick(key)
    _, message, warnings = _told(controller, key)
    assert "spec.http[0].headers would be dropped" in message
    assert "secret" not in message + "".join(warnings)


def test_a_handful_of_requests_for_each_generation_and_none_for_a_rollout(controller: VirtualController) -> None:
    key = controller.deploy("here", analysis=SLOW)
    controller.until("Initialized", key)
    assert controller.api.calls[f"DRY {VIRTUAL_SERVICES.plural}"] == 3
    assert controller.api.calls[f"DRY {DESTINATION_RULES.plural}"] == 2
    first = _judged(controller)
    assert first <= 10
    for tag in ("v2", "v3"):
        controller.image(key, tag)
        controller.until("Succeeded", key)
    assert _judged(controller) == first
    _declare(controller, key, timeout="5s")
    controller.until("Succeeded", key)
    assert 0 < _judged(controller) - first <= 3


def test_a_settled_canary_costs_a_new_process_nothing_until_it_begins(controller: VirtualController) -> None:
    key = controller.deploy("here", analysis=SLOW)
    controller.until("Initialized", key)
    before = _judged(controller)
    _restart(controller)
    for _ in range(3):
        controller.tick(key)
        controller.now_s += 300.0
    assert _judged(controller) == before
    controller.image(key, "v2")
    controller.until("Succeeded", key)
    assert 0 < _judged(controller) - before <= 3


def test_a_new_process_finds_it_when_a_new_revision_is_to_begin(controller: VirtualController) -> None:
    key = controller.deploy("here", analysis=SLOW, service={"port": 9898, "timeout": "0s"})
    controller.until("Initialized", key)
    _restart(controller)
    controller.api.would_store = _no_timeout_of_nothing
    controller.image(key, "v2")
    for _ in range(3):
        controller.tick(key)
        controller.now_s += 65.0
    assert (_told(controller, key)[0], _phase(controller, key)) == ("RehearsalFailed", "Initialized")
    controller.api.would_store = lambda _, obj: obj
    _go_on(controller, key, lambda: _weight(controller, key) == 20)


def test_nobody_answers_a_rehearsal_and_a_running_rollout_goes_on(controller: VirtualController) -> None:
    key = controller.deploy("here", analysis=SLOW)
    controller.until("Initialized", key)
    controller.image(key, "v2")
    _go_on(controller, key, lambda: _weight(controller, key) == 20)

    def judge(_: str, __: Obj) -> Obj:
        raise UnavailableError("failed calling webhook")

    controller.api.would_store = judge
    _declare(controller, key, timeout="5s")
    _go_on(controller, key, lambda: _weight(controller, key) == 30)
    assert _told(controller, key)[0] == "Unrehearsed"
    controller.prometheus.success_rate = 10.0
    _go_on(controller, key, lambda: _phase(controller, key) == "Failed")


def test_one_that_was_broken_off_goes_on_where_it_was(controller: VirtualController) -> None:
    """Else a server that answers most of the requests, but not ten in a row, would let no canary begin."""
    down = itertools.cycle((False, True))

    def judge(_: str, obj: Obj) -> Obj:
        if next(down):
            raise UnavailableError("503")
        return obj

    controller.api.would_store = judge
    key = controller.deploy("here", analysis=SLOW)
    broken_off = 0
    while broken_off < 12 and controller.tick(key).result == "unavailable":
        controller.now_s += 65.0
        broken_off += 1
    assert 2 < broken_off < 12
    assert _judged(controller) <= 10 + broken_off


def test_a_webhook_that_takes_no_dry_run_is_no_reason_to_refuse_anything(controller: VirtualController) -> None:
    def judge(_: str, __: Obj) -> Obj:
        raise RefusedError("Invalid", 'admission webhook "policy.example.com" does not support dry run')

    controller.api.would_store = judge
    key = controller.deploy("here", analysis=SLOW)
    controller.until("Initialized", key)


def test_without_a_mesh_the_services_are_rehearsed(controller: VirtualController) -> None:
    def judge(plural: str, obj: Obj) -> Obj:
        if plural == SERVICES.plural and obj["metadata"]["name"].endswith("-canary"):
            raise RefusedError("Invalid", "Service is invalid: spec.ports[0].appProtocol")
        return obj

    controller.api.would_store = judge
    analysis = {"interval": "1m", "threshold": 3, "iterations": 3, "metrics": [METRIC]}
    key = controller.deploy("here", analysis=analysis, provider="kubernetes")
    assert controller.tick(key).result == "refused"
    assert "spec.ports[0].appProtocol" in _told(controller, key)[1]
    assert not controller.api.objects.get((SERVICES.plural, "here"))


def test_another_canary_does_not_notice(controller: VirtualController) -> None:
    controller.api.would_store = _no_timeout_of_nothing
    bad = controller.deploy("there", analysis=SLOW, service={"port": 9898, "timeout": "0s"})
    good = controller.deploy("here", analysis=SLOW)
    controller.tick(bad)
    controller.until("Initialized", good)
    assert _phase(controller, bad) != "Initialized"


def test_what_is_in_doubt_keeps_nothing_from_beginning_and_is_asked_again(controller: VirtualController) -> None:
    """Somebody writes the same object in between, again and again."""

    def judge(plural: str, obj: Obj) -> Obj:
        if plural == VIRTUAL_SERVICES.plural:
            raise ConflictError("the object has been modified")
        return obj

    controller.api.would_store = judge
    key = controller.deploy("here", analysis=SLOW)
    controller.until("Initialized", key)
    before = _judged(controller)
    controller.api.would_store = lambda _, obj: obj
    controller.now_s += 3600.0
    controller.tick(key)
    assert _judged(controller) > before
    again = _judged(controller)
    controller.now_s += 3600.0
    controller.tick(key)
    assert _judged(controller) == again


def test_rights_that_do_not_suffice_are_said_as_such(controller: VirtualController) -> None:
    def judge(_: str, __: Obj) -> Obj:
        raise RefusedError("Forbidden", "services is forbidden: User cannot create resource")

    controller.api.would_store = judge
    key = controller.deploy("here", analysis=SLOW)
    controller.tick(key)
    assert _told(controller, key)[0] == "Forbidden"


def test_a_router_that_does_not_say_so_is_not_tried(controller: VirtualController) -> None:
    """It might move traffic of users: what it does need not go through the cluster that it is given."""

    class _Theirs(Extension[RouterPort]):
        def make(self, given: Given) -> RouterPort:
            raise AssertionError("it was made")

    nobody_looks: Any = None
    assert rehearsed(_Theirs(), nobody_looks) == Rehearsed()


def test_a_canary_that_goes_is_not_rehearsed(controller: VirtualController) -> None:
    key = controller.deploy("here", analysis=SLOW, revertOnDeletion=True)
    controller.until("Initialized", key)
    before = _judged(controller)
    _restart(controller)
    controller.image(key, "v2")
    canary = controller.api.cached(CANARIES, *key)
    assert canary is not None
    controller.api.delete(CANARIES, canary)
    for _ in range(10):
        controller.tick(key)
    assert controller.api.cached(CANARIES, *key) is None
    assert _judged(controller) == before
