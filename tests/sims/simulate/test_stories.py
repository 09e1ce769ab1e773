"""Each example scenario under the article's policy: the whole sequence of time, phase, weight and failed checks."""

from pathlib import Path

import pytest

from canary_core import Policy
from canary_sims.report.words import clock
from canary_sims.scenario import HEALTHY, read_scenario
from canary_sims.simulation import Result, Run, simulate

STORIES = {
    "article": (
        Result.PROMOTED,
        """
         0:00 Initializing 0 0
         1:00 Initialized 0 0
         2:00 Initialized 0 0
         3:00 Progressing 0 0
         4:00 Progressing 10 0
         5:00 Progressing 20 0
         6:00 Progressing 30 0
         7:00 Progressing 40 0
         8:00 Progressing 50 0
         9:00 Promoting 50 0
        10:00 Finalising 0 0
        11:00 Succeeded 0 0
        """,
    ),
    "autoscaler": (
        Result.PROMOTED,
        """
         0:00 Initialized 0 0
         1:00 Progressing 0 0
         2:00 Progressing 10 0
         3:00 Progressing 20 0
         4:00 Progressing 30 0
         5:00 Progressing 40 0
         6:00 Progressing 50 0
         7:00 Promoting 50 0
         8:00 Finalising 0 0
         9:00 Succeeded 0 0
        """,
    ),
    "errors": (
        Result.ROLLED_BACK,
        """
         0:00 Initialized 0 0
         1:00 Progressing 0 0
         2:00 Progressing 10 0
         3:00 Progressing 10 1
         4:00 Progressing 10 2
         5:00 Progressing 10 3
         6:00 Progressing 10 4
         7:00 Progressing 10 5
         8:00 Progressing 10 6
         9:00 Progressing 10 7
        10:00 Progressing 10 8
        11:00 Progressing 10 9
        12:00 Progressing 10 10
        13:00 Failed 0 0
        """,
    ),
    "gate": (
        Result.PROMOTED,
        """
         0:00 Initialized 0 0
         1:00 Progressing 0 0
         2:00 Progressing 10 0
         3:00 Progressing 20 0
         4:00 Progressing 30 0
         5:00 Progressing 40 0
         6:00 Progressing 50 0
         7:00 WaitingPromotion 50 0
         8:00 WaitingPromotion 50 0
         9:00 WaitingPromotion 50 0
        10:00 WaitingPromotion 50 0
        11:00 WaitingPromotion 50 0
        12:00 Promoting 50 0
        13:00 Finalising 0 0
        14:00 Succeeded 0 0
        """,
    ),
    "hand-edited-routes": (
        Result.PROMOTED,
        """
         0:00 Initialized 0 0
         1:00 Progressing 0 0
         2:00 Progressing 10 0
         3:00 Progressing 20 0
         4:00 Progressing 30 0
         5:00 Progressing 30 0
         6:00 Progressing 40 0
         7:00 Progressing 50 0
         8:00 Promoting 50 0
         9:00 Finalising 0 0
        10:00 Succeeded 0 0
        """,
    ),
    "healthy": (
        Result.PROMOTED,
        """
         0:00 Initialized 0 0
         1:00 Progressing 0 0
         2:00 Progressing 10 0
         3:00 Progressing 20 0
         4:00 Progressing 30 0
         5:00 Progressing 40 0
         6:00 Progressing 50 0
         7:00 Promoting 50 0
         8:00 Finalising 0 0
         9:00 Succeeded 0 0
        """,
    ),
    "latency-creep": (
        Result.ROLLED_BACK,
        """
         0:00 Initialized 0 0
         1:00 Progressing 0 0
         2:00 Progressing 10 0
         3:00 Progressing 20 0
         4:00 Progressing 30 0
         5:00 Progressing 40 0
         6:00 Progressing 40 1
         7:00 Progressing 40 2
         8:00 Progressing 40 3
         9:00 Progressing 40 4
        10:00 Progressing 40 5
        11:00 Progressing 40 6
        12:00 Progressing 40 7
        13:00 Progressing 40 8
        14:00 Progressing 40 9
        15:00 Progressing 40 10
        16:00 Failed 0 0
        """,
    ),
    "never-ready": (
        Result.ROLLED_BACK,
        """
         0:00 Initialized 0 0
         1:00 Progressing 0 0
         2:00 Progressing 0 0
         3:00 Progressing 0 0
         4:00 Progressing 0 0
         5:00 Progressing 0 0
         6:00 Progressing 0 0
         7:00 Progressing 0 0
         8:00 Progressing 0 0
         9:00 Progressing 0 0
        10:00 Progressing 0 0
        11:00 Progressing 0 0
        12:00 Failed 0 0
        """,
    ),
    "new-revision": (
        Result.PROMOTED,
        """
         0:00 Initialized 0 0
         1:00 Progressing 0 0
         2:00 Progressing 10 0
         3:00 Progressing 20 0
         4:00 Progressing 30 0
         5:00 Progressing 0 0
         6:00 Progressing 10 0
         7:00 Progressing 20 0
         8:00 Progressing 30 0
         9:00 Progressing 40 0
        10:00 Progressing 50 0
        11:00 Promoting 50 0
        12:00 Finalising 0 0
        13:00 Succeeded 0 0
        """,
    ),
    "primary-fails": (
        Result.PROMOTION_FAILED,
        """
         0:00 Initialized 0 0
         1:00 Progressing 0 0
         2:00 Progressing 10 0
         3:00 Progressing 20 0
         4:00 Progressing 30 0
         5:00 Progressing 40 0
         6:00 Progressing 50 0
         7:00 Promoting 50 0
         8:00 Promoting 50 0
         9:00 Promoting 50 0
        10:00 Promoting 50 0
        11:00 Promoting 50 0
        12:00 Promoting 50 0
        13:00 Promoting 50 0
        14:00 Promoting 50 0
        15:00 Promoting 50 0
        16:00 Promoting 50 0
        17:00 Promoting 50 0
        18:00 Failed 100 0
        """,
    ),
    "prometheus-down": (
        Result.PROMOTED,
        """
         0:00 Initialized 0 0
         1:00 Progressing 0 0
         2:00 Progressing 10 0
         3:00 Progressing 20 0
         4:00 Progressing 20 1
         5:00 Progressing 20 2
         6:00 Progressing 20 3
         7:00 Progressing 30 3
         8:00 Progressing 40 3
         9:00 Progressing 50 3
        10:00 Promoting 50 3
        11:00 Finalising 0 3
        12:00 Succeeded 0 0
        """,
    ),
}
"""Outcome, and a line for each tick: time, phase, weight, failed checks."""


