"""Disturb what surrounds rollouts, at every moment of one, and write docs/reliability-surroundings.txt.

Run by ``make surroundings``; it takes minutes, and seconds are measured, so nothing else should need the machine. An
argument says what to read in the names of the disturbances that are played: then nothing is written but to the
terminal. `generate_reliability.py` puts what is written here into its page.
"""

import sys
import tempfile
import threading
import time
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS), str(DOCS.parent / "tests")]

from disturbances.campaign import campaign  # noqa: E402 -- after the path to tests
from disturbances.catalogue import CELLS  # noqa: E402
from disturbances.play import runs_of  # noqa: E402
from disturbances.table import text  # noqa: E402
from generate_reliability import SURROUNDINGS  # noqa: E402


class Progress:
    """A line on the terminal that says how much has been played."""

    def __init__(self, runs: int) -> None:
        """Makes one of none played.

        Args:
            runs: How many there are.
        """
        self._begun_s, self._runs, self._lock, self._done = time.monotonic(), runs, threading.Lock(), 0

    def told(self) -> None:
        """One more is done; any thread may call it."""
        with self._lock:
            self._done += 1
            end = "\n" if self._done == self._runs else ""
            seconds = time.monotonic() - self._begun_s
            sys.stderr.write(f"\r{self._done} of {self._runs} played, {seconds:.0f} s{end}")
            sys.stderr.flush()


def main() -> None:
    """Play, tell, and write."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    cells = [cell for cell in CELLS if wanted in cell[0].name]
    progress = Progress(sum(len(runs_of(*cell)) for cell in cells))
    with tempfile.TemporaryDirectory() as folder:
        records = campaign(Path(folder), cells, told=progress.told).records
    for (disturbance, moment), record in records.items():
        if record.failed:
            sys.stdout.write(f"{disturbance.name}, {moment.value}: {'; '.join(record.story)}\n")
    found = text(records, time.strftime("%Y-%m-%d", time.gmtime()))
    if wanted:
        sys.stdout.write(found)
    else:
        SURROUNDINGS.write_text(found, encoding="utf-8")


if __name__ == "__main__":
    main()
