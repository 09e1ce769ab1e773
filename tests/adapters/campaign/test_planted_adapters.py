"""A campaign that finds nothing planted in adapters proves nothing: each planted bug is found, each time."""

import pytest

from campaigns.stories import STORIES
from campaigns.trials import Trials
from planted_bugs.adapters import PLANTED, PlantedAdapter


def test_there_are_enough_of_them_in_adapters() -> None:
    """With a name, a sentence and a story each."""
    assert len(PLANTED) >= 20
    assert len({bug.name for bug in PLANTED}) == len(PLANTED)
    assert all(bug.what.endswith(".") for bug in PLANTED)
    assert {bug.story for bug in PLANTED} <= {story.name for story in STORIES}


@pytest.mark.slow
@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.name.replace(" ", "-"))
def test_a_bug_planted_in_an_adapter_is_found(bug: PlantedAdapter) -> None:
    """By the calm run of the story that it shows in, or of another one, or else by single faults of that one."""
    among = [story for story in STORIES if story.name == bug.story]
    others = [story for story in STORIES if story.name != bug.story]
    with bug.active():
        hunt = Trials().hunted(among, among, bug.wrong) if bug.wrong else Trials().hunted([*among, *others], among)
    assert hunt.found is not None
    assert hunt.found.broken
