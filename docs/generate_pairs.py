"""Try every pair of faults of every story of the article's policy, and write docs/reliability-pairs.txt.

Run by ``make pairs``; it takes minutes. An argument says how many processes play. `generate_reliability.py` puts what
is written here into its page.
"""

import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS), str(DOCS.parent / "tests")]

from canary_sims.harness.faults.exhaustive import exhaust  # noqa: E402 -- after the path to tests
from generate_reliability import PAIRS, table  # noqa: E402
from stories.policies import ARTICLE, stories_of, story  # noqa: E402

_HEAD: Final = ("story", "ends in", "played", "stand for", "broken", "most wake-ups to the end", "seconds")


def tried(name: str) -> dict[str, Any]:
    """All pairs of one story: what they came to, and the first that broke something."""
    started = time.process_time()
    found = exhaust(story(name), pairs=True)
    return {
        "story": name,
        "phase": found.calm.end.phase.value,
        "outcome": None if found.calm.end.outcome is None else found.calm.end.outcome.value,
        "played": found.plans,
        "stand_for": found.covered,
        "broken": len(found.broken),
        "slowest": found.slowest,
        "seconds": time.process_time() - started,
        "first": "" if not found.broken else f"{found.broken[0].plan}: {found.broken[0].broken}",
    }


def text(rows: list[dict[str, Any]], day: str) -> str:
    """What is written.

    Args:
        rows: What `tried` came to, of each story.
        day: On which it was played, as 2026-11-25.
    """
    lines: list[tuple[object, ...]] = []
    for row in rows:
        end = row["phase"] if row["outcome"] is None else f"{row['phase']} ({row['outcome']})"
        numbers = (f"{row['played']:,}", f"{row['stand_for']:,}", row["broken"], row["slowest"])
        lines.append((row["story"], end, *numbers, f"{row['seconds']:.0f}"))
    played, covered = sum(row["played"] for row in rows), sum(row["stand_for"] for row in rows)
    broken = sum(row["broken"] for row in rows)
    seconds = sum(row["seconds"] for row in rows)
    verdict = f"{broken:,} of them broke something" if broken else "Nothing was broken"
    head = (
        f"Played on {day}: {played:,} plans, which stand for {covered:,}, in {seconds:,.0f} s of one processor. "
        f"{verdict}."
    )
    return f"{head}\n\n{table(_HEAD, lines)}\n"


def main() -> None:
    """Play, tell, and write."""
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    names = [each.name for each in stories_of(ARTICLE)]
    rows = []
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for row in pool.map(tried, names):
            rows.append(row)
            sys.stdout.write(f"{row['story']}: {row['stand_for']:,} plans, {row['broken']} broken {row['first']}\n")
            sys.stdout.flush()
    PAIRS.write_text(text(rows, time.strftime("%Y-%m-%d", time.gmtime())), encoding="utf-8")
    if any(row["broken"] for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
