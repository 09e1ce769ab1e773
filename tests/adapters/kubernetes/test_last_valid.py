"""While what is declared is not valid, what was valid last goes on, in this process and in the next one."""

from __future__ import annotations

import pytest

from applications.declared import a_canary, a_deployment, raw_canary
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.resources import DEPLOYMENTS, Obj
from canary_adapters.kubernetes.store import CanaryReader, CanaryStore
from canary_adapters.manifests import Canary
from canary_core import Phase, Progressive, Rollout, Traffic
from canary_ports import RefusedError

GOOD = {"interval": "1m", "threshold": 2, "stepWeight": 20, "maxWeight": 40}
BAD = {"interval": "1m", "threshold": 2, "stepWeight": 0}


def _obj(analysis: Obj, generation: int, *, uid: str = "one") -> Obj:
    found = raw_canary("here", analysis=analysis)
    found["metadata"] |= {"uid": uid, "generation": generation, "resourceVersion": "1"}
    return found


def _weights(reader: CanaryReader, obj: Obj, stored: Obj | None = None) -> tuple[int, ...] | None:
    found = reader.last_valid(obj, stored)
    if found is None:
        return None
    assert isinstance(found.policy.strategy, Progressive)
    return found.policy.strategy.weights


def test_what_was_valid_last_is_remembered() -> None:
    reader = CanaryReader()
    reader.keep(_obj(GOOD, 1), reader.read(_obj(GOOD, 1)))
    with pytest.raises(RefusedError, match="stepWeight"):
        reader.read(_obj(BAD, 2))
    assert _weights(reader, _obj(BAD, 2)) == (20, 40)


def test_another_process_reads_it_from_the_status() -> None:
    stored = _obj(GOOD, 1)["spec"]
    assert _weights(CanaryReader(), _obj(BAD, 2), stored) == (20, 40)


def test_a_status_that_holds_nothing_valid_is_no_help() -> None:
    nothing: tuple[Obj | None, ...] = (None, {}, _obj(BAD, 1)["spec"])
    for stored in nothing:
        assert _weights(CanaryReader(), _obj(BAD, 2), stored) is None


def test_another_object_of_the_same_name_has_nothing_of_it() -> None:
    reader = CanaryReader()
    reader.keep(_obj(GOOD, 1), reader.read(_obj(GOOD, 1)))
    assert _weights(reader, _obj(BAD, 1, uid="two")) is None
    reader.forget("here", "app")
    assert _weights(reader, _obj(BAD, 2)) is None


def test_what_is_not_served_is_refused_like_what_is_not_valid() -> None:
    def check(canary: Canary) -> None:
        if canary.spec.provider == "nginx":
            raise RefusedError("ProviderUnknown", "spec.provider nginx is not supported")

    reader = CanaryReader(check=check)
    reader.keep(_obj(GOOD, 1), reader.read(_obj(GOOD, 1)))
    other = _obj(GOOD, 2)
    other["spec"]["provider"] = "nginx"
    with pytest.raises(RefusedError, match="nginx"):
        reader.read(other)
    assert _weights(reader, other) == (20, 40)


# -- Another target -------------------------------------------------------------------------------------------------


class _Clock:
    def now_s(self) -> float:
        return 1_770_000_000.0


def _store(cluster: Cluster, namespace: str) -> CanaryStore:
    return CanaryStore(cluster, namespace, "app", reader=CanaryReader(), clock=_Clock())


def _rename(cluster: Cluster, namespace: str) -> None:
    a_canary(cluster.api, namespace, targetRef={"apiVersion": "apps/v1", "kind": "Deployment", "name": "other"})


def _save(cluster: Cluster, namespace: str, rollout: Rollout) -> None:
    store = _store(cluster, namespace)
    store.declared()
    store.save(rollout, store.load().version)


UNDER_WAY = Rollout(phase=Phase.PROGRESSING, started=True, traffic=Traffic(canary_weight=20), applied="v1:b")


def test_a_rollout_is_not_left_for_a_target_that_does_not_exist(cluster: Cluster, namespace: str) -> None:
    """Nobody would judge its canary any more, whoever reads the status next."""
    cluster.create(DEPLOYMENTS, namespace, a_deployment())
    a_canary(cluster.api, namespace, analysis=GOOD)
    _save(cluster, namespace, UNDER_WAY)
    _rename(cluster, namespace)
    store = _store(cluster, namespace)
    assert store.declared().canary.spec.target_ref.name == "app"
    assert store.load().rollout.traffic == UNDER_WAY.traffic
    assert store.problem is not None
    assert store.problem.reason == "TargetNotFound"
    assert "other" in store.problem.message


def test_it_is_left_for_one_that_exists(cluster: Cluster, namespace: str) -> None:
    a_canary(cluster.api, namespace, analysis=GOOD)
    _save(cluster, namespace, UNDER_WAY)
    _rename(cluster, namespace)
    cluster.create(DEPLOYMENTS, namespace, a_deployment(name="other"))
    store = _store(cluster, namespace)
    assert store.declared().canary.spec.target_ref.name == "other"
    assert store.load().rollout == Rollout()
    assert store.problem is None


def test_a_settled_rollout_has_nothing_to_stay_for(cluster: Cluster, namespace: str) -> None:
    a_canary(cluster.api, namespace, analysis=GOOD)
    _save(cluster, namespace, Rollout(phase=Phase.SUCCEEDED, applied="v1:a", promoted="v1:a"))
    _rename(cluster, namespace)
    assert _store(cluster, namespace).declared().canary.spec.target_ref.name == "other"
