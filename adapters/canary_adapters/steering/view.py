"""A Canary as people look at it: plain text and numbers, whatever stands in the object."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from attrs import frozen

from canary_adapters.kubernetes.resources import Obj
from canary_adapters.kubernetes.store.annotation import read_request
from canary_adapters.kubernetes.store.conditions import PROMOTED
from canary_adapters.kubernetes.store.memory import as_meant
from canary_adapters.kubernetes.store.record import KEY, read_record
from canary_adapters.kubernetes.store.records import read_rollout
from canary_adapters.plain_text import one_line
from canary_core import Outcome, Phase, Record, Reply, Rollout, Verb, Wait
from canary_ports import RefusedError

__all__ = ["Asked", "CanaryView", "age", "clock", "moment_s", "recorded", "remembered"]

_LONGEST_NAME: Final = 253
_LONGEST: Final = 4096
_WAITS: Final[Mapping[Wait, str]] = {
    Wait.TARGET: "the target to exist",
    Wait.PRIMARY: "the primary to be ready",
    Wait.CANARY: "the canary to be ready",
    Wait.APPROVAL: "approval",
    Wait.LOST: "a workload that cannot serve its traffic at present",
    Wait.ROUTES: "the routes to be in force",
}
_PHASES: Final[Mapping[str, str]] = {
    "": "a controller: nobody has written a status yet",
    Phase.INITIALIZING.value: "the primary to be ready",
    Phase.INITIALIZED.value: "a new revision",
    Phase.WAITING.value: "a confirm-rollout gate to open",
    Phase.PROGRESSING.value: "the next analysis",
    Phase.WAITING_PROMOTION.value: "a confirm-promotion gate to open",
    Phase.PROMOTING.value: "the primary to be ready with the new revision",
    Phase.FINALISING.value: "the canary to be scaled to zero",
    Phase.SUCCEEDED.value: "a new revision",
    Phase.FAILED.value: "a new revision, or a retry",
    Phase.TERMINATING.value: "the target to be ready and the routes to be given back",
}


@frozen(kw_only=True)
class Asked:
    """The request that stands in the annotation."""

    text: str
    """As it was written, for people."""
    id: str
    verb: Verb | None
    """None: nobody knows what is asked for."""
    answered: bool
    """Whether the controller has dealt with it."""
    reply: Reply | None
    """What was answered. None: nothing yet, or by a controller that does not write answers."""


@frozen(kw_only=True)
class CanaryView:
    """What is shown of a Canary. All texts are on one line, without characters that a terminal would act upon."""

    namespace: str
    name: str
    uid: str
    generation: int
    observed_generation: int | None
    target_kind: str
    target: str
    provider: str
    """Empty: that of the controller."""
    phase: str
    """Empty: there is no status yet."""
    weight: int
    """Share of the canary, percent."""
    failed: int
    threshold: int | None
    applied: str
    """Fingerprint of the revision that was last acted upon."""
    promoted: str
    """Fingerprint of the revision that the primary runs."""
    outcome: Outcome | None
    """How the last rollout ended. None: it goes on, or nobody knows."""
    reason: str
    message: str
    since_s: float | None
    """When the phase changed last, seconds since the epoch."""
    created_s: float | None
    is_suspended: bool
    is_deleting: bool
    waits_for: str
    asked: Asked | None
    """None: nothing."""

    @classmethod
    def of(cls, obj: Obj) -> "CanaryView":
        """What an object shows; whatever is missing or of another kind is passed over."""
        metadata, spec = obj["metadata"], _mapping(obj.get("spec"))
        status = as_meant(_mapping(obj.get("status")))
        ref, analysis = _mapping(spec.get("targetRef")), _mapping(spec.get("analysis"))
        rollout, condition = _rollout(obj.get("status")), _condition(status)
        phase, suspended = _name(status.get("phase")), spec.get("suspend") is True
        return cls(
            namespace=_name(metadata["namespace"]),
            name=_name(metadata["name"]),
            uid=str(metadata["uid"]),
            generation=_number(metadata.get("generation")) or 0,
            observed_generation=_number(status.get("observedGeneration")),
            target_kind=_name(ref.get("kind")) or "Deployment",
            target=_name(ref.get("name")),
            provider=_name(spec.get("provider")),
            phase=phase,
            weight=max(0, min(100, _number(status.get("canaryWeight")) or 0)),
            failed=_number(status.get("failedChecks")) or 0,
            threshold=_number(analysis.get("threshold")),
            applied=_name(status.get("lastAppliedSpec")),
            promoted=_name(status.get("lastPromotedSpec")),
            outcome=rollout.outcome if rollout is not None else None,
            reason=_name(condition.get("reason")),
            message=one_line(str(condition.get("message") or ""), _LONGEST),
            since_s=moment_s(status.get("lastTransitionTime")),
            created_s=moment_s(metadata.get("creationTimestamp")),
            is_suspended=suspended,
            is_deleting=bool(metadata.get("deletionTimestamp")),
            waits_for=_waits_for(phase, rollout, suspended=suspended),
            asked=_asked(obj, rollout),
        )

    @property
    def full(self) -> str:
        """As kubectl names it."""
        return f"canary.flagger.app/{self.name}"

    @property
    def is_over(self) -> bool:
        """Whether no rollout is under way."""
        return self.phase in {phase.value for phase in Phase.settled()}


def recorded(status: object) -> Rollout | None:
    """The rollout that a status holds, whatever stands in it. None: it holds none.

    Raises:
        RefusedError: It was written by another release.
    """
    record = as_meant(_mapping(status)).get("rollout")
    return read_rollout(record) if isinstance(record, dict) and record else None


def remembered(status: object) -> Record:
    """What a status tells of what happened; nothing, if that cannot be read."""
    return read_record(as_meant(_mapping(status)).get(KEY))


def _rollout(status: object) -> Rollout | None:
    try:
        return recorded(status)
    except RefusedError:  # the fields beside it say enough
        return None


def _asked(obj: Obj, rollout: Rollout | None) -> Asked | None:
    request = read_request(obj)
    if request is None:
        return None
    answered = rollout is not None and rollout.request == request.id
    return Asked(
        text=one_line(request.id, _LONGEST_NAME),
        id=request.id,
        verb=request.verb,
        answered=answered,
        reply=rollout.reply if answered and rollout is not None else None,
    )


def _waits_for(phase: str, rollout: Rollout | None, *, suspended: bool) -> str:
    if suspended:
        return "spec.suspend to be false"
    if rollout is not None and rollout.paused:
        return "a request to resume"
    waiting = rollout.waiting if rollout is not None else None
    if waiting is None or waiting.on is Wait.APPROVAL:
        return _PHASES.get(phase, "")
    trouble = waiting.trouble
    told = f" ({one_line(f'{trouble.reason}: {trouble.message}', _LONGEST)})" if trouble is not None else ""
    return f"{_WAITS[waiting.on]}{told}"


def _condition(status: Mapping[str, Any]) -> Mapping[str, Any]:
    given = status.get("conditions")
    found = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
    return next((each for each in found if each.get("type") == PROMOTED), {})


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _name(value: object) -> str:
    return one_line(value, _LONGEST_NAME) if isinstance(value, str) else ""


def _number(value: object) -> int | None:
    """None: it is none."""
    return int(value) if isinstance(value, int | float) and abs(value) < 2**53 else None


def moment_s(value: object) -> float | None:
    """Seconds since the epoch of a time as Kubernetes writes it. None: it is none."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found.timestamp() if found is not None and found.tzinfo is not None else None


def clock(at_s: float) -> str:
    """A time of day, where this runs."""
    return datetime.fromtimestamp(at_s).astimezone().strftime("%H:%M:%S")


def age(seconds: float | None) -> str:
    """A duration in one or two units, as kubectl shows ages; ``-`` for none."""
    if seconds is None:
        return "-"
    whole = max(0, int(seconds))
    for unit, length, smaller in (("d", 86_400, "h"), ("h", 3_600, "m"), ("m", 60, "s")):
        if whole >= length:
            rest = (whole % length) // {"h": 3_600, "m": 60, "s": 1}[smaller]
            return f"{whole // length}{unit}{f'{rest}{smaller}' if rest and whole // length < 10 else ''}"
    return f"{whole}s"
