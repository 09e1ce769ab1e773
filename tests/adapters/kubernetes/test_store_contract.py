"""The status of a Canary keeps the contract of the rollout store, and tells people what they expect."""

from __future__ import annotations

import json
from typing import Any, Final, get_args

import pytest
from attrs import define, field
from hypothesis import given, reject
from hypothesis import strategies as st

from applications.declared import a_canary, a_namespace, raw_canary
from canary_adapters.kubernetes.api import Api
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.resources import CANARIES, Obj
from canary_adapters.kubernetes.store import FINALIZER, CanaryReader, CanaryStore, Problem
from canary_adapters.kubernetes.store.conditions import Target
from canary_adapters.kubernetes.store.records import read_rollout, written_rollout
from canary_adapters.kubernetes.store.status import read_status, written_status
from canary_core import (
    Audience,
    Cookies,
    Counts,
    KnownGood,
    Notice,
    Obstacle,
    Phase,
    Policy,
    Progressive,
    Request,
    Rollout,
    SessionAffinity,
    Source,
    Traffic,
    Verb,
    Wait,
    Waiting,
)
from canary_ports import ConflictError, GoneError, RefusedError, RolloutStore
from canary_sims.harness.contracts import RolloutStoreContract
from canary_sims.harness.strategies import policies, rollouts

TARGET = Target(kind="Deployment", full="deployment app.here")


class _Clock:
    def now_s(self) -> float:
        return 1_770_000_000.0


@define
class Door:
    """A Canary that is undone on deletion, and so waits for us."""

    cluster: Cluster
    namespace: str
    reader: CanaryReader = field(factory=CanaryReader)

    store: RolloutStore = field(init=False)

    def __attrs_post_init__(self) -> None:
        a_canary(self.cluster.api, self.namespace, revertOnDeletion=True)
        store = CanaryStore(self.cluster, self.namespace, "app", reader=self.reader, clock=_Clock())
        store.load()
        store.ensure_finalizer()
        self.store = store

    @property
    def policy(self) -> Policy:
        return self.reader.read(self._live()).policy

    def _live(self) -> Obj:
        found = self.cluster.api.read(CANARIES, self.namespace, "app")
        assert found is not None
        return found

    def redeclare(self) -> None:
        self.touch()

    def touch(self) -> None:
        live = self._live()
        self.cluster.api.patch(CANARIES, live, {"spec": {"progressDeadlineSeconds": 601}})

    def ask(self, request: Request) -> None:
        verb = request.verb.value if request.verb is not None else "dance"
        text = f"{verb}/{request.id}"
        self.cluster.api.patch(CANARIES, self._live(), {"metadata": {"annotations": {"canary-core/request": text}}})

    def delete(self) -> None:
        self.cluster.api.delete(CANARIES, self._live())

    def exists(self) -> bool:
        return self.cluster.api.read(CANARIES, self.namespace, "app") is not None


