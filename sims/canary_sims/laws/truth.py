"""What is really the case around a rollout, and what happened to it: the ground that invariants stand on.

Nothing here is taken from the machine's own records where the world can be asked instead, and nothing here uses the
helpers of the core: what judges it must not share its mistakes.
"""

import math
from typing import Final, TypeAlias

from attrs import field, frozen

from canary_core import (
    Answered,
    Approved,
    Check,
    HookQuestion,
    HookType,
    MetricQuestion,
    Notice,
    Phase,
    Policy,
    Rollout,
    Sample,
    SourceError,
    Traffic,
    Unreachable,
)

__all__ = [
    "ANALYSIS",
    "UNDER_WAY",
    "Acted",
    "Decided",
    "Event",
    "Facts",
    "Failures",
    "Pods",
    "Rested",
    "Scaler",
    "canary_share",
    "counted",
    "had",
    "passes",
    "primary_share",
    "promised",
    "used_up",
]

ANALYSIS: Final = frozenset({Phase.PROGRESSING, Phase.WAITING_PROMOTION})
"""Phases in which the canary is judged."""

UNDER_WAY: Final = ANALYSIS | {Phase.PROMOTING, Phase.FINALISING}
"""Phases in which a canary has, or is to have, pods beside the primary."""
_BEFORE_PROMOTION: Final = frozenset({Phase.PROGRESSING, Phase.WAITING_PROMOTION, Phase.WAITING})


@frozen(kw_only=True, cache_hash=True)
class Pods:
    """A workload as it really is."""

    declared: str
    """Revision of its template."""
    asked: int = 1
    """Pods asked for. The abstract world knows only 0 and 1, for "any"."""
    serving: str | None = None
    """Revision of the pods that answer requests. None: no pod does."""
    whole: bool = False
    """Whether all pods asked for are of the template and answer."""
    stalled: bool = False
    """Whether the workload has given up by its own deadline."""
    reachable: bool = True
    """Whether its Service leads to its pods."""
    edited: bool = False
    """Whether somebody has put another template in the place of the declared one, whose pods are never ready."""
    ready: int = 0
    """How many pods answer requests, where they are counted."""


@frozen(kw_only=True, cache_hash=True)
class Scaler:
    """The primary's autoscaler as it really is."""

    kept: int
    """The fewest pods that it keeps at present."""
    most: int
    """The most pods that it ever asks for."""
    held: int | None
    """The fewest pods that it was told to keep besides what is declared."""
    declared: int = 1
    """The fewest pods that it keeps in any case."""
    own: int = 0
    """Pods for the requests that reach the primary at present."""
    needed: int = 0
    """Pods for all requests of users."""


@frozen(kw_only=True)
class Failures:
    """Verdicts other than "passed" since the analysis of this revision began, counted outside the machine."""

    failed: int = 0
    no_data: int = 0
    errors: int = 0


@frozen(kw_only=True, cache_hash=True)
class Facts:
    """The outside world at an instant, with what of its history invariants need."""

    target: Pods | None
    primary: Pods | None = None
    routes: Traffic | None = None
    """The split in force. None: all requests reach the target, as before any canary."""
    in_force_s: float = 0.0
    """For how long these very routes have been in force."""
    good: frozenset[str] = frozenset()
    """Revisions that have proved themselves: what the user ran before, and what was approved for promotion."""
    failures: Failures = field(factory=Failures)
    deleting: bool = False
    kept: bool = True
    """Whether a primary that was lost could be made from what is kept of its revision."""
    obstructed: bool = False
    """Whether something around it is not as it must be."""
    gone: bool = False
    """Whether the object has been let go."""
    scaler: Scaler | None = None
    """None: the primary has no autoscaler."""
    had: int = 0
    """Pods that the primary asked for when the present rollout began. 0: none is under way, or that is not known."""
    promoting_s: float = 0.0
    """For how long the present promotion has been going on."""

    def holders(self) -> tuple[Pods, ...]:
        """Workloads that can answer with a revision that is known to be good."""
        return tuple(pods for pods in (self.primary, self.target) if pods is not None and pods.serving in self.good)


@frozen(kw_only=True)
class Decided:
    """One call of the machine has come to a decision, and its state has been stored (if it changed)."""

    policy: Policy
    before: Rollout
    after: Rollout
    answers: tuple[Answered, ...]
    notices: tuple[Notice, ...]
    facts: Facts
    """The world that the decision was made on."""


@frozen(kw_only=True)
class Acted:
    """The driver has changed something outside."""

    policy: Policy
    rollout: Rollout
    """As stored: what the action is to bring about."""
    before: Facts
    after: Facts


