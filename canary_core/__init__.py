"""The brain of a canary rollout: a pure state machine without a clock, a thread, a socket or a logger.

>>> from canary_core import Policy, Progressive, Rollout, Observation, Workload, step, weights_by_step
>>> policy = Policy(strategy=Progressive(weights=weights_by_step(10, 50)), threshold=10)
>>> first = step(policy, Rollout(), Observation(now_s=0.0, canary=Workload(revision="v1:1", replicas=1, available=1)))
>>> [type(decision).__name__ for decision in first.decisions]
['EnsurePrimary']
"""

from canary_core import notices, record
from canary_core.decisions import (
    Decision,
    DropFormer,
    EnsurePrimary,
    HoldPrimary,
    PromotePrimary,
    ReleaseObject,
    ReleaseTraffic,
    RemovePrimary,
    RestorePrimary,
    ScaleCanary,
    ScalePrimary,
    SetTraffic,
    Step,
)
from canary_core.desired import Desired, Pods, desired, difference
from canary_core.errors import CanaryCoreError, IllegalTransitionError, PolicyError
from canary_core.forecast import Answers, Forecast, Stage, as_recorded, at_best, at_worst, forecast
from canary_core.foreseen import foreseen_splits, kind_of_split
from canary_core.machine import step
from canary_core.notices import Notice
from canary_core.observation import Observation
from canary_core.obstacle import Obstacle, Source
from canary_core.phases import EDGES, Phase
from canary_core.policy import (
    ABTest,
    BlueGreen,
    Bound,
    Check,
    CheckKind,
    Hook,
    HookType,
    Mirror,
    Policy,
    Progressive,
    SessionAffinity,
    Strategy,
    weights_by_step,
)
from canary_core.questions import (
    Answer,
    Answered,
    Approved,
    Ask,
    HookQuestion,
    MetricQuestion,
    Question,
    Refused,
    SourcesOnline,
    SourcesQuestion,
    Tell,
    Told,
    Unreachable,
)
from canary_core.record import Record
from canary_core.replay import Replayed, as_now, replay
from canary_core.requests import Reply, Request, Verb
from canary_core.rollout import Counts, KnownGood, Outcome, Rollout, Wait, Waiting
from canary_core.samples import Measurement, NoData, Sample, SourceError
from canary_core.split import shown_weight
from canary_core.standing import Standing, standing
from canary_core.traffic import Audience, Cookies, Traffic
from canary_core.verdict import Verdict, combine, judge
from canary_core.workload import Readiness, Trouble, Unready, Workload, readiness

__all__ = [
    "EDGES",
    "ABTest",
    "Answer",
    "Answered",
    "Answers",
    "Approved",
    "Ask",
    "Audience",
    "BlueGreen",
    "Bound",
    "CanaryCoreError",
    "Check",
    "CheckKind",
    "Cookies",
    "Counts",
    "Decision",
    "Desired",
    "DropFormer",
    "EnsurePrimary",
    "Forecast",
    "HoldPrimary",
    "Hook",
    "HookQuestion",
    "HookType",
    "IllegalTransitionError",
    "KnownGood",
    "Measurement",
    "MetricQuestion",
    "Mirror",
    "NoData",
    "Notice",
    "Observation",
    "Obstacle",
    "Outcome",
    "Phase",
    "Pods",
    "Policy",
    "PolicyError",
    "Progressive",
    "PromotePrimary",
    "Question",
    "Readiness",
    "Record",
    "Refused",
    "ReleaseObject",
    "ReleaseTraffic",
    "RemovePrimary",
    "Replayed",
    "Reply",
    "Request",
    "RestorePrimary",
    "Rollout",
    "Sample",
    "ScaleCanary",
    "ScalePrimary",
    "SessionAffinity",
    "SetTraffic",
    "Source",
    "SourceError",
    "SourcesOnline",
    "SourcesQuestion",
    "Stage",
    "Standing",
    "Step",
    "Strategy",
    "Tell",
    "Told",
    "Traffic",
    "Trouble",
    "Unreachable",
    "Unready",
    "Verb",
    "Verdict",
    "Wait",
    "Waiting",
    "Workload",
    "as_now",
    "as_recorded",
    "at_best",
    "at_worst",
    "combine",
    "desired",
    "difference",
    "forecast",
    "foreseen_splits",
    "judge",
    "kind_of_split",
    "notices",
    "readiness",
    "record",
    "replay",
    "shown_weight",
    "standing",
    "step",
    "weights_by_step",
]
