"""Which splits a policy can call for: few, one of each kind, and the first leaves the canary nothing."""

from hypothesis import given, settings

from canary_core import (
    ABTest,
    Audience,
    Cookies,
    Policy,
    Progressive,
    Traffic,
    foreseen_splits,
    kind_of_split,
)
from canary_sims.harness.strategies import policies


@given(policies())
@settings(max_examples=200)
def test_they_are_few_and_one_of_each_kind(policy: Policy) -> None:
    splits = foreseen_splits(policy)
    assert 2 <= len(splits) <= 10
    assert len({kind_of_split(each) for each in splits}) == len(splits)


@given(policies())
def test_the_first_leaves_the_canary_nothing(policy: Policy) -> None:
    """It is what a canary begins with, and what a rollback comes to."""
    first = foreseen_splits(policy)[0]
    assert not first.reaches_canary
    assert first.cookies == Cookies()


def test_the_splits_of_the_article_in_their_order() -> None:
    """All to the primary, the first weight, all to the canary."""
    splits = foreseen_splits(Policy(strategy=Progressive(weights=(10, 20, 50))))
    assert splits == (Traffic(), Traffic(canary_weight=10), Traffic(canary_weight=100))


def test_an_ab_test_may_come_to_be_for_everybody() -> None:
    """When the primary is lost, the conditions of the test are nobody's concern."""
    matched = Audience.MATCHED
    splits = foreseen_splits(Policy(strategy=ABTest(iterations=3)))
    assert splits == (
        Traffic(),
        Traffic(audience=matched),
        Traffic(canary_weight=100, audience=matched),
        Traffic(canary_weight=100),
    )
