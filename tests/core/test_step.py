"""Laws of the machine: total, pure, and true to its table, over any state and any observation."""

from typing import Any

from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

from canary_core import (
    EDGES,
    Ask,
    Observation,
    Outcome,
    Phase,
    Policy,
    Rollout,
    ScaleCanary,
    SetTraffic,
    Step,
    Traffic,
    Wait,
    Waiting,
    Workload,
    desired,
    difference,
    step,
)
from canary_core.desired import strands
from canary_sims.harness.strategies import decided, observations, policies, rollouts, workloads

SETTLED = (Phase.INITIALIZED, Phase.SUCCEEDED, Phase.FAILED)


@given(policies(suspend=None), rollouts(), observations(), st.data())
def test_every_input_has_an_answer_along_an_edge_of_the_table(
    policy: Policy, rollout: Rollout, observation: Observation, data: st.DataObject
) -> None:
    """It never raises, always comes to a decision, and stays in its phase or takes an edge."""
    _, found = data.draw(decided(policy, rollout, observation))
    after = found.rollout.phase
    assert after is rollout.phase or after in EDGES[rollout.phase]


@given(policies(suspend=None), rollouts(), observations())
def test_the_same_input_has_the_same_answer_and_is_left_alone(
    policy: Policy, rollout: Rollout, observation: Observation
) -> None:
    """Pure: nothing is remembered, nothing that was passed in changes."""
    before = repr((policy, rollout, observation))
    first = step(policy, rollout, observation)
    assert step(evolve(policy), evolve(rollout), evolve(observation)) == first
    assert repr((policy, rollout, observation)) == before


@given(policies(suspend=None), rollouts(), observations(), st.data())
def test_no_question_is_asked_twice(
    policy: Policy, rollout: Rollout, observation: Observation, data: st.DataObject
) -> None:
    """What was answered is not asked again, and nothing is asked twice at once."""
    seen, _ = data.draw(decided(policy, rollout, observation))
    questions = [answered.question for answered in seen.answers]
    assert len(set(questions)) == len(questions)


@given(policies(suspend=None), rollouts(), observations(), st.data())
def test_the_order_of_answers_does_not_matter(
    policy: Policy, rollout: Rollout, observation: Observation, data: st.DataObject
) -> None:
    """They may have been sought at the same time."""
    seen, found = data.draw(decided(policy, rollout, observation))
    shuffled = tuple(data.draw(st.permutations(seen.answers)))
    assert step(policy, rollout, evolve(seen, answers=shuffled)) == found


@given(policies(), rollouts(), observations(), st.data())
def test_decisions_are_the_difference_between_desired_and_seen(
    policy: Policy, rollout: Rollout, observation: Observation, data: st.DataObject
) -> None:
    """Only they are carried out, and all of them follow from the state that was stored."""
    seen, found = data.draw(decided(policy, rollout, observation))
    assert set(found.decisions) <= set(difference(policy, found.rollout, seen))


@given(policies(), rollouts(), observations())
def test_what_was_carried_out_is_no_difference_any_more(
    policy: Policy, rollout: Rollout, observation: Observation
) -> None:
    """Decisions are idempotent: done once, observed, and there is nothing left to do of that kind."""
    decisions = difference(policy, rollout, observation)
    seen = observation
    for decision in decisions:
        if isinstance(decision, SetTraffic):
            seen = evolve(seen, routes=decision.traffic)
        elif isinstance(decision, ScaleCanary) and seen.canary is not None:
            seen = evolve(seen, canary=evolve(seen.canary, replicas=decision.replicas))
    again = difference(policy, rollout, seen)
    assert not {type(each) for each in again if isinstance(each, SetTraffic)}
    scaled = [each for each in decisions if isinstance(each, ScaleCanary)]
    assert not any(isinstance(each, ScaleCanary) and each in scaled for each in again)


@given(policies(), rollouts())
def test_what_a_state_calls_for_depends_on_nothing_seen(policy: Policy, rollout: Rollout) -> None:
    """`desired` takes policy and rollout, and always says the same."""
    assert desired(policy, rollout) == desired(evolve(policy), evolve(rollout))


@given(policies(suspend=True), rollouts(), observations(deleting=False))
def test_a_suspended_policy_touches_nothing(policy: Policy, rollout: Rollout, observation: Observation) -> None:
    """No decision, no question; all that changes is that it has been told. Exploration relies on it."""
    found = step(policy, rollout, observation)
    assert isinstance(found, Step)
    assert found.decisions == ()
    assert found.rollout == evolve(rollout, suspended=True)
    assert (len(found.notices) == 1) is (not rollout.suspended)


