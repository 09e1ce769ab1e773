"""Write docs/reliability.md from the campaigns of faults: what goes wrong, what becomes of it, which test shows it.

Run by ``make docs``. It plays everything that it tells of, which takes some minutes; a test checks that what does not
depend on the machine is what the code says.
"""

import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent / "tests"))

import adapter_tables  # noqa: E402 -- after the path to tests
from canary_sims.harness.faults import CALLS, STANDING, CallKind, WakeKind  # noqa: E402
from canary_sims.harness.faults.exhaustive import exhaust  # noqa: E402
from canary_sims.harness.faults.hunting import hunted  # noqa: E402
from planted_bugs.every_bug import PLANTED, Planted  # noqa: E402
from stories.field_failures import ROWS  # noqa: E402
from stories.policies import FILES, HUNTED, stories_of, story  # noqa: E402

PAGE = DOCS / "reliability.md"
TEMPLATE = DOCS / "reliability.template"
CAMPAIGN = DOCS / "reliability-campaign.txt"
"""What the long campaign came to; it is played by hand."""
PROCESSES = DOCS / "reliability-processes.txt"
"""What came of long runs with real processes; likewise."""
PAIRS = DOCS / "reliability-pairs.txt"
"""What all pairs of faults came to, as `generate_pairs.py` has written it."""
SURROUNDINGS = DOCS / "reliability-surroundings.txt"
"""What came of disturbed surroundings, as `generate_surroundings.py` has written it."""
_EXHAUSTED: Final = (
    "policy",
    "plans",
    "stories",
    "played",
    "stand for",
    "broken",
    "most wake-ups to the end",
    "seconds",
)

FAULTS: Final[dict[CallKind | WakeKind, tuple[str, str, str]]] = {
    CallKind.FAIL: (
        "A call fails before it has any effect; of a question, nobody answers.",
        "The next tick finds what is not done and does it. A metric counts as an error, a hook as unreachable.",
        "test_a_call_that_fails_has_no_effect",
    ),
    CallKind.LOST_ANSWER: (
        "A call has its effect, but the answer is lost.",
        "The next tick observes the effect and goes on from there; what is done is absolute, so twice is no harm.",
        "test_a_call_whose_answer_is_lost_has_its_effect",
    ),
    CallKind.TIME_OUT: (
        "The caller gives up, and the effect comes some calls later.",
        "If somebody has written meanwhile, its version refuses it; else the next tick puts right what it did.",
        "test_a_late_write_that_was_overtaken_is_lost",
    ),
    CallKind.CONFLICT: (
        "Somebody else wrote in between.",
        "Nothing was done. Everything is observed and decided anew; a conflict is never a failure.",
        "test_a_conflict_has_no_effect",
    ),
    CallKind.SLOW: (
        "A call takes long, and the world goes on meanwhile.",
        "A weight that came into force late is measured from then on.",
        "test_a_slow_call_takes_its_time",
    ),
    CallKind.STALE: (
        "A read returns something old: never older than the own writes, or than the start of the process.",
        "Writes to what was read are refused by their version; whatever else was decided, the next tick puts right.",
        "test_a_stale_read_shows_what_others_did_late",
    ),
    CallKind.CRASH: (
        "The process dies right before a call.",
        "What was saved and not done shows as a difference; the first tick of the next process does it.",
        "test_a_process_dies_before_or_after_the_effect",
    ),
    CallKind.CRASH_AFTER: (
        "The process dies right after a call.",
        "The same. The end of a rollout is told again, if it is not known to have been told.",
        "test_a_process_dies_before_or_after_the_effect",
    ),
    CallKind.RIVAL: (
        "Another controller that believes it is leader ticks in the middle of a tick.",
        "Versions let one of them win; the other one saves nothing, and does nothing that it has not saved.",
        "test_others_have_their_turn_first",
    ),
    CallKind.PAUSE: (
        "The process stands still for longer than its lease, another one leads meanwhile, then it goes on.",
        "It notices that somebody has gone on from the state that it was to act on, and begins anew.",
        "test_others_have_their_turn_first",
    ),
    WakeKind.TWICE: (
        "A wake-up comes twice.",
        "The second tick finds nothing to do.",
        "test_no_single_fault_breaks_anything",
    ),
    WakeKind.LATE: (
        "A wake-up comes late.",
        "Everything takes longer; no weight is judged earlier for it.",
        "test_no_single_fault_breaks_anything",
    ),
    WakeKind.NEVER: (
        "A wake-up is lost.",
        "The next one does what is due: what is done depends on what is the case, not on what was heard of.",
        "test_no_single_fault_breaks_anything",
    ),
}