@frozen(kw_only=True)
class Rested:
    """A tick is over; nothing comes before time passes or something changes."""

    policy: Policy
    rollout: Rollout
    facts: Facts
    idle: bool
    """Whether the state was settled, and nothing new was outside, when the tick began."""
    asked: int
    """Questions to metric sources and hooks, in the whole tick."""
    changes: int
    """Stored states and actions, in the whole tick."""
    now_s: float = 0.0
    """The present time, on the clock of the rollout."""
    quiet: bool = False
    """Whether it has left nothing to be done, as long as nothing changes."""


Event: TypeAlias = Decided | Acted | Rested


def canary_share(routes: Traffic | None) -> int:
    """Percent of the audience's requests that reach the target; copies do not count."""
    return 100 if routes is None else routes.canary_weight


def primary_share(routes: Traffic | None) -> int:
    """Percent of requests that may reach the primary, at most, counting those outside the audience."""
    if routes is None:
        return 0
    return 100 if routes.audience.value == "matched" else 100 - routes.canary_weight


def passes(check: Check, answered: Answered) -> bool:
    """Whether a measurement keeps to the bounds of a check; written down anew, not shared with the core."""
    answer = answered.answer
    if not isinstance(answer, Sample) or math.isnan(answer.value):
        return False
    if check.min_samples is not None and (answer.count is None or answer.count < check.min_samples):
        return False
    low, high = check.bound.minimum, check.bound.maximum
    return (low is None or answer.value >= low) and (high is None or answer.value <= high)


def verdict_of(policy: Policy, answers: tuple[Answered, ...]) -> str:
    """What the answers to checks and to counting hooks come to: "pass", "no data", "error", "fail", or "" if none."""
    checks = {check.id: check for check in policy.checks}
    counting = {hook.id for hook in policy.hooks if hook.type in {HookType.PRE_ROLLOUT, HookType.ROLLOUT}}
    found: set[str] = set()
    for answered in answers:
        question, answer = answered.question, answered.answer
        if isinstance(question, MetricQuestion):
            found.add(_metric_verdict(checks[question.check], answered))
        elif isinstance(question, HookQuestion) and question.hook in counting:
            refused = "error" if isinstance(answer, Unreachable) else "fail"
            found.add("pass" if isinstance(answer, Approved) else refused)
    return next((worst for worst in ("fail", "error", "no data", "pass") if worst in found), "")


def _metric_verdict(check: Check, answered: Answered) -> str:
    if passes(check, answered):
        return "pass"
    if isinstance(answered.answer, SourceError):
        return "error"
    if isinstance(answered.answer, Sample) and not math.isnan(answered.answer.value):
        few = check.min_samples is not None and (answered.answer.count or 0) < check.min_samples
        return "no data" if few else "fail"
    return "no data"


def counted(policy: Policy, facts: Facts, before: Rollout, after: Rollout, answers: tuple[Answered, ...]) -> Failures:
    """Failures after a decision: from none again with each analysis that begins, one more with each bad verdict."""
    begun = before.phase not in ANALYSIS or before.applied != after.applied
    if after.phase not in ANALYSIS:
        return Failures()
    old = Failures() if begun else facts.failures
    verdict = verdict_of(policy, answers)
    if verdict in {"", "pass"}:
        return old
    if verdict == "no data" and policy.no_data_threshold is not None:
        return Failures(failed=old.failed, no_data=old.no_data + 1, errors=old.errors)
    if verdict == "error" and policy.error_threshold is not None:
        return Failures(failed=old.failed, no_data=old.no_data, errors=old.errors + 1)
    return Failures(failed=old.failed + 1, no_data=old.no_data, errors=old.errors)


def used_up(policy: Policy, failures: Failures) -> bool:
    """Whether a budget of checks is used up."""
    budgets = (
        (failures.failed, policy.threshold),
        (failures.no_data, policy.no_data_threshold),
        (failures.errors, policy.error_threshold),
    )
    return any(budget is not None and used >= budget for used, budget in budgets)


def had(facts: Facts, before: Rollout, after: Rollout) -> int:
    """Pods that the primary asked for when the present rollout began, after a decision."""
    if after.phase not in UNDER_WAY:
        return 0
    if before.phase in UNDER_WAY:
        return facts.had
    return 0 if facts.primary is None or facts.scaler is None else facts.primary.asked


def promised(facts: Facts, before: Rollout, after: Rollout) -> frozenset[str]:
    """Good revisions after a decision: one that is let through to its promotion has proved itself.

    Until the first initialisation has ended, and while no primary can answer, what the user declares is what users
    have, good or not.
    """
    target = facts.target.declared if facts.target is not None else None
    approved = after.phase is Phase.PROMOTING and before.phase is not Phase.PROMOTING
    alone = facts.primary is None or facts.primary.serving is None or facts.routes is None
    live = after.promoted is None and alone
    return facts.good | {target} if target is not None and (approved or live) else facts.good
