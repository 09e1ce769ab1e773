"""What users of other controllers met, and what becomes of it here: a story that ends well, and a planted bug.

Each row names the threads where it was reported. The planted bugs bring it back, and the campaign finds them
(`test_planted_bugs.py`); the stories are played here, undisturbed and in storms.
"""

import pytest

from canary_core import HookType, KnownGood
from canary_core.messages import code
from canary_sims.harness.faults import Plan
from canary_sims.harness.faults.campaign import campaign
from canary_sims.harness.faults.trial import End, begun, tried
from planted_bugs.every_bug import PLANTED
from stories.field_failures import GATES, ROWS, Row
from stories.policies import story


def _end(row: Row) -> End:
    return tried(story(row.story, row.file), Plan()).end


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what.replace(" ", "-"))
def test_it_ends_well(row: Row) -> None:
    end = _end(row)
    assert (end.phase, end.outcome, end.weight) == (row.phase, row.outcome, row.weight)


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what.replace(" ", "-"))
def test_it_ends_well_in_any_storm(row: Row) -> None:
    """What must not be is not, whatever goes wrong at the same time."""
    assert campaign([story(row.story, row.file)], runs=60, seed=1).broken == ()


def test_the_planted_bugs_of_a_row_are_there() -> None:
    names = {bug.name for bug in PLANTED}
    assert [bug for row in ROWS for bug in row.planted if bug not in names] == []


def test_after_a_failed_promotion_the_canary_keeps_the_traffic() -> None:
    """What was approved runs there, and nothing else is known to be good (fluxcd/flagger#1931)."""
    end = _end(ROWS[0])
    assert end.known_good is KnownGood.CANARY
    assert end.target == ("v2", 2)
    assert "PromotionFailed" in end.told


def test_pre_rollout_hooks_are_asked_once() -> None:
    """Per revision, while nothing goes wrong (fluxcd/flagger#1248)."""
    told = story("a good revision", GATES)
    life = begun(told, Plan())
    for _ in life.turns():
        pass
    (hook,) = told.policy.hooks_of(HookType.PRE_ROLLOUT)
    asked = [question for question in life.world.asked if question.hook == hook.id]
    assert len(asked) == 1


def test_an_end_is_told_once() -> None:
    """Not with every tick after it (fluxcd/flagger#1515)."""
    life = begun(story("a revision that fails"), Plan())
    for _ in life.turns():
        pass
    told = [code(each.notice) for each in life.world.told]
    assert told.count("RolledBack") == 1
