"""What happened and why, as closed classes: told to people (event, alert, metric) and given as reasons of steps.

Numbers and identities only: `canary_core.messages` puts them into words. The names in brackets are those of the event
that Flagger would have recorded.
"""

from typing import TypeAlias

from attrs import field, frozen

from canary_core.disturbances import (
    CanaryLost,
    CanaryRescaled,
    Obstructed,
    PrimaryLost,
    PrimaryRemade,
    PrimaryRescaled,
    PrimaryRestored,
    RoutesCorrected,
    RoutesNotInForce,
    RoutesRedeclared,
)
from canary_core.phases import Phase
from canary_core.policy import Bound, CheckKind, HookType
from canary_core.requests import Verb
from canary_core.values import Bare, Value
from canary_core.verdict import Verdict
from canary_core.workload import Readiness

__all__ = [
    "Aborted",
    "Adopted",
    "AnalysisRestarted",
    "AnalysisStarted",
    "ApprovalAwaited",
    "ApprovalExpired",
    "CanaryLost",
    "CanaryNotReady",
    "CanaryRescaled",
    "Cancelled",
    "CheckNotPassed",
    "Draining",
    "GateClosed",
    "HookNotPassed",
    "HookPassed",
    "InitializationFailed",
    "Initialized",
    "IterationAdvanced",
    "Measuring",
    "NoKnownGood",
    "Notice",
    "Obstructed",
    "Paused",
    "PostRolloutFailed",
    "PrimaryCreated",
    "PrimaryLost",
    "PrimaryNotReady",
    "PrimaryRecovered",
    "PrimaryRemade",
    "PrimaryRescaled",
    "PrimaryRestored",
    "PrimaryWeightAdvanced",
    "Promoted",
    "PromotionFailed",
    "PromotionStarted",
    "RequestAccepted",
    "RequestRefused",
    "RequestUnknown",
    "Resumed",
    "RevisionFailed",
    "RevisionReverted",
    "RevisionWithdrawn",
    "RollbackSignalled",
    "RolledBack",
    "RolloutStarted",
    "RoutesCorrected",
    "RoutesNotInForce",
    "RoutesRedeclared",
    "Settled",
    "SourcesAvailable",
    "SourcesUnavailable",
    "Suspended",
    "TargetMissing",
    "Terminated",
    "Terminating",
    "ThresholdReached",
    "TrafficReturned",
    "TrafficSwitched",
    "WeightAdvanced",
]


@frozen(kw_only=True, eq=False, repr=False)
class _Unready(Value):
    readiness: Readiness


@frozen(kw_only=True, eq=False, repr=False)
class _OfHook(Value):
    hook: str
    type: HookType


@frozen(kw_only=True, eq=False, repr=False)
class _Until(Value):
    until_s: float


class SourcesAvailable(Bare):
    """Every metric source answered, before the first initialisation (i1)."""


@frozen(kw_only=True, eq=False, repr=False)
class SourcesUnavailable(Value):
    """A metric source did not answer, before the first initialisation, which goes on (i2)."""

    error: str


class PrimaryCreated(Bare):
    """The primary is being made from the target."""


class PrimaryNotReady(_Unready):
    """The primary is waited for (i3)."""


class CanaryNotReady(_Unready):
    """The canary is waited for (r3)."""


class TargetMissing(Bare):
    """There is no target to release."""


class Initialized(Bare):
    """The primary runs and has the traffic (i4)."""


class InitializationFailed(_Unready):
    """The first primary did not become ready in time. The target goes on serving, untouched."""


class Suspended(Bare):
    """The policy says that nothing is to be done (s1). Told when it begins."""


class Paused(Bare):
    """A person has asked for a hold."""


class Resumed(Bare):
    """A hold has ended."""


@frozen(kw_only=True, eq=False, repr=False)
class Adopted(Value):
    """A rollout that another controller, or an older release, began was taken over where it stood."""

    phase: Phase


class RolloutStarted(Bare):
    """A new revision was found; the canary is scaled up (r1)."""


class AnalysisRestarted(Bare):
    """A newer revision came in the middle of an analysis, which begins anew (r2)."""


class RevisionWithdrawn(Bare):
    """The promoted revision was declared again; the rollout of the other one ends."""


class Cancelled(Bare):
    """The rollout of a revision that was withdrawn has ended; the canary is scaled down."""


class RevisionFailed(Bare):
    """The declared revision has failed before and is not tried again by itself."""


class RevisionReverted(Bare):
    """The revision that has failed was taken back: the promoted one is declared again (own)."""


class AnalysisStarted(Bare):
    """The canary is ready and is to get its first traffic (a1)."""


@frozen(kw_only=True, eq=False, repr=False)
class WeightAdvanced(Value):
    """The canary gets this share of the traffic (a2)."""

    weight: int
    mirrored: bool = False


@frozen(kw_only=True, eq=False, repr=False)
class IterationAdvanced(Value):
    """An iteration of an A/B test or blue/green rollout was done (a3)."""

    iteration: int
    iterations: int


@frozen(kw_only=True, eq=False, repr=False)
class TrafficSwitched(Value):
    """All traffic goes to the canary, for one more analysis before the promotion (a4, after mirroring a5)."""

    mirrored: bool


