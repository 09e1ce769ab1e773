"""The tables of docs/reliability.md about real adapters: what was tried, planted bugs, failures from the field."""

import re
import time
from collections.abc import Mapping
from typing import Final

from campaigns.faults import Plan
from campaigns.field_failures import ADAPTER_ROWS
from campaigns.stories import STORIES, Story
from campaigns.trials import Trials
from planted_bugs.adapters import PLANTED, PlantedAdapter

__all__ = ["played", "sketched", "stable"]

_TRIED: Final = ("story", "plans", "broken", "most turns to the end", "seconds")
_BUGS: Final = ("bug", "what it does", "found by", "plans", "seconds")
_FIELD: Final = ("what hurt", "reported in", "the story here", "planted bugs that bring it back")


def _table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _tables(tried: list[tuple[object, ...]], bugs: list[tuple[object, ...]]) -> Mapping[str, str]:
    field: list[tuple[object, ...]] = [
        (row.what, ", ".join(row.threads), row.story.name, ", ".join(row.planted)) for row in ADAPTER_ROWS
    ]
    return {
        "adapter-stories": _table(_TRIED, tried),
        "adapter-bugs": _table(_BUGS, bugs),
        "adapter-field": _table(_FIELD, field),
    }


def _tried(trials: Trials, story: Story) -> tuple[object, ...]:
    started = time.process_time()
    found = [trials.tried(story, Plan(faults=(fault,))) for fault in trials.singles(story)]
    broken, slowest = sum(1 for trial in found if trial.broken), max(trial.after for trial in found)
    return story.name, len(found), broken, slowest, f"{time.process_time() - started:.0f}"


def _hunted(bug: PlantedAdapter) -> tuple[object, ...]:
    started = time.process_time()
    with bug.active():
        hunt = Trials().hunted(STORIES, [story for story in STORIES if story.name == bug.story])
    found = "not found" if hunt.found is None else hunt.found.broken[0].split(":")[0]
    return bug.name, bug.what, found, f"{hunt.plans:,}", f"{time.process_time() - started:.2f}"


def played() -> Mapping[str, str]:
    """The tables, after everything that they tell of was played."""
    trials = Trials()
    return _tables([_tried(trials, story) for story in STORIES], [_hunted(bug) for bug in PLANTED])


def sketched() -> Mapping[str, str]:
    """The tables without anything that has to be played."""
    return _tables([(story.name, "", "", "", "") for story in STORIES], [(b.name, b.what, "", "", "") for b in PLANTED])


def stable(text: str) -> str:
    """A page whose rows of stories have lost what was measured."""
    names = "|".join(re.escape(story.name) for story in STORIES)
    return re.sub(rf"^(\| (?:{names}) \|) [\d,]* \|.*$", r"\1", text, flags=re.MULTILINE)
