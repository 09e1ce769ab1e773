"""What was declared, normalised: strategy, checks, hooks, thresholds and deadlines.

A policy holds what decisions depend on and nothing else. Addresses, queries and object names stay with the
adapters, which find them again by the ``id`` of a check or hook. Construction fails with `PolicyError`.
"""

import enum
import math
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias, assert_never

from attrs import Attribute, field, frozen

from canary_core.errors import PolicyError
from canary_core.values import Value

__all__ = [
    "ABTest",
    "BlueGreen",
    "Bound",
    "Check",
    "CheckKind",
    "Hook",
    "HookType",
    "Mirror",
    "Policy",
    "Progressive",
    "SessionAffinity",
    "Strategy",
    "weights_by_step",
]

_Validator: TypeAlias = "Callable[[Any, Attribute[Any], Any], None]"


def _integer(low: int, high: int | None = None) -> _Validator:
    """An int (a bool is none) from ``low`` to ``high``."""
    allowed = f"a whole number from {low} to {high}" if high is not None else f"a whole number of at least {low}"

    def check(_: Any, attribute: "Attribute[Any]", value: Any) -> None:
        if type(value) is not int or value < low or (high is not None and value > high):
            raise PolicyError(attribute.name, value, allowed)

    return check


def _seconds(low: float, *, above: bool = False) -> _Validator:
    """A finite number of seconds, at least (or above) ``low``."""
    allowed = f"a finite number of seconds {'above' if above else 'of at least'} {low:g}"

    def check(_: Any, attribute: "Attribute[Any]", value: Any) -> None:
        number = type(value) in (int, float) and math.isfinite(value)
        if not number or value < low or (above and value == low):
            raise PolicyError(attribute.name, value, allowed)

    return check


def _optional(inner: _Validator) -> _Validator:
    def check(instance: Any, attribute: "Attribute[Any]", value: Any) -> None:
        if value is not None:
            inner(instance, attribute, value)

    return check


