"""When a canary is worked on again, and what is a reason to do so sooner: pure, so that it can be proved not to spin.

A canary is worked on when its time has come, or when somebody else has changed something that it depends on. Own
writes are no news: what a tick leaves behind is what the next one is compared with. After a refusal only what somebody
declares anew is a reason (a spec, not a status), and the pauses grow for as long as nobody does.
"""

from typing import Final

from attrs import frozen

__all__ = ["Pace", "Patience", "patience_with_refusals"]

FIRST_REFUSED_S: Final = 60.0
"""Not everything that matters is watched (rights, webhooks, quotas), so what was refused is tried again by itself.

Sooner if the deadline of the canary is shorter: within that, a bad one is to be out of traffic."""
LONGEST_REFUSED_S: Final = 600.0
MOST_REFUSED_S: Final = 3600.0
INTERVALS: Final = 5
"""Intervals before a refusal is tried again. A try costs two writes at most, so that ten intervals see few."""
EAGER_S: Final = 0.5
"""No change of somebody else shortens the pause after the second failure in a row to less. It doubles with each."""
LONGEST_EAGER_S: Final = 10.0
_DOUBLINGS: Final = 20


def _doubled(first_s: float, longest_s: float, times: int) -> float:
    return float(min(longest_s, first_s * 2.0 ** min(times, _DOUBLINGS)))


@frozen(kw_only=True)
class Patience:
    """How long to wait after a failure: doubled with each further one under the same circumstances."""

    first_s: float
    longest_s: float
    for_declarations: bool = False
    """Whether only what somebody declares anew is a reason to try sooner. Otherwise, any change is."""


def patience_with_refusals(interval_s: float, deadline_s: float = FIRST_REFUSED_S) -> Patience:
    """For what was refused.

    Args:
        interval_s: Between two analyses of the canary. 0: not known.
        deadline_s: Within which the canary has to make progress.
    """
    longest_s = min(MOST_REFUSED_S, max(LONGEST_REFUSED_S, 2 * INTERVALS * interval_s))
    first_s = min(longest_s, max(min(FIRST_REFUSED_S, deadline_s), INTERVALS * interval_s))
    return Patience(first_s=first_s, longest_s=longest_s, for_declarations=True)


@frozen(kw_only=True)
class Pace:
    """When to work on a canary. Times are seconds of a clock that never steps back."""

    view: int | None = None
    """What it depends on, as the last work on it left it: a number that differs if that does. None: not known."""
    for_declarations: bool = False
    """Whether the view is of what is declared only."""
    due_s: float = 0.0
    """When it is worked on whether there is news or not."""
    not_before_s: float = 0.0
    """When it is worked on at the earliest."""
    failures: int = 0
    """In a row, whatever has changed between them."""
    repeats: int = 0
    """In a row, while nothing has changed between them."""

    def wait_s(self, view: int, now_s: float) -> float:
        """How long it is to be left alone, of which the view is this now. 0 or less: it is to be worked on."""
        if self.view is None:
            return 0.0
        news = view != self.view
        return (self.not_before_s if news else self.due_s) - now_s

    def failed(self, before: int, after: int, patience: Patience, now_s: float, *, spread: float = 1.0) -> "Pace":
        """After work that failed.

        Args:
            before: The view that it met, as the patience asks for.
            after: The view that it left behind, own writes included.
            patience: With this kind of failure.
            now_s: The present time.
            spread: The pause is taken so many times, so that what failed together is not tried again together.
        """
        same = self.repeats > 0 and self.for_declarations == patience.for_declarations and self.view == before
        repeats = self.repeats + 1 if same else 1
        pause_s = _doubled(patience.first_s, patience.longest_s, repeats - 1) * spread
        least_s = min(EAGER_S, patience.first_s)
        eager_s = _doubled(least_s, LONGEST_EAGER_S, self.failures - 1) if self.failures else 0.0
        return Pace(
            view=after,
            for_declarations=patience.for_declarations,
            due_s=now_s + max(pause_s, eager_s),
            not_before_s=now_s + eager_s,
            failures=self.failures + 1,
            repeats=repeats,
        )