class TestStatus(RolloutStoreContract):
    """Over HTTP."""

    @pytest.fixture(autouse=True)
    def _cluster(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def door(self) -> Door:
        return Door(self.cluster, a_namespace(self.cluster.api))


# -- Records --------------------------------------------------------------------------------------------------------


@given(rollouts())
def test_a_rollout_goes_through_json_and_back_unchanged(rollout: Rollout) -> None:
    text = json.dumps(written_rollout(rollout), allow_nan=False)
    read = read_rollout(json.loads(text))
    assert read == rollout
    assert repr(read) == repr(rollout)  # an enumeration equals its number, which cannot be written again


@pytest.mark.parametrize("kind", get_args(Notice), ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_every_notice_that_is_still_to_be_told_survives_several_restarts(kind: type[Any], data: st.DataObject) -> None:
    try:
        notice = data.draw(st.from_type(kind).filter(lambda found: "NOTHING" not in repr(found)))
    except (TypeError, ValueError):
        reject()
    rollout = Rollout(pending=(notice,))
    for _ in range(2):
        read = read_rollout(json.loads(json.dumps(written_rollout(rollout), allow_nan=False)))
        assert repr(read) == repr(rollout)
        rollout = read


@given(policies(), rollouts(), st.integers(0, 10))
def test_a_status_is_read_as_it_was_written(policy: Policy, rollout: Rollout, generation: int) -> None:
    status = written_status(policy, rollout, {}, target=TARGET, now_s=1.7e9, generation=generation)
    assert read_status(policy, json.loads(json.dumps(status))) == rollout
    assert status["phase"] == rollout.phase.value
    assert [each["type"] for each in status["conditions"][:2]] == ["Promoted", "Ready"]
    again = written_status(policy, rollout, status, target=TARGET, now_s=1.8e9, generation=generation)
    assert again == status


RECORDED: Final = {
    "version": 1,
    "phase": "Progressing",
    "traffic": {"canaryWeight": 20},
    "counts": {"failed": 1},
    "started": True,
    "applied": "v1:b",
    "promoted": "v1:a",
    "knownGood": "primary",
    "waiting": {"on": "canary", "sinceS": 1770000123.4567891},
    "sinceS": 1770000120.123456,
    "changedS": 1770000000,
    "keptS": 1769990000.5,
    "replicas": 2,
    "request": "pause/1",
}
"""As the release before wrote it."""


def test_a_record_of_the_release_before_is_read_and_written_anew_with_times_for_people() -> None:
    read = read_rollout(RECORDED)
    assert read == Rollout(
        phase=Phase.PROGRESSING,
        traffic=Traffic(canary_weight=20),
        counts=Counts(failed=1),
        started=True,
        applied="v1:b",
        promoted="v1:a",
        known_good=KnownGood.PRIMARY,
        waiting=Waiting(on=Wait.CANARY, since_s=1770000123.4567891),
        since_s=1770000120.123456,
        changed_s=1770000000.0,
        kept_s=1769990000.5,
        replicas=2,
        request="pause/1",
    )
    written = written_rollout(read)
    assert written["version"] == 2
    assert (written["since"], written["changed"]) == ("2026-02-02T02:42:00.123456Z", "2026-02-02T02:40:00.000000Z")
    assert written["waiting"] == {"on": "canary", "since": "2026-02-02T02:42:03.456789Z"}


@given(st.integers(0, 4_000_000_000_000_000).map(lambda microseconds: microseconds / 1e6))
def test_times_in_whole_microseconds_lose_nothing(time_s: float) -> None:
    rollout = Rollout(since_s=time_s, changed_s=time_s, kept_s=time_s, waiting=Waiting(on=Wait.TARGET, since_s=time_s))
    assert read_rollout(written_rollout(rollout)) == rollout


@pytest.mark.parametrize("time_s", [1e18, -1e18, float("inf"), -62_135_596_801.0])
def test_a_clock_that_shows_no_date_is_written_as_it_is(time_s: float) -> None:
    rollout = Rollout(since_s=time_s)
    assert read_rollout(json.loads(json.dumps(written_rollout(rollout), allow_nan=False))) == rollout


@pytest.mark.parametrize(
    "damage",
    [
        {"version": 3},
        {"version": []},
        {"since": "soon"},
        {"phase": "Nowhere"},
        {"pending": [{"kind": "Nothing"}]},
        {"traffic": 3},
    ],
)
def test_a_record_that_cannot_be_read_is_refused_and_says_what_to_do(damage: dict[str, Any]) -> None:
    record = {**written_rollout(Rollout(phase=Phase.SUCCEEDED)), **damage}
    with pytest.raises(RefusedError, match=r"status\.rollout"):
        read_rollout(record)


def test_times_of_transition_move_only_with_what_they_belong_to() -> None:
    """Flagger moves them with every write (12.1 #21)."""
    policy = Policy(strategy=Progressive(weights=(10, 20)))
    first = written_status(policy, Rollout(phase=Phase.PROGRESSING), {}, target=TARGET, now_s=0.0, generation=1)
    one = Rollout(phase=Phase.PROGRESSING, traffic=Traffic(canary_weight=10))
    second = written_status(policy, one, first, target=TARGET, now_s=60.0, generation=1)
    assert (second["canaryWeight"], second["lastTransitionTime"]) == (10, "1970-01-01T00:00:00Z")
    assert second["conditions"][0] == first["conditions"][0]
    assert [each["lastTransitionTime"] for each in second["conditions"][1:]] == ["1970-01-01T00:00:00Z"] * 2
    promoting = Rollout(phase=Phase.PROMOTING, traffic=Traffic(canary_weight=20))
    third = written_status(policy, promoting, second, target=TARGET, now_s=120.0, generation=1)
    condition = third["conditions"][0]
    assert third["lastTransitionTime"] == "1970-01-01T00:02:00Z"
    assert (condition["lastUpdateTime"], condition["lastTransitionTime"]) == (
        "1970-01-01T00:02:00Z",
        "1970-01-01T00:00:00Z",
    )
    assert condition["message"] == "Canary analysis completed, starting primary rolling update."
    done = Rollout(phase=Phase.SUCCEEDED, known_good=KnownGood.PRIMARY)
    fourth = written_status(policy, done, third, target=TARGET, now_s=180.0, generation=1)
    assert [(each["type"], each["status"], each["lastTransitionTime"]) for each in fourth["conditions"]] == [
        ("Promoted", "True", "1970-01-01T00:03:00Z"),
        ("Ready", "True", "1970-01-01T00:03:00Z"),
    ]


@pytest.mark.parametrize(
    ("status", "traffic"),
    [
        ({"phase": "Progressing", "canaryWeight": 30}, Traffic(canary_weight=30)),
        ({"phase": "Failed", "canaryWeight": 100}, Traffic(canary_weight=100)),
        ({"phase": "WaitingPromotion", "canaryWeight": 0, "iterations": -1}, Traffic()),
        (
            {"phase": "Progressing", "canaryWeight": 10, "sessionAffinityCookie": "cc=abc"},
            Traffic(canary_weight=10, cookies=Cookies(canary="abc")),
        ),
    ],
)
def test_a_status_of_flaggers_is_read_for_what_it_means(status: dict[str, Any], traffic: Traffic) -> None:
    policy = Policy(strategy=Progressive(weights=(10, 30)), session_affinity=SessionAffinity(cookie_name="cc"))
    given_ = {"failedChecks": 2, "lastAppliedSpec": "5978589476", "lastPromotedSpec": "4b8c", **status}
    found = read_status(policy, given_)
    assert (found.phase.value, found.traffic) == (status["phase"], traffic)
    assert (found.applied, found.promoted, found.counts.failed) == ("5978589476", "4b8c", 2)
    assert found.iterations == 0
    assert found.traffic.audience is Audience.EVERYONE


def test_a_status_that_says_nothing_is_a_new_rollout() -> None:
    policy = Policy(strategy=Progressive(weights=(10,)))
    for status in ({}, {"phase": ""}, {"phase": "Initializing"}, {"phase": "Nowhere", "lastAppliedSpec": "x"}):
        assert read_status(policy, status) == Rollout()


# -- Over HTTP ------------------------------------------------------------------------------------------------------


def _store(cluster: Cluster, namespace: str) -> CanaryStore:
    return CanaryStore(cluster, namespace, "app", reader=CanaryReader(), clock=_Clock())


def test_a_canary_that_nobody_has_seen_says_so_and_is_a_new_rollout(cluster: Cluster, namespace: str) -> None:
    """By the definition: tools that wait must not take it for settled."""
    a_canary(cluster.api, namespace)
    live = cluster.api.read(CANARIES, namespace, "app")
    assert live is not None
    assert live["status"] == {"phase": "", "canaryWeight": 0, "conditions": [], "observedGeneration": -1}
    found = _store(cluster, namespace).load()
    assert (found.rollout, found.redeclared) == (Rollout(), False)


def test_what_is_there_already_is_not_written_again(cluster: Cluster, namespace: str, embedded: Any) -> None:
    a_canary(cluster.api, namespace)
    store = _store(cluster, namespace)
    store.save(Rollout(phase=Phase.PROGRESSING), store.load().version)
    embedded.requests.clear()
    store.save(Rollout(phase=Phase.PROGRESSING), store.load().version)
    store.clear_problem()
    assert embedded.requests.count(verb="update", namespace=namespace) == 0


def test_a_label_that_somebody_adds_meanwhile_is_no_conflict(cluster: Cluster, namespace: str) -> None:
    a_canary(cluster.api, namespace)
    store = _store(cluster, namespace)
    version = store.load().version
    live = cluster.api.read(CANARIES, namespace, "app")
    assert live is not None
    cluster.api.patch(CANARIES, live, {"metadata": {"labels": {"a": "b"}}})
    store.save(Rollout(phase=Phase.PROGRESSING), version)
    assert store.load().rollout == Rollout(phase=Phase.PROGRESSING)


def test_a_newer_generation_is_never_overwritten(cluster: Cluster, namespace: str) -> None:
    a_canary(cluster.api, namespace)
    store = _store(cluster, namespace)
    version = store.load().version
    a_canary(cluster.api, namespace, progressDeadlineSeconds=601)
    with pytest.raises(ConflictError):
        store.save(Rollout(phase=Phase.PROGRESSING), version)
    fresh = _store(cluster, namespace)
    assert fresh.load().policy.progress_deadline_s == 601


def test_what_is_declared_and_not_valid_is_not_gone_by_and_so_explains_nothing(
    cluster: Cluster, namespace: str
) -> None:
    """The last valid declaration counts, and that is what was acted upon before."""
    a_canary(cluster.api, namespace)
    store = _store(cluster, namespace)
    store.save(Rollout(phase=Phase.PROGRESSING), store.load().version)
    live = cluster.api.read(CANARIES, namespace, "app")
    assert live is not None
    for interval, redeclared in (("soon", False), ("2m", True)):
        live = cluster.api.patch(CANARIES, live, {"spec": {"analysis": {"interval": interval}}})
        found = _store(cluster, namespace).load()
        assert (found.rollout.phase, found.redeclared) == (Phase.PROGRESSING, redeclared)


def test_a_problem_is_told_once_and_goes_when_it_is_mended(cluster: Cluster, namespace: str) -> None:
    a_canary(cluster.api, namespace)
    store = _store(cluster, namespace)
    store.save(Rollout(phase=Phase.SUCCEEDED), store.load().version)
    problem = Problem("Odd", "something is odd: change it")
    assert store.report(problem)
    assert not store.report(problem)
    live = cluster.api.read(CANARIES, namespace, "app")
    assert live is not None
    told = [
        tuple(each[key] for key in ("type", "status", "reason", "message")) for each in live["status"]["conditions"]
    ]
    kinds = (("Promoted", "False"), ("Ready", "False"), ("Stalled", "True"))
    assert told == [(kind, status, "Odd", problem.message) for kind, status in kinds]
    assert live["status"]["phase"] == "Succeeded"
    assert store.load().rollout == Rollout(phase=Phase.SUCCEEDED)
    store.clear_problem()
    live = cluster.api.read(CANARIES, namespace, "app")
    assert live is not None
    assert live["status"]["conditions"][0]["reason"] == "Succeeded"


def _shown(cluster: Cluster, namespace: str) -> tuple[int, str]:
    live = cluster.api.read(CANARIES, namespace, "app")
    assert live is not None
    return live["status"]["canaryWeight"], live["status"]["conditions"][0]["reason"]


def test_while_a_problem_stands_the_condition_stays(cluster: Cluster, namespace: str) -> None:
    """What is saved meanwhile says nothing else: it would alternate with the problem."""
    a_canary(cluster.api, namespace)
    store = _store(cluster, namespace)
    store.save(Rollout(phase=Phase.PROGRESSING, traffic=Traffic(canary_weight=30)), store.load().version)
    store.load()
    store.report(Problem("Odd", "something is odd"))
    store = _store(cluster, namespace)
    store.save(Rollout(phase=Phase.FAILED), store.load().version)
    assert _shown(cluster, namespace) == (0, "Odd")
    store.clear_problem()
    assert _shown(cluster, namespace) == (0, "Failed")


def test_while_a_split_is_refused_the_status_shows_what_flows(cluster: Cluster, namespace: str) -> None:
    a_canary(cluster.api, namespace)
    store, wanted = _store(cluster, namespace), Rollout(phase=Phase.PROGRESSING, traffic=Traffic(canary_weight=30))
    store.flowing = lambda: Traffic(canary_weight=20)
    version = store.save(wanted, store.load().version)
    assert _shown(cluster, namespace) == (30, "Progressing")
    refused = Obstacle(reason="Odd", message="something is odd", source=Source.ACTED)
    version = store.save(wanted.but(obstacle=refused), version)
    assert _shown(cluster, namespace) == (20, "Odd")
    store.save(wanted, version)
    assert _shown(cluster, namespace) == (30, "Progressing")


def test_a_problem_is_reported_with_the_weight_that_flows(cluster: Cluster, namespace: str) -> None:
    """Whatever was stored before it came up, and whatever is stored while it stands."""
    a_canary(cluster.api, namespace)
    store, wanted = _store(cluster, namespace), Rollout(phase=Phase.PROGRESSING, traffic=Traffic(canary_weight=30))
    store.save(wanted, store.load().version)
    store.flowing = lambda: Traffic(canary_weight=20)
    store.report(Problem("Odd", "something is odd"))
    assert _shown(cluster, namespace) == (20, "Odd")
    store.save(wanted.but(since_s=1.0), store.load().version)
    assert _shown(cluster, namespace) == (20, "Odd")
    store.clear_problem()
    assert _shown(cluster, namespace) == (30, "Progressing")


def test_a_problem_is_reported_although_it_keeps_anybody_from_reading_routes(cluster: Cluster, namespace: str) -> None:
    def refuse() -> None:
        raise RefusedError("Odd", "something is odd")

    a_canary(cluster.api, namespace)
    store = _store(cluster, namespace)
    store.save(Rollout(phase=Phase.PROGRESSING, traffic=Traffic(canary_weight=30)), store.load().version)
    store.flowing = refuse
    store.report(Problem("Odd", "something is odd"))
    assert _shown(cluster, namespace) == (30, "Odd")


def test_the_finalizer_is_there_exactly_if_it_is_declared(cluster: Cluster, namespace: str) -> None:
    for wanted in (False, True, True, False):
        a_canary(cluster.api, namespace, revertOnDeletion=wanted)
        store = _store(cluster, namespace)
        store.declared()
        store.ensure_finalizer()
        live = cluster.api.read(CANARIES, namespace, "app")
        assert live is not None
        assert (FINALIZER in live["metadata"].get("finalizers", [])) is wanted


def test_a_canary_that_is_gone_says_so(cluster: Cluster, namespace: str) -> None:
    store = _store(cluster, namespace)
    for call in (store.load, store.declared, lambda: store.report(Problem("A", "b"))):
        with pytest.raises(GoneError):
            call()


def test_mistakes_are_all_told_at_once(cluster: Cluster, namespace: str) -> None:
    analysis = {"interval": "soon", "threshold": 1, "stepWeight": -5, "maxWeight": 50.5}
    a_canary_raw(cluster.api, namespace, analysis)
    with pytest.raises(RefusedError) as caught:
        _store(cluster, namespace).declared()
    assert caught.value.reason == "InvalidSpec"
    for path in ("spec.analysis.interval", "spec.analysis.stepWeight", "spec.analysis.maxWeight"):
        assert path in caught.value.message


def test_a_wrong_canary_that_is_being_deleted_can_be_undone_all_the_same(cluster: Cluster, namespace: str) -> None:
    """Otherwise uninstalling hangs (flagger#1357)."""
    a_canary_raw(
        cluster.api, namespace, {"interval": "soon", "threshold": 1}, finalizers=[FINALIZER], revertOnDeletion=True
    )
    live = cluster.api.read(CANARIES, namespace, "app")
    assert live is not None
    cluster.api.delete(CANARIES, live)
    store = _store(cluster, namespace)
    loaded = store.load()
    assert loaded.deleting
    assert loaded.policy.revert_on_deletion
    store.release()
    assert cluster.api.read(CANARIES, namespace, "app") is None


def a_canary_raw(api: Api, namespace: str, analysis: Obj, finalizers: list[str] | None = None, **spec: Any) -> None:
    raw = raw_canary(namespace, analysis=analysis, **spec)
    raw["metadata"]["finalizers"] = finalizers or []
    api.create(CANARIES, namespace, raw)


@pytest.mark.parametrize(
    ("text", "verb"),
    [("pause", Verb.PAUSE), ("abort/17", Verb.ABORT), ("Promote/x", Verb.PROMOTE), ("dance", None), ("x" * 5000, None)],
)
def test_an_annotation_asks_for_something(cluster: Cluster, namespace: str, text: str, verb: Verb | None) -> None:
    a_canary(cluster.api, namespace)
    live = cluster.api.read(CANARIES, namespace, "app")
    assert live is not None
    cluster.api.patch(CANARIES, live, {"metadata": {"annotations": {"canary-core/request": text}}})
    request = _store(cluster, namespace).load().request
    assert request == Request(id=text[:200], verb=verb)


@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_annotation_asks_for_nothing(cluster: Cluster, namespace: str, text: str) -> None:
    a_canary(cluster.api, namespace)
    live = cluster.api.read(CANARIES, namespace, "app")
    assert live is not None
    cluster.api.patch(CANARIES, live, {"metadata": {"annotations": {"canary-core/request": text}}})
    assert _store(cluster, namespace).load().request is None