def _text(_: Any, attribute: "Attribute[Any]", value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise PolicyError(attribute.name, value, "a text that is not empty")


def _weights(values: Iterable[int]) -> tuple[int, ...]:
    return tuple(values)


@frozen(kw_only=True, eq=False, repr=False)
class Mirror(Value):
    """Copies of the primary's requests go to the canary, whose answers are thrown away."""

    percent: int = field(default=100, validator=_integer(1, 100))
    """Share of requests that are copied, percent."""


@frozen(kw_only=True, eq=False, repr=False)
class Progressive(Value):
    """Traffic moves to the canary in steps of weight, each held for an interval and judged."""

    weights: tuple[int, ...] = field(converter=_weights)
    """Percent of requests for the canary at each step: 1-100, strictly rising. The last one is the maximum."""
    mirror: Mirror | None = None
    """If set, the first step mirrors traffic instead of shifting it."""
    matched: bool = False
    """The weights concern only requests that match the declared conditions; all others stay on the primary."""

    @weights.validator
    def _check_weights(self, attribute: "Attribute[Any]", value: tuple[int, ...]) -> None:
        if not value:
            raise PolicyError(attribute.name, value, "at least one weight")
        for index, weight in enumerate(value):
            if type(weight) is not int or not 1 <= weight <= 100:
                raise PolicyError(f"{attribute.name}[{index}]", weight, "a whole number from 1 to 100")
            if index and weight <= value[index - 1]:
                raise PolicyError(
                    f"{attribute.name}[{index}]", weight, f"above the weight before it ({value[index - 1]})"
                )


@frozen(kw_only=True, eq=False, repr=False)
class ABTest(Value):
    """Requests that match the declared conditions go to the canary, for a number of judged iterations."""

    iterations: int = field(validator=_integer(1))


@frozen(kw_only=True, eq=False, repr=False)
class BlueGreen(Value):
    """The canary is judged beside the primary for a number of iterations, then takes all traffic at once."""

    iterations: int = field(validator=_integer(1))
    mirror: Mirror | None = None
    """If set, traffic is mirrored to the canary during the iterations."""
    shift: bool = True
    """Whether all traffic goes to the canary, for one judged interval, before the promotion.
    False where no mesh can move it (provider ``kubernetes``)."""


Strategy: TypeAlias = Progressive | ABTest | BlueGreen


def weights_by_step(step: int, maximum: int = 100) -> tuple[int, ...]:
    """The ladder of ``stepWeight`` and ``maxWeight``: step, 2 step, ..., up to the first one >= maximum.

    A maximum that is no multiple of the step is overshot, as Flagger does (20 up to 50: 20, 40, 60), never
    beyond 100.

    Args:
        step: Percent added per step, 1-100.
        maximum: Percent at which the promotion starts, 1-100.

    Raises:
        PolicyError: A number is out of its range.
    """
    for name, value in (("step", step), ("maximum", maximum)):
        if type(value) is not int or not 1 <= value <= 100:
            raise PolicyError(name, value, "a whole number from 1 to 100")
    count = -(-maximum // step)
    return tuple(min(100, step * n) for n in range(1, count + 1))


@frozen(kw_only=True, eq=False, repr=False)
class SessionAffinity(Value):
    """A user who has reached the canary stays with it, by a cookie."""

    cookie_name: str = field(validator=_text)
    primary_cookie_name: str | None = field(default=None, validator=_optional(_text))
    """If set, users of the primary are kept there, too."""

    def __attrs_post_init__(self) -> None:
        if self.cookie_name == self.primary_cookie_name:
            raise PolicyError("primary_cookie_name", self.primary_cookie_name, "different from cookie_name")


class CheckKind(enum.Enum):
    """How the value of a check reads, in messages."""

    SUCCESS_RATE = "success-rate"
    """Percent of requests that were not answered with a server error."""
    DURATION = "duration"
    """Milliseconds."""
    VALUE = "value"
    """Whatever the query says."""


@frozen(kw_only=True, eq=False, repr=False)
class Bound(Value):
    """A closed range. None on a side means that this side is open."""

    minimum: float | None = None
    maximum: float | None = None

    def __attrs_post_init__(self) -> None:
        for name in ("minimum", "maximum"):
            value = getattr(self, name)
            if value is not None and (type(value) not in (int, float) or not math.isfinite(value)):
                raise PolicyError(name, value, "a finite number")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise PolicyError("minimum", self.minimum, f"at most the maximum ({self.maximum:g})")


@frozen(kw_only=True, eq=False, repr=False)
class Check(Value):
    """One metric and the range that it must keep to."""

    id: str = field(validator=_text)
    """Unique within the policy."""
    kind: CheckKind = CheckKind.VALUE
    bound: Bound = field(factory=Bound)
    window_s: float = field(default=60.0, validator=_seconds(0, above=True))
    """How far back the metric looks."""
    min_samples: int | None = field(default=None, validator=_optional(_integer(1)))
    """A value that rests on fewer samples than this counts as no data. None: any number will do."""


class HookType(enum.Enum):
    """When a hook is asked. The values are those of Flagger's ``webhooks[].type``."""

    __hash__ = object.__hash__  # members are single objects

    CONFIRM_ROLLOUT = "confirm-rollout"
    """Before the canary is scaled up; refused: the rollout waits."""
    PRE_ROLLOUT = "pre-rollout"
    """Before the canary gets its first traffic; refused: a failed check."""
    ROLLOUT = "rollout"
    """With each analysis, before the metrics; refused: a failed check."""
    CONFIRM_TRAFFIC_INCREASE = "confirm-traffic-increase"
    """Before each rise of the weight; refused: the weight stays."""
    CONFIRM_PROMOTION = "confirm-promotion"
    """Before the promotion; refused: the rollout waits."""
    POST_ROLLOUT = "post-rollout"
    """After the rollout has ended, either way; the answer is only reported."""
    ROLLBACK = "rollback"
    """With each analysis; approved: roll back now."""
    EVENT = "event"
    """Told of every notice, never asked."""


@frozen(kw_only=True, eq=False, repr=False)
class Hook(Value):
    """A question to somebody outside, asked at a certain point of the rollout."""

    id: str = field(validator=_text)
    """Unique within the policy."""
    type: HookType
    mute_alert: bool = False
    """No alert when this hook makes the rollout wait."""


def _unique(path: str, ids: list[str]) -> None:
    seen: set[str] = set()
    for index, identity in enumerate(ids):
        if identity in seen:
            raise PolicyError(f"{path}[{index}].id", identity, "unique")
        seen.add(identity)


@frozen(kw_only=True, eq=False, repr=False)
class Policy(Value):
    """Everything that was declared about a rollout and that decisions depend on."""

    strategy: Strategy
    interval_s: float = field(default=60.0, validator=_seconds(0, above=True))
    """Time between two analyses, and the shortest time that a weight is in force before it is judged."""
    threshold: int = field(default=1, validator=_integer(1))
    """So many failed checks, cumulative, roll back (at the analysis after the last of them)."""
    no_data_threshold: int | None = field(default=None, validator=_optional(_integer(1)))
    """Own budget for checks without data. None: they count as failed checks."""
    error_threshold: int | None = field(default=None, validator=_optional(_integer(1)))
    """Own budget for checks whose source did not answer. None: they count as failed checks."""
    promotion_step: int | None = field(default=None, validator=_optional(_integer(1, 100)))
    """Percent of traffic given back to the primary per interval while promoting. None: all at once."""
    session_affinity: SessionAffinity | None = None
    checks: tuple[Check, ...] = ()
    hooks: tuple[Hook, ...] = ()
    """In the order in which they are asked, within a type."""
    primary_ready_percent: int = field(default=100, validator=_integer(0, 100))
    """Share of the primary's updated pods that must be available."""
    canary_ready_percent: int = field(default=100, validator=_integer(0, 100))
    progress_deadline_s: float = field(default=600.0, validator=_seconds(0, above=True))
    """How long a workload may be waited for."""
    approval_deadline_s: float | None = field(default=None, validator=_optional(_seconds(0, above=True)))
    """How long a gate may stay closed before the rollout is rolled back. None: for ever, as with Flagger."""
    drain_s: float = field(default=0.0, validator=_seconds(0))
    """How long a workload must be seen without traffic before it is scaled down."""
    skip_analysis: bool = False
    suspend: bool = False
    revert_on_deletion: bool = False
    _hooks_of: Mapping[HookType, tuple[Hook, ...]] = field(init=False, eq=False, repr=False)

    @_hooks_of.default
    def _sort_hooks(self) -> Mapping[HookType, tuple[Hook, ...]]:
        kinds = {hook.type for hook in self.hooks}
        return MappingProxyType({kind: tuple(hook for hook in self.hooks if hook.type is kind) for kind in kinds})

    def __attrs_post_init__(self) -> None:
        _unique("checks", [check.id for check in self.checks])
        _unique("hooks", [hook.id for hook in self.hooks])

    def hooks_of(self, kind: HookType) -> tuple[Hook, ...]:
        """The hooks of one type, in the order in which they are asked."""
        return self._hooks_of.get(kind, ())

    @property
    def max_weight(self) -> int:
        """The largest share of traffic that the canary gets before the promotion, percent."""
        match self.strategy:
            case Progressive(weights=weights):
                return weights[-1]
            case ABTest():
                return 100
            case BlueGreen(shift=shift):
                return 100 if shift else 0
            case _:
                assert_never(self.strategy)
