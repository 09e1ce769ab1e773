"""Real adapters over the embedded API server, with any single request failing in any way: nothing is lost.

Every 23rd plan is played; with ``CANARY_ADAPTER_PLANS=all`` in the environment, all of them.
"""

import os
import sys

import pytest

from campaigns.faults import Fault, Plan, Wrong, faults_of, kinds_of
from campaigns.stories import FAILING, FOREIGN, GOOD, NEVER_READY, PRIMARY_FAILS, RECONFIGURED, STORIES, Story
from campaigns.trials import MORE, Trials
from planted_bugs.every_bug import PLANTED

pytestmark = pytest.mark.slow

SHARE = 1 if os.environ.get("CANARY_ADAPTER_PLANS") == "all" else 23
TRIALS, UNDER_FLAGGERS = Trials(), Trials(flaggers=True)
EVENT = "POST events"
FORGETFUL = (Wrong.CRASH, Wrong.CRASH_AFTER, Wrong.LOST, Wrong.BLIND, Wrong.REDEFINED)
"""Faults after which only what is stored counts."""


def _id(story: Story) -> str:
    return story.name.replace(" ", "-")


@pytest.mark.parametrize("story", STORIES, ids=_id)
def test_without_faults_all_laws_hold(story: Story) -> None:
    trial = TRIALS.calm(story)
    assert trial.broken == ()
    assert len(trial.requests) > 10


@pytest.mark.slow
@pytest.mark.parametrize("story", STORIES, ids=_id)
def test_no_single_request_that_fails_breaks_a_law(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    """Refused, lost, late, twice, overtaken by others, with the process or without its caches: and it ends the same."""
    plans = [Plan(faults=(fault,)) for fault in TRIALS.singles(story)][STORIES.index(story) % SHARE :: SHARE]
    with capsys.disabled():
        sys.stdout.write(f" {len(plans)} plans ")
    trials = [TRIALS.tried(story, plan) for plan in plans]
    broken = [trial for trial in trials if trial.broken]
    assert not broken, "\n".join(f"{trial.plan}: {trial.broken}" for trial in broken[:3])
    assert all(trial.struck == 1 for trial in trials)
    assert max(trial.after for trial in trials) <= TRIALS.calm(story).turns + MORE
    assert len(plans) * SHARE > 80


@pytest.mark.parametrize("story", STORIES, ids=_id)
def test_flaggers_definition_changes_nothing_but_the_record(story: Story) -> None:
    """The same requests but for one event of each Canary, and the same end."""
    theirs, ours = UNDER_FLAGGERS.calm(story), TRIALS.calm(story)
    assert theirs.broken == ()
    assert theirs.end == ours.end
    assert [each for each in theirs.requests if each != EVENT] == [each for each in ours.requests if each != EVENT]
    canaries = sum(obj["kind"] == "Canary" for obj in story.objects)
    assert 1 <= theirs.requests.count(EVENT) - ours.requests.count(EVENT) <= canaries


@pytest.mark.parametrize("story", [GOOD, FAILING, PRIMARY_FAILS], ids=_id)
def test_no_single_request_that_fails_breaks_a_law_under_flaggers_definition(story: Story) -> None:
    plans = [Plan(faults=(fault,)) for fault in UNDER_FLAGGERS.singles(story) if fault.wrong in FORGETFUL][::SHARE]
    trials = [UNDER_FLAGGERS.tried(story, plan) for plan in plans]
    broken = [trial for trial in trials if trial.broken]
    assert not broken, "\n".join(f"{trial.plan}: {trial.broken}" for trial in broken[:3])
    assert len(plans) * SHARE > 30


@pytest.mark.parametrize("flaggers", [False, True], ids=["by Flagger's", "by ours"])
def test_a_definition_that_is_replaced_in_the_middle_of_a_rollout_loses_nothing(flaggers: bool) -> None:
    trials = UNDER_FLAGGERS if flaggers else TRIALS
    redefined = [fault for fault in trials.singles(GOOD) if fault.wrong is Wrong.REDEFINED]
    for fault in redefined:
        crash = Fault(request=fault.request + 1, wrong=Wrong.CRASH)
        for plan in (Plan(faults=(fault,)), Plan(faults=(fault, crash))):
            assert trials.tried(GOOD, plan).broken == (), plan
    assert len(redefined) > 5


def test_every_kind_of_fault_has_requests_to_strike() -> None:
    requests = {request for story in STORIES for request in TRIALS.calm(story).requests}
    assert {wrong for request in requests for wrong in kinds_of(request)} == set(Wrong)
    assert {request.split()[0] for request in requests} == {"GET", "POST", "PUT", "PATCH", "DELETE"}


def test_a_run_can_be_played_again() -> None:
    """To the same end, by the same requests."""
    plan = Plan(faults=(Fault(request=9, wrong=Wrong.LOST),))
    one, other = Trials().tried(RECONFIGURED, plan), Trials().tried(RECONFIGURED, plan)
    assert one == other


def test_a_fault_strikes_what_it_is_meant_for() -> None:
    requests = TRIALS.calm(GOOD).requests
    assert {fault.request for fault in faults_of(requests)} == set(range(1, len(requests) + 1))
    number = requests.index("PUT virtualservices") + 1
    trial = TRIALS.tried(GOOD, Plan(faults=(Fault(request=number, wrong=Wrong.REFUSED),)))
    assert trial.struck == 1
    assert trial.requests[number - 1] == "PUT virtualservices"
    assert trial.requests.count("PUT virtualservices") == requests.count("PUT virtualservices") + 1


@pytest.mark.parametrize(
    ("name", "law"),
    [
        ("overshoots", "the canary keeps to its maximum"),
        ("weights are relative", "weights rise step by step"),
        ("does not wait for the interval", "weights rise after an interval"),
        ("scales before it routes", "traffic leaves before pods do"),
        ("routes to pods that are not there", "traffic goes to the ready"),
        ("waits for ever in the promotion", "it ends"),
        ("tells again and again", "settled is silent"),
    ],
)
def test_laws_that_adapters_keep_by_themselves_can_be_broken(name: str, law: str) -> None:
    """By the machine: planted bugs of it break them, seen from the API server alone."""
    (bug,) = (each for each in PLANTED if each.name == name)
    with bug.active():
        trials = Trials()
        # The last of them has news in the middle of a measurement.
        stories = (GOOD, FAILING, NEVER_READY, PRIMARY_FAILS, FOREIGN)
        broken = [each for story in stories for each in trials.calm(story).broken]
    assert any(each.startswith(f"{law}:") for each in broken), broken
