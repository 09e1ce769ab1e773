"""Hypothesis strategies for everything that the machine takes.

Each makes valid values by construction and shrinks towards the healthy rollout: a short progressive policy without
frills, workloads that are ready, hooks that approve, checks that pass. Arguments pin a part; what is not pinned varies.
"""

from collections.abc import Sequence
from typing import Final

from attrs import evolve
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from canary_core import (
    ABTest,
    Answer,
    Answered,
    Approved,
    Ask,
    Audience,
    BlueGreen,
    Bound,
    Check,
    CheckKind,
    Cookies,
    Counts,
    Hook,
    HookQuestion,
    HookType,
    KnownGood,
    Measurement,
    MetricQuestion,
    Mirror,
    NoData,
    Observation,
    Outcome,
    Phase,
    Policy,
    Progressive,
    Question,
    Refused,
    Reply,
    Request,
    Rollout,
    Sample,
    SessionAffinity,
    SourceError,
    SourcesOnline,
    SourcesQuestion,
    Step,
    Strategy,
    Tell,
    Told,
    Traffic,
    Unreachable,
    Verb,
    Wait,
    Waiting,
    Workload,
    notices,
    step,
)
from canary_sims.world import Version

__all__ = [
    "REVISIONS",
    "answers",
    "bounds",
    "checks",
    "decided",
    "hooks",
    "measurements",
    "observations",
    "policies",
    "requests",
    "rollouts",
    "strategies",
    "traffics",
    "versions",
    "workloads",
]

REVISIONS: Final = ("v1:a", "v1:b", "v1:c", "v1:d")
"""Fingerprints that all strategies share, so that they often agree."""

_TIMES: Final = (0.0, 1.0, 30.0, 59.9, 60.0, 61.0, 120.0, 600.0, 3600.0)


def bounds() -> SearchStrategy[Bound]:
    """Closed, half-open and open ranges of finite numbers."""
    limits = st.none() | st.floats(-1e6, 1e6, allow_nan=False)
    return st.builds(_bound, limits, limits)


def _bound(one: float | None, other: float | None) -> Bound:
    if one is not None and other is not None and one > other:
        one, other = other, one
    return Bound(minimum=one, maximum=other)


def checks(*, identity: str = "check") -> SearchStrategy[Check]:
    """A check of any kind.

    Args:
        identity: Its ``id``.
    """
    return st.builds(
        Check,
        id=st.just(identity),
        kind=st.sampled_from(CheckKind),
        bound=bounds(),
        window_s=st.just(60.0),
        min_samples=st.none() | st.integers(1, 100),
    )


def hooks(*, kinds: Sequence[HookType] = tuple(HookType)) -> SearchStrategy[tuple[Hook, ...]]:
    """Hooks of some of these types, at most two of each, with ids that are unique.

    Args:
        kinds: Types to choose from.
    """
    if not kinds:
        return st.just(())
    chosen = st.lists(st.sampled_from(tuple(kinds)), max_size=4)
    return chosen.map(lambda found: tuple(Hook(id=f"{kind.value}-{n}", type=kind) for n, kind in enumerate(found)))


def strategies() -> SearchStrategy[Strategy]:
    """Progressive, A/B and blue/green, with their options; progressive first."""
    mirrors = st.none() | st.builds(Mirror, percent=st.integers(1, 100))
    weights = st.sets(st.integers(1, 100), min_size=1, max_size=4).map(lambda found: tuple(sorted(found)))
    progressive: SearchStrategy[Strategy] = st.builds(
        Progressive, weights=weights, mirror=mirrors, matched=st.booleans()
    )
    counts = st.integers(1, 4)
    ab_tests: SearchStrategy[Strategy] = st.builds(ABTest, iterations=counts)
    blue_greens: SearchStrategy[Strategy] = st.builds(
        BlueGreen, iterations=counts, mirror=mirrors, shift=st.just(value=True) | st.booleans()
    )
    return progressive | ab_tests | blue_greens


