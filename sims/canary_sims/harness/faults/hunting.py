"""How soon a campaign finds a bug: what tells whether it is worth anything."""

from collections.abc import Iterator, Sequence

from attrs import frozen

from canary_ports import tick
from canary_sims.faults.plan import Plan
from canary_sims.harness.faults.exhaustive import Exhaustive
from canary_sims.harness.faults.stories import Story
from canary_sims.harness.faults.trial import Trial, tried
from canary_sims.simulation.life import Driver

__all__ = ["Hunt", "hunted"]


@frozen(kw_only=True)
class Hunt:
    """What a hunt came to."""

    found: Trial | None
    """The first trial that broke something."""
    plans: int
    """Tried until then."""


def hunted(stories: Sequence[Story], driver: Driver = tick) -> Hunt:
    """Look for anything that must not be: all stories without faults first, then every single fault of each.

    Args:
        stories: What happens.
        driver: What a tick is: the one that is looked for bugs in.
    """
    plans = 0
    for plans, trial in enumerate(_trials(stories, driver), 1):
        if trial.broken:
            return Hunt(found=trial, plans=plans)
    return Hunt(found=None, plans=plans)


def _trials(stories: Sequence[Story], driver: Driver) -> Iterator[Trial]:
    for story in stories:
        calm = tried(story, Plan(), driver=driver)
        yield tried(story, Plan(), driver=driver, calm=calm)
    for story in stories:
        yield from Exhaustive(story, driver).trials()