def table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    """A table in Markdown."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _faults() -> str:
    rows: list[tuple[object, ...]] = []
    for kind, (wrong, becomes, test) in FAULTS.items():
        where = [name for name, kinds in CALLS.items() if kind in kinds]
        always = "" if not any(kind in kinds for kinds in STANDING.values()) else ", also each time"
        at = "wake-ups" if isinstance(kind, WakeKind) else f"{len(where)} of {len(CALLS)} calls{always}"
        rows.append((f"`{kind.value}`", wrong, at, becomes, f"`{test}`"))
    return table(("fault", "what goes wrong", "where", "what happens", "test"), rows)


def _field() -> str:
    rows = [(row.what, ", ".join(row.threads), row.story, ", ".join(row.planted) or "-") for row in ROWS]
    return table(("what hurt", "reported in", "the story here", "planted bugs that bring it back"), [*rows])


def _hunted(bug: Planted) -> tuple[object, ...]:
    started = time.process_time()
    with bug.active() as driver:
        hunt = hunted(HUNTED, driver)
    seconds = time.process_time() - started
    found = "not found" if hunt.found is None else hunt.found.broken[0].split(":")[0]
    return (bug.name, bug.what, found, f"{hunt.plans:,}", f"{seconds:.2f}")


def _exhausted() -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for file in FILES:
        started = time.process_time()
        tallies = [exhaust(each) for each in stories_of(file)]
        rows.append((f"{file.parent.name}/{file.stem}", *_tallied(tallies, "single faults, and frozen ones", started)))
    started = time.process_time()
    pairs = exhaust(story("a good revision"), pairs=True)
    rows.append(("article/canary", *_tallied([pairs], "pairs, of a good revision", started)))
    return rows


def _tallied(tallies: list[Any], what: str, started: float) -> tuple[object, ...]:
    plans, covered = sum(each.plans for each in tallies), sum(each.covered for each in tallies)
    broken, slowest = sum(len(each.broken) for each in tallies), max(each.slowest for each in tallies)
    return what, len(tallies), f"{plans:,}", f"{covered:,}", broken, slowest, f"{time.process_time() - started:.0f}"


def page(bugs: list[tuple[object, ...]], exhausted: list[tuple[object, ...]], adapters: Mapping[str, str]) -> str:
    """The whole page.

    Args:
        bugs: Rows of the table of planted bugs.
        exhausted: Rows of the table of what was tried exhaustively.
        adapters: The tables about real adapters; see `adapter_tables`.
    """
    campaign = CAMPAIGN.read_text(encoding="utf-8").strip()
    tables = {
        "faults": _faults(),
        "exhausted": table(_EXHAUSTED, exhausted),
        "campaign": campaign,
        "processes": PROCESSES.read_text(encoding="utf-8").strip(),
        "pairs": PAIRS.read_text(encoding="utf-8").strip(),
        "surroundings": SURROUNDINGS.read_text(encoding="utf-8").strip(),
        "bugs": table(("bug", "what it does", "found by", "plans", "seconds"), bugs),
        "field": _field(),
        **adapters,
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, written in tables.items():
        text = text.replace("{{" + name + "}}", written)
    return text


def stable(text: str) -> str:
    """What of a page does not depend on the machine, or on what was measured: tables lose their last columns."""
    text = adapter_tables.stable(text)
    rows = re.sub(r"^(\| [a-z][^|]*\| [A-Z][^|]*\.) \|[^\n]*$", r"\1 |", text, flags=re.MULTILINE)
    return re.sub(r"^(\| [a-z-]+/[a-z-]+ \| [^|]*\| \d+) \|.*$", r"\1 |", rows, flags=re.MULTILINE)


def sketch() -> str:
    """The page without anything that has to be played."""
    bugs = [(bug.name, bug.what, "", "", "") for bug in PLANTED]
    exhausted: list[tuple[object, ...]] = [
        (f"{file.parent.name}/{file.stem}", "single faults, and frozen ones", len(stories_of(file)), "", "", "", "", "")
        for file in FILES
    ]
    exhausted.append(("article/canary", "pairs, of a good revision", 1, "", "", "", "", ""))
    return page(bugs, exhausted, adapter_tables.sketched())


def main() -> None:
    """Play, and write."""
    bugs, adapters = [_hunted(bug) for bug in PLANTED], adapter_tables.played()
    PAGE.write_text(page(bugs, _exhausted(), adapters), encoding="utf-8")


if __name__ == "__main__":
    main()
