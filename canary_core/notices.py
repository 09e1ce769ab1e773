"""What happened and why, as closed classes: told to people (event, alert, metric) and given as reasons of steps.

Numbers and identities only: `canary_core.messages` puts them into words. The names in brackets are those of the event
that Flagger would have recorded.
"""

from typing import TypeAlias

from attrs import field, frozen

from canary_core.phases import Phase
from canary_core.policy import Bound, CheckKind, HookType
from canary_core.requests import Verb
from canary_core.traffic import Traffic
from canary_core.verdict import Verdict
from canary_core.workload import Readiness

__all__ = [
    "Aborted",
    "Adopted",
    "AnalysisRestarted",
    "AnalysisStarted",
    "ApprovalAwaited",
    "ApprovalExpired",
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
    "Paused",
    "PostRolloutFailed",
    "PrimaryCreated",
    "PrimaryNotReady",
    "PrimaryRecovered",
    "PrimaryWeightAdvanced",
    "Promoted",
    "PromotionFailed",
    "PromotionStarted",
    "RequestAccepted",
    "RequestRefused",
    "Resumed",
    "RevisionFailed",
    "RevisionWithdrawn",
    "RollbackSignalled",
    "RolledBack",
    "RolloutStarted",
    "RoutesCorrected",
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


@frozen(kw_only=True)
class SourcesAvailable:
    """Every metric source answered, before the first initialisation (i1)."""


@frozen(kw_only=True)
class SourcesUnavailable:
    """A metric source did not answer, before the first initialisation, which goes on (i2)."""

    error: str


@frozen(kw_only=True)
class PrimaryCreated:
    """The primary is being made from the target."""


@frozen(kw_only=True)
class PrimaryNotReady:
    """The primary is waited for (i3)."""

    readiness: Readiness


@frozen(kw_only=True)
class CanaryNotReady:
    """The canary is waited for (r3)."""

    readiness: Readiness


@frozen(kw_only=True)
class TargetMissing:
    """There is no target to release."""


@frozen(kw_only=True)
class Initialized:
    """The primary runs and has the traffic (i4)."""


@frozen(kw_only=True)
class InitializationFailed:
    """The first primary did not become ready in time. The target goes on serving, untouched."""

    readiness: Readiness


@frozen(kw_only=True)
class Suspended:
    """The policy says that nothing is to be done (s1). Told when it begins."""


@frozen(kw_only=True)
class Paused:
    """A person has asked for a hold."""


@frozen(kw_only=True)
class Resumed:
    """A hold has ended."""


@frozen(kw_only=True)
class Adopted:
    """A rollout that another controller, or an older release, began was taken over where it stood."""

    phase: Phase


@frozen(kw_only=True)
class RolloutStarted:
    """A new revision was found; the canary is scaled up (r1)."""


@frozen(kw_only=True)
class AnalysisRestarted:
    """A newer revision came in the middle of an analysis, which begins anew (r2)."""


@frozen(kw_only=True)
class RevisionWithdrawn:
    """The promoted revision was declared again; the rollout of the other one ends."""


@frozen(kw_only=True)
class Cancelled:
    """The rollout of a revision that was withdrawn has ended; the canary is scaled down."""


@frozen(kw_only=True)
class RevisionFailed:
    """The declared revision has failed before and is not tried again by itself."""


@frozen(kw_only=True)
class AnalysisStarted:
    """The canary is ready and is to get its first traffic (a1)."""


@frozen(kw_only=True)
class WeightAdvanced:
    """The canary gets this share of the traffic (a2)."""

    weight: int
    mirrored: bool = False


@frozen(kw_only=True)
class IterationAdvanced:
    """An iteration of an A/B test or blue/green rollout was done (a3)."""

    iteration: int
    iterations: int


@frozen(kw_only=True)
class TrafficSwitched:
    """All traffic goes to the canary, for one more analysis before the promotion (a4, after mirroring a5)."""

    mirrored: bool


@frozen(kw_only=True)
class PromotionStarted:
    """The primary gets the canary's revision (p1)."""


@frozen(kw_only=True)
class TrafficReturned:
    """All traffic goes to the primary (p2)."""


@frozen(kw_only=True)
class PrimaryWeightAdvanced:
    """The primary gets back this share of the traffic (p3)."""

    weight: int


@frozen(kw_only=True)
class Promoted:
    """The rollout has ended: the primary runs the new revision (p4; skipped p5)."""

    skipped: bool = False


@frozen(kw_only=True)
class CheckNotPassed:
    """A check did not pass (m1 to m9)."""

    check: str
    kind: CheckKind
    verdict: Verdict
    value: float | None = None
    bound: Bound = field(factory=Bound)
    samples: int | None = None
    min_samples: int | None = None
    error: str = ""


@frozen(kw_only=True)
class HookPassed:
    """A hook said yes (h2, h4, h6, h8, h11)."""

    hook: str
    type: HookType


@frozen(kw_only=True)
class HookNotPassed:
    """A pre-rollout or rollout hook said no, or nothing (h7, h10): a failed check."""

    hook: str
    type: HookType
    unreachable: bool
    error: str


@frozen(kw_only=True)
class ApprovalAwaited:
    """A gate is closed (h1, h3, h5). Told when the wait begins."""

    hook: str
    type: HookType
    mute_alert: bool = False


@frozen(kw_only=True)
class GateClosed:
    """A gate is still closed."""

    hook: str
    type: HookType


@frozen(kw_only=True)
class ApprovalExpired:
    """A gate stayed closed for longer than declared."""

    deadline_s: float


@frozen(kw_only=True)
class PostRolloutFailed:
    """A post-rollout hook said no, or nothing (h12)."""

    hook: str
    error: str


@frozen(kw_only=True)
class ThresholdReached:
    """A budget of checks is used up (f1)."""

    verdict: Verdict
    count: int
    threshold: int


@frozen(kw_only=True)
class RollbackSignalled:
    """A rollback hook said yes (f3)."""

    hook: str


@frozen(kw_only=True)
class Aborted:
    """A person has asked for a rollback."""


@frozen(kw_only=True)
class RolledBack:
    """All traffic is on the primary and the canary is scaled down (f2)."""


@frozen(kw_only=True)
class NoKnownGood:
    """No workload that could take all the traffic holds a revision known to be good. Nothing is changed."""


@frozen(kw_only=True)
class PromotionFailed:
    """The primary did not become ready with the new revision; the canary has all the traffic (f4)."""

    readiness: Readiness


@frozen(kw_only=True)
class PrimaryRecovered:
    """The primary has become ready after all; what had stopped goes on."""


@frozen(kw_only=True)
class RoutesCorrected:
    """The split in force was not the one intended, and was put back."""

    found: Traffic | None
    wanted: Traffic


@frozen(kw_only=True)
class CanaryRescaled:
    """The target had another number of replicas than the rollout needs."""

    found: int
    wanted: int


@frozen(kw_only=True)
class RequestAccepted:
    """A person's request is carried out."""

    verb: Verb


@frozen(kw_only=True)
class RequestRefused:
    """A person's request has no meaning, or is not safe, in this phase."""

    verb: Verb
    phase: Phase


@frozen(kw_only=True)
class Terminating:
    """The object is being deleted; what was changed is given back (t1)."""


@frozen(kw_only=True)
class Terminated:
    """Everything was given back (t2)."""


@frozen(kw_only=True)
class Measuring:
    """The split is in force and is measured until then."""

    until_s: float


@frozen(kw_only=True)
class Draining:
    """The canary has no traffic any more and is left alone until then."""

    until_s: float


@frozen(kw_only=True)
class Settled:
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
    | CanaryRescaled
    | RequestAccepted
    | RequestRefused
    | Terminating
    | Terminated
    | Measuring
    | Draining
    | Settled
)
"""Anything that the machine may say."""