class PromotionStarted(Bare):
    """The primary gets the canary's revision (p1)."""


class TrafficReturned(Bare):
    """All traffic goes to the primary (p2)."""


@frozen(kw_only=True, eq=False, repr=False)
class PrimaryWeightAdvanced(Value):
    """The primary gets back this share of the traffic (p3)."""

    weight: int


@frozen(kw_only=True, eq=False, repr=False)
class Promoted(Value):
    """The rollout has ended: the primary runs the new revision (p4; skipped p5)."""

    skipped: bool = False


@frozen(kw_only=True, eq=False, repr=False)
class CheckNotPassed(Value):
    """A check did not pass (m1 to m9)."""

    check: str
    kind: CheckKind
    verdict: Verdict
    value: float | None = None
    bound: Bound = field(factory=Bound)
    samples: int | None = None
    min_samples: int | None = None
    error: str = ""


class HookPassed(_OfHook):
    """A hook said yes (h2, h4, h6, h8, h11)."""


@frozen(kw_only=True, eq=False, repr=False)
class HookNotPassed(Value):
    """A pre-rollout or rollout hook said no, or nothing (h7, h10): a failed check."""

    hook: str
    type: HookType
    unreachable: bool
    error: str


@frozen(kw_only=True, eq=False, repr=False)
class ApprovalAwaited(Value):
    """A gate is closed (h1, h3, h5). Told when the wait begins."""

    hook: str
    type: HookType
    mute_alert: bool = False


class GateClosed(_OfHook):
    """A gate is still closed."""


@frozen(kw_only=True, eq=False, repr=False)
class ApprovalExpired(Value):
    """A gate stayed closed for longer than declared."""

    deadline_s: float


@frozen(kw_only=True, eq=False, repr=False)
class PostRolloutFailed(Value):
    """A post-rollout hook said no, or nothing (h12)."""

    hook: str
    error: str


@frozen(kw_only=True, eq=False, repr=False)
class ThresholdReached(Value):
    """A budget of checks is used up (f1)."""

    verdict: Verdict
    count: int
    threshold: int


@frozen(kw_only=True, eq=False, repr=False)
class RollbackSignalled(Value):
    """A rollback hook said yes (f3)."""

    hook: str


class Aborted(Bare):
    """A person has asked for a rollback."""


class RolledBack(Bare):
    """All traffic is on the primary and the canary is scaled down (f2)."""


class NoKnownGood(Bare):
    """No workload that could take all the traffic holds a revision known to be good. Nothing is changed."""


class PromotionFailed(_Unready):
    """The primary did not become ready with the new revision; the canary has all the traffic (f4)."""


class PrimaryRecovered(Bare):
    """The primary has become ready after all; what had stopped goes on."""


@frozen(kw_only=True, eq=False, repr=False)
class RequestAccepted(Value):
    """A person's request is carried out."""

    verb: Verb


@frozen(kw_only=True, eq=False, repr=False)
class RequestRefused(Value):
    """A person's request has no meaning, or is not safe, in this phase."""

    verb: Verb
    phase: Phase


@frozen(kw_only=True, eq=False, repr=False)
class RequestUnknown(Value):
    """A person has asked for something that nobody understands (own)."""

    text: str


class Terminating(Bare):
    """The object is being deleted; what was changed is given back (t1)."""


class Terminated(Bare):
    """Everything was given back (t2)."""


class Measuring(_Until):
    """The split is in force and is measured until then."""


class Draining(_Until):
    """The canary has no traffic any more and is left alone until then."""


class Settled(Bare):
    """Nothing is left to do."""


Notice: TypeAlias = (
    SourcesAvailable
    | SourcesUnavailable
    | PrimaryCreated
    | PrimaryNotReady
    | CanaryNotReady
    | TargetMissing
    | Initialized
    | InitializationFailed
    | Suspended
    | Paused
    | Resumed
    | Adopted
    | RolloutStarted
    | AnalysisRestarted
    | RevisionWithdrawn
    | Cancelled
    | RevisionFailed
    | RevisionReverted
    | AnalysisStarted
    | WeightAdvanced
    | IterationAdvanced
    | TrafficSwitched
    | PromotionStarted
    | TrafficReturned
    | PrimaryWeightAdvanced
    | Promoted
    | CheckNotPassed
    | HookPassed
    | HookNotPassed
    | ApprovalAwaited
    | GateClosed
    | ApprovalExpired
    | PostRolloutFailed
    | ThresholdReached
    | RollbackSignalled
    | Aborted
    | RolledBack
    | NoKnownGood
    | PromotionFailed
    | PrimaryRecovered
    | RoutesCorrected
    | RoutesRedeclared
    | CanaryRescaled
    | CanaryLost
    | PrimaryLost
    | PrimaryRescaled
    | PrimaryRestored
    | PrimaryRemade
    | RoutesNotInForce
    | Obstructed
    | RequestAccepted
    | RequestRefused
    | RequestUnknown
    | Terminating
    | Terminated
    | Measuring
    | Draining
    | Settled
)
"""Anything that the machine may say."""