@given(
    policies(),
    rollouts(phase=st.sampled_from(SETTLED)),
    observations(request=False),
    st.sampled_from((0.0, 59.0, 3600.0)),
    st.data(),
)
def test_the_wait_of_a_settled_state_has_no_deadline(
    policy: Policy, rollout: Rollout, observation: Observation, earlier_s: float, data: st.DataObject
) -> None:
    """How long it lasts already decides nothing, but for when to look again. Exploration relies on it."""
    waiting = Waiting(on=Wait.PRIMARY, since_s=observation.now_s)
    fresh = evolve(rollout, waiting=waiting, pending=())
    old = evolve(fresh, waiting=evolve(waiting, since_s=observation.now_s - earlier_s))
    seen, found = data.draw(decided(policy, fresh, observation))
    again = step(policy, old, seen)
    assert isinstance(again, Step)
    assert again.decisions == found.decisions
    assert evolve(again.rollout, waiting=None) == evolve(found.rollout, waiting=None)


@given(policies(), rollouts(phase=st.just(Phase.FAILED)), observations(), st.data())
def test_why_it_was_rolled_back_decides_nothing(
    policy: Policy, rollout: Rollout, observation: Observation, data: st.DataObject
) -> None:
    """All rollbacks are alike afterwards. Exploration relies on it."""
    alike = (Outcome.CHECKS, Outcome.DEADLINE, Outcome.HOOK, Outcome.APPROVAL, Outcome.ABORTED)
    one, other = (evolve(rollout, outcome=outcome) for outcome in data.draw(st.permutations(alike))[:2])
    seen, found = data.draw(decided(policy, one, observation))
    again = step(policy, other, seen)
    assert isinstance(again, Step)
    assert again.decisions == found.decisions
    assert again.notices == found.notices
    if found.rollout.outcome is one.outcome:
        assert evolve(again.rollout, outcome=None) == evolve(found.rollout, outcome=None)
    else:
        assert again.rollout == found.rollout


@given(policies(suspend=None), rollouts(), observations(), st.data())
def test_a_request_is_dealt_with_once(
    policy: Policy, rollout: Rollout, observation: Observation, data: st.DataObject
) -> None:
    """Seen again, it is as if nobody had asked."""
    assume(observation.request is not None)
    assert observation.request is not None
    dealt_with = evolve(rollout, request=observation.request.id)
    seen, found = data.draw(decided(policy, dealt_with, observation))
    assert step(policy, dealt_with, evolve(seen, request=None)) == found


@given(policies(), rollouts(), observations())
def test_nothing_is_asked_of_a_terminated_rollout(policy: Policy, rollout: Rollout, observation: Observation) -> None:
    """It has no other business than to let the object go."""
    found = step(policy, evolve(rollout, phase=Phase.TERMINATED), observation)
    assert not isinstance(found, Ask)
    assert found.rollout.phase is Phase.TERMINATED


@given(
    policies(suspend=False),
    rollouts(phase=st.sampled_from((*SETTLED, Phase.WAITING))),
    observations(deleting=False, request=False),
    workloads(),
    st.none() | st.just(Traffic(canary_weight=50)),
    st.data(),
)
def test_traffic_that_reaches_nobody_is_put_back_at_once(
    policy: Policy,
    rollout: Rollout,
    observation: Observation,
    primary: Workload,
    routes: Traffic | None,
    data: st.DataObject,
) -> None:
    """Whoever took it there, and however short ago the last correction was."""
    stored = evolve(rollout, traffic=Traffic(), outcome=Outcome.CHECKS if rollout.phase is Phase.FAILED else None)
    up, down = evolve(primary, available=1), Workload(revision="v1:target")
    seen, found = data.draw(decided(policy, stored, evolve(observation, canary=down, primary=up, routes=routes)))
    assert SetTraffic in {type(decision) for decision in found.decisions}
    assert strands(seen)


@given(
    policies(suspend=False),
    rollouts(phase=st.sampled_from(SETTLED)),
    observations(deleting=False, request=False),
    workloads(revision=st.just("v1:new")),
    st.data(),
)
def test_a_new_revision_is_never_scaled_down_before_it_is_rolled_out(
    policy: Policy, rollout: Rollout, observation: Observation, canary: Workload, data: st.DataObject
) -> None:
    """What delivers it may set the replicas in the same breath."""
    calm: Any = {"pending": (), "traffic": Traffic(), "suspended": False}
    settled = evolve(rollout, applied="v1:old", promoted="v1:old", **calm)
    _, found = data.draw(decided(policy, settled, evolve(observation, canary=canary)))
    assert found.rollout.phase is not settled.phase or ScaleCanary(replicas=0) not in found.decisions