def policies(
    *,
    strategy: SearchStrategy[Strategy] | None = None,
    hook_kinds: Sequence[HookType] = tuple(HookType),
    suspend: bool | None = False,
) -> SearchStrategy[Policy]:
    """Policies with few, small numbers and intervals of a minute.

    Args:
        strategy: Strategies to choose from; None: any.
        hook_kinds: Types of hooks to choose from.
        suspend: None: either.
    """
    identities = st.integers(0, 3).flatmap(lambda n: st.tuples(*(checks(identity=f"check-{i}") for i in range(n))))
    budgets = st.none() | st.integers(1, 3)
    flags = st.booleans()
    return st.builds(
        Policy,
        strategy=strategies() if strategy is None else strategy,
        interval_s=st.just(60.0),
        threshold=st.integers(1, 3),
        no_data_threshold=budgets,
        error_threshold=budgets,
        promotion_step=st.none() | st.integers(20, 100),
        session_affinity=st.none() | st.just(SessionAffinity(cookie_name="c", primary_cookie_name="p")),
        checks=identities,
        hooks=hooks(kinds=hook_kinds),
        primary_ready_percent=st.just(100) | st.integers(0, 100),
        canary_ready_percent=st.just(100) | st.integers(0, 100),
        progress_deadline_s=st.sampled_from((600.0, 60.0, 1.0)),
        approval_deadline_s=st.none() | st.sampled_from((600.0, 60.0)),
        drain_s=st.sampled_from((0.0, 30.0, 90.0)),
        skip_analysis=flags,
        suspend=flags if suspend is None else st.just(suspend),
        revert_on_deletion=flags,
    )


def traffics() -> SearchStrategy[Traffic]:
    """Splits of all sorts, all to the primary first."""
    cookies = st.builds(Cookies, canary=_words(), primary=_words(), expired=_words())
    return st.builds(
        Traffic,
        canary_weight=st.integers(0, 100),
        mirrored=st.booleans(),
        audience=st.sampled_from(Audience),
        cookies=st.just(Cookies()) | cookies,
    )


def _words() -> SearchStrategy[str | None]:
    return st.none() | st.sampled_from(("one", "two"))


def workloads(*, revision: SearchStrategy[str | None] | None = None) -> SearchStrategy[Workload]:
    """Workloads as a status may tell of them, ready ones first.

    Args:
        revision: Fingerprints to choose from; None: those of `REVISIONS`, or unknown.
    """
    names: SearchStrategy[str | None] = st.sampled_from(REVISIONS) | st.none() if revision is None else revision
    ready = st.builds(
        Workload, revision=names, replicas=st.just(2), updated=st.just(2), total=st.just(2), available=st.just(2)
    )
    few = st.integers(0, 3)
    anyhow = st.builds(
        Workload,
        revision=names,
        replicas=few,
        updated=few,
        total=few,
        available=few,
        observed=st.just(value=True) | st.booleans(),
        stalled=st.booleans(),
        edited=st.booleans(),
        unavailable_since_s=st.none() | st.sampled_from(_TIMES),
        floor=st.none() | st.integers(1, 3),
        held=st.none() | st.integers(1, 3),
    )
    return ready | anyhow


def requests() -> SearchStrategy[Request]:
    """What a person may ask for, under one of two ids."""
    return st.builds(Request, id=st.sampled_from(("r1", "r2")), verb=st.sampled_from(Verb))


def measurements() -> SearchStrategy[Measurement]:
    """Values (infinite and NaN ones as well), no data, errors."""
    values = st.floats(allow_nan=True, allow_infinity=True)
    samples: SearchStrategy[Measurement] = st.builds(
        Sample, value=st.just(0.0) | values, count=st.none() | st.integers(0, 200)
    )
    silent: SearchStrategy[Measurement] = st.just(NoData())
    down: SearchStrategy[Measurement] = st.just(SourceError(message="down"))
    return samples | silent | down


