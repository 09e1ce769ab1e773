"""The autoscaler of the simulated world, and a rollout beside it."""

import pytest

from canary_core import Phase, Policy, Progressive
from canary_sims.scenario import Declare, Event, Scenario
from canary_sims.simulation import simulate
from canary_sims.world import Autoscaler, Deployment, Version

SCALER = Autoscaler(fewest=2, most=9, per_pod=20.0, window_s=60.0)


def _workload(replicas: int) -> Deployment:
    return Deployment(version=Version(revision="v1", ready_after_s=10.0), replicas=replicas, changed_s=-1e6)


@pytest.mark.parametrize(
    ("load", "held", "pods"),
    [(0.0, None, 2), (40.0, None, 2), (41.0, None, 3), (1e6, None, 9), (41.0, 5, 5), (41.0, 20, 9), (120.0, 5, 6)],
)
def test_it_asks_for_what_the_load_needs_within_its_bounds(load: float, held: int | None, pods: int) -> None:
    workload = _workload(1)
    SCALER.sync(workload, load, 0.0, held=held)
    assert workload.replicas == pods


def test_more_pods_come_at_once_but_have_to_start_first() -> None:
    workload = _workload(3)
    SCALER.sync(workload, 100.0, 0.0)
    asked = [(workload.replicas, workload.available(at_s)) for at_s in (0.0, 9.0, 10.0)]
    assert asked == [(5, 3), (5, 3), (5, 5)]
    seen = workload.observe(9.0, "v1")
    assert (seen.replicas, seen.updated, seen.total, seen.available) == (5, 5, 5, 3)
    SCALER.sync(workload, 160.0, 15.0)
    assert [(workload.replicas, workload.available(at_s)) for at_s in (15.0, 25.0)] == [(8, 5), (8, 8)]


def test_pods_go_only_when_they_were_needed_for_none_of_the_window() -> None:
    workload = _workload(6)
    seen = []
    for at_s, load in (
        (0.0, 120.0),
        (15.0, 100.0),
        (30.0, 60.0),
        (45.0, 60.0),
        (60.0, 60.0),
        (75.0, 60.0),
        (90.0, 60.0),
    ):
        SCALER.sync(workload, load, at_s)
        seen.append(workload.replicas)
    assert seen == [6, 6, 6, 6, 5, 3, 3]


def test_it_sleeps_while_there_are_no_pods() -> None:
    workload = _workload(0)
    SCALER.sync(workload, 100.0, 0.0, held=5)
    assert (workload.replicas, workload.wishes) == (0, ())


def test_bounds_that_cross_are_refused() -> None:
    with pytest.raises(ValueError, match="fewest must be at most 3, not 5"):
        Autoscaler(fewest=5, most=3)


def test_a_primary_keeps_its_pods_while_the_canary_is_scaled_with_its_traffic() -> None:
    """Five pods are needed for all; the canary gets three for its half. Afterwards nobody is held."""
    scenario = Scenario(autoscaler=SCALER, test_rate=0.0, events=(Event(at_s=0.0, what=Declare(revision="v2")),))
    run = simulate(Policy(strategy=Progressive(weights=(10, 50)), interval_s=60.0), scenario)
    seen = [(tick.phase, tick.primary.wanted, tick.canary.wanted) for tick in run.ticks]
    assert seen == [
        (Phase.INITIALIZED, 5, 0),
        (Phase.PROGRESSING, 5, 2),
        (Phase.PROGRESSING, 5, 2),
        (Phase.PROGRESSING, 5, 2),
        (Phase.PROMOTING, 5, 3),
        (Phase.FINALISING, 5, 3),
        (Phase.SUCCEEDED, 5, 0),
    ]
