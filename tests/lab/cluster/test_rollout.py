"""The arithmetic of rollouts, and the store below everything."""

from __future__ import annotations

from typing import Any

import pytest

from canary_lab.cluster.controllers import rollout
from canary_lab.cluster.store import Event, Expired, Store


def deployment(replicas: int, surge: Any = "25%", unavailable: Any = "25%") -> dict[str, Any]:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    spec = {"replicas": replicas, "strategy": strategy, "progressDeadlineSeconds": 60}
    return {"metadata": {"name": "web", "generation": 1}, "spec": spec}


def replica_set(name: str, replicas: int, available: int) -> dict[str, Any]:
    status = {"replicas": replicas, "readyReplicas": available, "availableReplicas": available}
    return {"metadata": {"name": name}, "spec": {"replicas": replicas}, "status": status}


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "bounds"),
    [
        (2, "25%", "25%", (1, 0)),
        (4, "25%", "25%", (1, 1)),
        (10, 0, "25%", (0, 2)),
        (3, 0, "0%", (0, 1)),
        (1, 2, 5, (2, 1)),
    ],
)
def test_shares_round_up_for_more_and_down_for_less(replicas: int, surge: Any, unavailable: Any, bounds: Any) -> None:
    assert rollout.bounds(deployment(replicas, surge, unavailable)) == bounds


def test_the_new_replica_set_grows_into_the_room_there_is() -> None:
    old = replica_set("old", 4, 4)
    assert rollout.for_new(deployment(4), [old], 0) == 1
    assert rollout.for_new(deployment(4), [replica_set("old", 2, 2), replica_set("new", 2, 2)], 2) == 3
    assert rollout.for_new(deployment(4), [old, replica_set("new", 1, 0)], 1) == 1
    assert rollout.for_new(deployment(0), [], 0) == 0


def test_old_replica_sets_shrink_only_as_far_as_enough_is_available() -> None:
    old = replica_set("old", 4, 4)
    assert rollout.for_old(deployment(4), replica_set("new", 1, 0), [old]) == {"old": 3}
    assert rollout.for_old(deployment(4, "25%", 0), replica_set("new", 1, 0), [old]) == {}
    assert rollout.for_old(deployment(4, "25%", 0), replica_set("new", 1, 1), [old]) == {"old": 3}
    assert rollout.for_old(deployment(4), replica_set("new", 4, 4), [replica_set("old", 0, 0)]) == {}


def test_ill_pods_of_old_replica_sets_go_first() -> None:
    ill, well = replica_set("ill", 1, 0), replica_set("well", 3, 3)
    assert rollout.for_old(deployment(4, 1, 1), replica_set("new", 1, 1), [well, ill]) == {"well": 2, "ill": 0}


def test_progress_ends_with_success_or_with_the_deadline() -> None:
    web, new = deployment(2), replica_set("new", 2, 1)
    status = rollout.counted(web, new, [new])
    rollout.put_condition(status, "Progressing", "True", "ReplicaSetUpdated", "")
    web["status"] = status
    waiting = rollout.progress(web, new, rollout.counted(web, new, [new]), 10)
    assert waiting.waits
    late = rollout.progress(web, new, rollout.counted(web, new, [new]), 61).status
    assert rollout.condition(late, "Progressing")["reason"] == "ProgressDeadlineExceeded"
    done = replica_set("new", 2, 2)
    result = rollout.progress(web, done, rollout.counted(web, done, [done]), 10)
    assert not result.waits
    assert rollout.condition(result.status, "Progressing")["reason"] == "NewReplicaSetAvailable"
    assert result.status["readyReplicas"] == 2
    assert "unavailableReplicas" not in result.status


def put(store: Store, name: str, **data: Any) -> int:
    return int(
        store.put("core/secrets", {"metadata": {"namespace": "ns", "name": name}, **data})["metadata"][
            "resourceVersion"
        ]
    )


def test_the_store_remembers_the_past() -> None:
    store = Store()
    put(store, "a", v=1)
    then = put(store, "b", v=1)
    put(store, "a", v=2)
    store.remove("core/secrets", "ns", "b")
    assert [(o["metadata"]["name"], o["v"]) for o in store.at("core/secrets", then)] == [("a", 1), ("b", 1)]
    assert [(e.type, e.key[1]) for e in store.since("core/secrets", then)] == [("MODIFIED", "a"), ("DELETED", "b")]
    assert [o["v"] for o in store.all("core/secrets", "ns")] == [2]
    store.forget_history()
    with pytest.raises(Expired):
        store.at("core/secrets", then)


def test_listeners_hear_each_change_with_what_was_there_before() -> None:
    store, heard = Store(), list[Event]()
    stop = store.subscribe(heard.append)
    put(store, "a", v=1)
    put(store, "a", v=2)
    stop()
    put(store, "a", v=3)
    assert [(e.type, e.obj["v"], e.old and e.old["v"]) for e in heard] == [("ADDED", 1, None), ("MODIFIED", 2, 1)]
    assert [e.rv for e in heard] == [store.rv - 2, store.rv - 1]