def told(run: Run) -> list[str]:
    """A run in the words of `STORIES`."""
    return [f"{clock(tick.time_s)} {tick.phase.value} {tick.weight} {tick.counts.failed}" for tick in run.ticks]


@pytest.mark.parametrize("name", STORIES)
def test_story(name: str, scenarios: Path, article: Policy, gated: Policy) -> None:
    """What a reader of the examples is shown, tick by tick."""
    result, story = STORIES[name]
    run = simulate(gated if name == "gate" else article, read_scenario(scenarios / f"{name}.yaml"))
    assert told(run) == [line.strip() for line in story.strip().splitlines()]
    assert run.ending.result is result


def test_every_example_has_its_story(scenarios: Path) -> None:
    assert {path.stem for path in scenarios.glob("*.yaml")} == set(STORIES)


def test_default_is_the_healthy_example(scenarios: Path) -> None:
    """`canary simulate` without a scenario does what the first example does."""
    assert read_scenario(scenarios / "healthy.yaml") == HEALTHY


@pytest.mark.parametrize("seed", range(20))
def test_stories_do_not_hang_on_the_noise(seed: int, scenarios: Path, article: Policy, gated: Policy) -> None:
    """The examples are clear cases: another seed measures other values, and everything else is the same."""
    for name, (_, story) in STORIES.items():
        scenario = read_scenario(scenarios / f"{name}.yaml")
        run = simulate(gated if name == "gate" else article, scenario, seed=seed)
        assert told(run) == [line.strip() for line in story.strip().splitlines()], name


def test_errors_hurt_few(scenarios: Path, article: Policy) -> None:
    """At 10 % of the traffic, 5 % of errors are 0.5 % of all requests, and every one of them was on the canary."""
    ending = simulate(article, read_scenario(scenarios / "errors.yaml")).ending
    assert 0 < ending.failed < 0.006 * ending.requests
    assert ending.failed_on_canary == ending.failed
    assert [served.revision for served in ending.served] == ["v1", "v2"]


def test_failed_promotion_hurts_nobody(scenarios: Path, article: Policy) -> None:
    """The canary takes over from the primary that does not come up."""
    run = simulate(article, read_scenario(scenarios / "primary-fails.yaml"))
    assert run.ending.failed == 0
    assert run.ticks[-1].traffic is not None
    assert run.ticks[-1].traffic.leaves_primary_nothing
