"""Values are equal by class and fields, whether attrs compiles that or the core's own base does."""

from attrs import evolve

from canary_core import EnsurePrimary, HoldPrimary, Policy, Progressive, ScaleCanary, Traffic
from canary_core.notices import Draining, Measuring, Paused, Resumed


def test_equal_by_class_and_fields() -> None:
    assert Measuring(until_s=1.0) == Measuring(until_s=1.0)
    assert Measuring(until_s=1.0) != Measuring(until_s=2.0)
    assert Measuring(until_s=1.0) != Draining(until_s=1.0)
    assert Paused() == Paused()
    assert Paused() != Resumed()
    assert ScaleCanary(replicas=1) != HoldPrimary(replicas=1)


def test_equal_values_have_equal_hashes() -> None:
    assert len({Measuring(until_s=1.0), Measuring(until_s=1.0), Draining(until_s=1.0), Paused(), Paused()}) == 3


def test_what_a_policy_computes_by_itself_is_not_compared() -> None:
    policy = Policy(strategy=Progressive(weights=(10,)))
    assert policy == evolve(policy)
    assert hash(policy) == hash(evolve(policy))
    assert policy != evolve(policy, threshold=2)


def test_texts_name_class_and_fields() -> None:
    assert repr(EnsurePrimary(revision="v1:1", replicas=2)) == "EnsurePrimary(revision='v1:1', replicas=2)"
    assert repr(Paused()) == "Paused()"
    assert repr(Traffic()).startswith("Traffic(canary_weight=0, mirrored=False, audience=")
    assert "_hooks_of" not in repr(Policy(strategy=Progressive(weights=(10,))))
