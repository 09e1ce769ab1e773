"""What campaigns of faults are tried on: the policies of the examples, in short, and their stories."""

from pathlib import Path
from typing import Final

from attrs import evolve

from canary_adapters.manifests import policy_of, read_file
from canary_core import Policy
from canary_sims.harness.faults.stories import Story, shortened, stories

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
ARTICLE: Final = EXAMPLES / "article" / "canary.yaml"
FILES: Final = (ARTICLE, *sorted((EXAMPLES / "strategies").glob("*.yaml")))

ENDINGS: Final = (
    "a good revision",
    "a revision that fails",
    "a revision that is never ready",
    "a newer revision during the analysis",
    "the old revision again during the analysis",
    "a primary that does not start during the promotion",
    "a canary object deleted during the promotion",
    "a first primary",
    "a good revision, with an autoscaler",
    "three times the users during the analysis, with an autoscaler",
)
"""A story for each way in which a rollout may end, and two about pods. The others are variations."""

IN_PAIRS: Final = (
    "a revision that is never ready",
    "the old revision again during the analysis",
    "a canary object deleted during the analysis",
    "a first primary that never becomes ready",
)
"""Stories in which every run of the tests tries all pairs of faults: those soon played. `make pairs` has all."""


def declared(file: Path) -> Policy:
    """The policy of the only canary in a file."""
    (canary,) = read_file(file).canaries
    return policy_of(canary)


def stories_of(file: Path, *names: str) -> tuple[Story, ...]:
    """Stories of a policy in short; without names, all."""
    return tuple(story for story in stories(shortened(declared(file))) if not names or story.name in names)


def story(name: str, file: Path = ARTICLE) -> Story:
    """One of them."""
    (found,) = stories_of(file, name)
    return found


_REVERTING: Final = evolve(shortened(declared(ARTICLE)), revert_on_deletion=True)
_SESSIONS: Final = ("a good revision", "a newer revision after one that failed")
HUNTED: Final = (
    *stories(_REVERTING),
    *stories_of(EXAMPLES / "strategies" / "gates.yaml"),
    *stories_of(EXAMPLES / "strategies" / "session-affinity.yaml", *_SESSIONS),
)
"""What planted bugs are looked for in."""