def versions(*, error_rate: float | None = None) -> SearchStrategy[Version]:
    """Versions of an app, good and quick ones first.

    Args:
        error_rate: Share of failing requests, 0-1; None: varies.
    """
    rates = st.sampled_from((0.0, 0.05, 1.0)) if error_rate is None else st.just(error_rate)
    return st.builds(
        Version,
        revision=st.sampled_from(REVISIONS),
        error_rate=rates,
        latency_ms=st.sampled_from((20.0, 2000.0)),
        ready_after_s=st.sampled_from((5.0, 0.0, 90.0, None)),
    )


def rollouts(*, phase: SearchStrategy[Phase] | None = None) -> SearchStrategy[Rollout]:
    """Stored states of any sort, also such as no rollout would ever come to.

    Args:
        phase: Phases to choose from; None: any.
    """
    names = st.sampled_from(REVISIONS) | st.none()
    times = st.sampled_from(_TIMES)
    told = st.just(()) | st.just((notices.Initialized(),)) | st.just((notices.RolledBack(),))
    return st.builds(
        Rollout,
        phase=st.sampled_from(Phase) if phase is None else phase,
        traffic=st.just(Traffic()) | traffics(),
        iterations=st.integers(0, 5),
        counts=st.builds(Counts, failed=st.integers(0, 3), no_data=st.integers(0, 3), errors=st.integers(0, 3)),
        started=st.booleans(),
        attempt=st.integers(0, 2),
        applied=names,
        promoted=names,
        known_good=st.sampled_from(KnownGood),
        outcome=st.none() | st.sampled_from(Outcome),
        waiting=st.none() | st.builds(Waiting, on=st.sampled_from(Wait), since_s=times),
        since_s=times,
        changed_s=times,
        paused=st.booleans(),
        suspended=st.booleans(),
        skipped=st.booleans(),
        replicas=st.integers(0, 3),
        request=st.none() | st.sampled_from(("r1", "r2")),
        reply=st.none() | st.sampled_from(Reply),
        pending=told,
    )


def observations(*, deleting: bool | None = None, request: bool = True) -> SearchStrategy[Observation]:
    """What a driver may see, without answers yet.

    Args:
        deleting: None: either.
        request: Whether a person may ask for something.
    """
    return st.builds(
        Observation,
        now_s=st.sampled_from(_TIMES),
        canary=workloads() | st.none(),
        primary=workloads() | st.none(),
        routes=st.just(Traffic()) | traffics() | st.none(),
        request=st.none() | requests() if request else st.none(),
        deleting=st.booleans() if deleting is None else st.just(deleting),
    )


def answers(question: Question) -> SearchStrategy[Answer]:
    """Answers of the kinds that a question can get, the healthy one first.

    Args:
        question: What is asked.
    """
    down: SearchStrategy[Answer] = st.just(SourceError(message="down"))
    match question:
        case MetricQuestion():
            return measurements()
        case SourcesQuestion():
            return st.just(SourcesOnline()) | down
        case HookQuestion():
            return st.sampled_from((Approved(), Refused(message="no"), Unreachable(message="down")))
        case Tell():
            return st.just(Told())


@st.composite
def decided(draw: st.DrawFn, policy: Policy, rollout: Rollout, observation: Observation) -> tuple[Observation, Step]:
    """The step that the machine takes, with the answers that it was given for it.

    Args:
        draw: From Hypothesis.
        policy: What was declared.
        rollout: As stored.
        observation: Without answers.
    """
    answer = step(policy, rollout, observation)
    while isinstance(answer, Ask):
        found = tuple(Answered(question=question, answer=draw(answers(question))) for question in answer.questions)
        observation = evolve(observation, answers=observation.answers + found)
        answer = step(policy, rollout, observation)
    return observation, answer
