"""Every single fault, every frozen one, and every pair of faults for most ends of a rollout: nothing is lost."""

import sys
from pathlib import Path

import pytest

from canary_core import Outcome
from canary_sims.harness.faults import CallFault, CallKind, Plan, WakeFault, WakeKind
from canary_sims.harness.faults.enumeration import singles
from canary_sims.harness.faults.exhaustive import Tally, exhaust
from canary_sims.harness.faults.trial import Playing, Rest, begun, patience, tried
from stories.policies import ARTICLE, ENDINGS, EXAMPLES, FILES, IN_PAIRS, stories_of, story

STEPS = EXAMPLES / "strategies" / "promotion-steps.yaml"


def holds(tallies: list[Tally]) -> None:
    """Nothing was broken, and not for want of trying."""
    broken = [trial for tally in tallies for trial in tally.broken]
    assert not broken, "\n".join(f"{trial.story.name}: {trial.plan}: {trial.broken}" for trial in broken[:3])
    assert all(tally.plans > 50 for tally in tallies)
    assert all(tally.slowest <= patience(tally.calm) for tally in tallies)


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_no_single_fault_breaks_anything(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At no port call and no wake-up, for no strategy, however the rollout ends."""
    names = () if file == ARTICLE else ENDINGS
    tallies = [exhaust(each) for each in stories_of(file, *names)]
    with capsys.disabled():
        sys.stdout.write(f" {file.stem}: {sum(tally.plans for tally in tallies)} plans ")
    holds(tallies)


@pytest.mark.slow
@pytest.mark.parametrize("name", IN_PAIRS, ids=lambda name: name.replace(" ", "-"))
def test_no_pair_of_faults_breaks_anything(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the article's policy, wherever the two strike, however the rollout ends."""
    tally = exhaust(story(name), pairs=True)
    with capsys.disabled():
        sys.stdout.write(f" {name}: {tally.plans} plans, which stand for {tally.covered} ")
    holds([tally])
    assert tally.covered > 20_000


def test_pairs_of_faults_are_tried_for_many_ends() -> None:
    """Each of those stories ends in another way."""
    ends = [tried(story(name), Plan()).end for name in IN_PAIRS]
    assert len({(end.phase, end.outcome) for end in ends}) == len(IN_PAIRS)


@pytest.mark.parametrize("depth", [1, 2])
def test_what_a_misled_tick_has_sent_is_not_held_against_it_when_it_arrives_late(depth: int) -> None:
    """It had read older routes than those that a hand had made; its save, given up, comes during the next tick."""
    stale = CallFault(call=19, kind=CallKind.STALE)
    late = CallFault(call=23, kind=CallKind.TIME_OUT, depth=depth)
    told = story("routes edited by hand during the analysis")
    found = tried(told, Plan(faults=(stale, late)), calm=tried(told, Plan()))
    assert [each.name for each in found.struck] == ["router.read", "store.save"]
    assert (found.broken, found.over) == ((), True)


def test_a_request_that_comes_during_a_tick_may_be_obeyed_by_it() -> None:
    """A paused canary is left alone, until somebody resumes it while its state is being read, slowly."""
    plan = Plan(
        faults=(
            CallFault(call=12, kind=CallKind.SLOW),
            WakeFault(wake=2, kind=WakeKind.LATE, for_s=150.0),
        )
    )
    told = story("a person pauses for two intervals")
    found = tried(told, plan, calm=tried(told, Plan()))
    assert [each.name for each in found.struck] == ["wake-up", "store.load"]
    assert (found.broken, found.over, found.end.outcome) == ((), True, Outcome.COMPLETED)


def test_what_no_autoscaler_shows_is_not_held_against_a_promotion() -> None:
    """A hand takes pods right before a late begin; what the canary leaves the primary to do, the fewest can do."""
    name = "a primary scaled down by hand during the analysis, with an autoscaler"
    told = story(name, EXAMPLES / "strategies" / "mirror.yaml")
    found = tried(told, Plan(faults=(WakeFault(wake=1, kind=WakeKind.LATE, for_s=90.0),)), calm=tried(told, Plan()))
    assert (found.broken, found.over, found.end.outcome) == ((), True, Outcome.COMPLETED)


@pytest.mark.slow
def test_playing_on_from_a_known_place_changes_nothing() -> None:
    """What makes the search quick does not make it blind: every single fault, played to its end, comes to the same."""
    told = story("the old revision again during the analysis")
    calm = tried(told, Plan())
    known: dict[object, Rest] = {}
    for fault in singles(calm.calls, calm.turns, interval_s=told.policy.interval_s):
        plan = Plan(faults=(fault,))
        whole = tried(told, plan, calm=calm)
        short = Playing(told, begun(told, plan))
        short.play(patience(calm), known)
        found = short.trial(calm)
        short.remember(found, known)
        assert (found.broken, found.over, found.end) == (whole.broken, whole.over, whole.end), fault
    assert len(known) > 20


def test_a_promotion_lasts_since_it_was_decided_however_long_the_saving_takes() -> None:
    """One that is resumed has waited for the primary's pods long enough by the time that its save has arrived."""
    told = story("a primary that crashes during the promotion, for long, with an autoscaler", STEPS)
    calm = tried(told, Plan())
    saves = [call for call, name in enumerate(calm.calls, start=1) if name == "store.save"]
    slow = [Plan(faults=(CallFault(call=call, kind=CallKind.SLOW, for_s=700.0),)) for call in saves]
    assert len(saves) > 5
    assert [tried(told, plan, calm=calm).broken for plan in slow] == [()] * len(saves)
