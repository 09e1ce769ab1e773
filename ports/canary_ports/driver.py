"""One tick: observe, decide, save, act, tell. The only loop there is around the machine.

The controller, the simulator and any embedding program use it. It decides nothing. Its order is what makes a crash
harmless: the new state is saved before anything is done, and what was saved but not done shows up as a difference in
the next tick's observation.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, Protocol, TypeAlias, assert_never

from attrs import evolve, frozen

from canary_core import (
    Answer,
    Answered,
    Decision,
    DropFormer,
    EnsurePrimary,
    HoldPrimary,
    HookQuestion,
    HookType,
    MetricQuestion,
    Notice,
    Observation,
    Obstacle,
    Policy,
    PromotePrimary,
    Question,
    ReleaseObject,
    ReleaseTraffic,
    RemovePrimary,
    RestorePrimary,
    Rollout,
    ScaleCanary,
    ScalePrimary,
    SetTraffic,
    Source,
    SourceError,
    SourcesQuestion,
    Step,
    Tell,
    Told,
    record,
    step,
)
from canary_core.record import Round
from canary_ports.clock import Clock
from canary_ports.errors import ConflictError, RefusedError
from canary_ports.hooks import Hooks
from canary_ports.metrics import MetricSource
from canary_ports.notifier import Notifier
from canary_ports.router import RouterPort
from canary_ports.store import RolloutStore, Stored
from canary_ports.workload import WorkloadPort, Workloads

__all__ = ["MAX_PASSES", "Attempt", "Gather", "Ports", "Tick", "tick"]

MAX_PASSES: Final = 12
"""Passes of one tick. The longest chain that the machine takes without waiting for anything is shorter."""
PROMPT_S: Final = 1.0
"""What takes no longer than this falsifies no measurement."""


class Gather(Protocol):
    """Apply a function to all items, in any order or at the same time, and return the results in order.

    The built-in `map` does it one after the other, ``ThreadPoolExecutor.map`` at the same time.
    """

    def __call__(self, function: Callable[[Question], Answer], items: Iterable[Question], /) -> Iterable[Answer]:
        """Do so."""
        ...


class Attempt(Protocol):
    """Carry out a decision by calling the function, or refuse it as before without trying."""

    def __call__(self, decision: Decision, act: Callable[[], None], /) -> None:
        """Do so.

        Raises:
            PortError: As the function raises; or `canary_ports.RefusedError` as it has raised before.
        """
        ...


def _nothing() -> tuple[Obstacle, ...]:
    return ()


def _at_once(_: Decision, act: Callable[[], None], /) -> None:
    act()


@frozen(kw_only=True)
class Ports:
    """The outside world of one rollout."""

    workload: WorkloadPort
    router: RouterPort
    metrics: MetricSource
    hooks: Hooks
    store: RolloutStore
    notifier: Notifier
    clock: Clock
    obstacles: Callable[[], tuple[Obstacle, ...]] = _nothing
    """What is not as it must be at present, the worst first: what adapters would have to refuse. Raises nothing."""
    attempt: Attempt = _at_once
    """How decisions are carried out: what was refused a moment ago need not be tried again each time."""


@frozen(kw_only=True)
class Tick:
    """What a tick came to."""

    rollout: Rollout
    """As it is stored now."""
    steps: tuple[Step, ...]
    """What was decided, pass by pass; at least one."""
    answers: tuple[Answered, ...]
    """What was asked for it."""
    next_s: float | None
    """When the next tick is due, if nothing changes before. None: only when something changes."""
    refused: tuple[Obstacle, ...] = ()
    """What ports have refused in it. All else was done; to try it again at once would be of no use."""
    rounds: tuple[Round, ...] = ()
    """What was recorded of it."""

    @property
    def reason(self) -> Notice:
        """Why it ended where it did."""
        return self.steps[-1].reason


def tick(ports: Ports, *, gather: Gather = map) -> Tick:
    """Carry one rollout on, as far as it goes without waiting.

    Args:
        ports: The outside.
        gather: How the questions of an `Ask` are answered: `map` asks one after the other.

    Raises:
        PortError: The outside failed. Nothing is lost: call again, after a pause.
    """
    steps: list[Step] = []
    asked: list[Answered] = []
    refused: tuple[Obstacle, ...] = ()
    rounds: list[Round] = []
    while True:
        stored = ports.store.load()
        policy = stored.policy
        seen = _observe(ports, stored, refused)
        decided, answers = _decide(ports, policy, stored.rollout, seen, gather)
        decided = _from_now(ports, decided, seen.now_s)
        version = stored.version
        if decided.rollout != stored.rollout:
            noted = record.after(stored.record, policy, stored.rollout, seen, answers, decided)
            version = ports.store.save(decided.rollout, version, noted)
            rounds += noted.rounds[-1:] if noted.rounds is not stored.record.rounds else ()
        elif decided.decisions and ports.store.load().version != version:
            raise ConflictError("somebody else has gone on from the state that was to be acted on")
        known = bool(refused)
        refused = refused or _carry_out(ports, decided.decisions)
        begun = _from_now(ports, decided, seen.now_s)
        if begun is not decided:
            ports.store.save(begun.rollout, version)
            decided = begun
        for notice in decided.notices:
            _tell(ports, policy, notice, decided.rollout)
        steps.append(decided)
        asked.extend(answers)
        again = decided.next_s is not None and decided.next_s <= seen.now_s
        unknown = bool(refused) and not known and decided.rollout.obstacle != refused[0]
        if unknown or (again and not refused and len(steps) < MAX_PASSES):
            continue  # what was refused is an observation: the machine takes note of it in a further pass
        next_s = decided.next_s if not refused else max(decided.next_s or 0.0, seen.now_s + policy.interval_s)
        return Tick(
            rollout=decided.rollout,
            steps=tuple(steps),
            answers=tuple(asked),
            next_s=next_s,
            refused=refused,
            rounds=tuple(rounds),
        )


def _observe(ports: Ports, stored: Stored, refused: tuple[Obstacle, ...]) -> Observation:
    workloads = ports.workload.observe()
    return Observation(
        now_s=ports.clock.now_s(),
        canary=workloads.canary,
        primary=workloads.primary,
        routes=ports.router.read(),
        request=stored.request,
        deleting=stored.deleting,
        redeclared=stored.redeclared,
        obstacles=(*ports.obstacles(), *refused),
        former=workloads.former,
        kept=ports.workload.kept() if _is_lost(workloads, stored.rollout) else frozenset(),
    )


def _is_lost(workloads: Workloads, rollout: Rollout) -> bool:
    """Whether there is no primary, and the target is not what it ran: then only what is kept of that can help."""
    canary = workloads.canary
    declared = canary.revision if canary is not None else None
    return workloads.primary is None and rollout.promoted not in {None, declared}


def _carry_out(ports: Ports, decisions: tuple[Decision, ...]) -> tuple[Obstacle, ...]:
    """Act, each decision for itself: what one port refuses keeps no other one from its work.

    Returns:
        What was refused.
    """
    refused = []
    for decision in decisions:
        try:
            ports.attempt(decision, partial(_act, ports, decision))
        except RefusedError as error:
            refused.append(error.as_obstacle(Source.ACTED))
    return tuple(refused)


def _from_now(ports: Ports, decided: Step, seen_s: float) -> Step:
    """Have a measurement that this pass begins begin only now, should much time have passed since it would.

    Questions may take long, and so may writes: what is to be measured is in force only after them.
    """
    begins_s = decided.rollout.since_s
    if not decided.decisions or begins_s < seen_s:
        return decided
    now_s = ports.clock.now_s()
    return decided if now_s - begins_s <= PROMPT_S else evolve(decided, rollout=decided.rollout.but(since_s=now_s))


def _decide(
    ports: Ports, policy: Policy, rollout: Rollout, seen: Observation, gather: Gather
) -> tuple[Step, tuple[Answered, ...]]:
    """Call the machine until it has all the answers that it needs."""

    def answer(question: Question) -> Answer:
        return _answer(ports, policy, rollout, question)

    while True:
        decided = step(policy, rollout, seen)
        if isinstance(decided, Step):
            return decided, seen.answers
        answers = gather(answer, decided.questions)
        found = tuple(Answered(question=q, answer=a) for q, a in zip(decided.questions, answers, strict=True))
        seen = evolve(seen, answers=seen.answers + found)


def _answer(ports: Ports, policy: Policy, rollout: Rollout, question: Question) -> Answer:
    match question:
        case MetricQuestion() | SourcesQuestion():
            return _measure(ports, question)
        case HookQuestion():
            return ports.hooks.ask(question)
        case Tell(notices=notices):
            for notice in notices:
                _tell(ports, policy, notice, rollout)
            return Told()
        case _:
            assert_never(question)


def _measure(ports: Ports, question: MetricQuestion | SourcesQuestion) -> Answer:
    """A check that cannot be asked as it is declared is one without an answer: it counts as an error."""
    try:
        return ports.metrics.measure(question) if isinstance(question, MetricQuestion) else ports.metrics.online()
    except RefusedError as error:
        return SourceError(message=error.message)


def _act(ports: Ports, decision: Decision) -> None:
    match decision:
        case SetTraffic(traffic=traffic):
            ports.router.ensure(traffic)
        case ReleaseTraffic():
            ports.router.release()
        case ReleaseObject():
            ports.store.release()
        case _:
            _act_on_workloads(ports.workload, decision)


_OfWorkloads: TypeAlias = (
    EnsurePrimary
    | PromotePrimary
    | RemovePrimary
    | RestorePrimary
    | ScalePrimary
    | HoldPrimary
    | ScaleCanary
    | DropFormer
)


def _act_on_workloads(workload: WorkloadPort, decision: _OfWorkloads) -> None:
    match decision:
        case EnsurePrimary(revision=revision, replicas=replicas):
            workload.ensure_primary(revision, replicas)
        case PromotePrimary(revision=revision, replicas=pods):
            workload.promote(revision, pods)
        case RemovePrimary():
            workload.remove_primary()
        case RestorePrimary(revision=revision):
            workload.restore_primary(revision)
        case ScalePrimary(replicas=replicas):
            workload.scale_primary(replicas)
        case HoldPrimary(replicas=fewest):
            workload.hold_primary(fewest)
        case ScaleCanary(replicas=replicas):
            workload.scale_canary(replicas)
        case DropFormer():
            workload.drop_former()
        case _:
            assert_never(decision)


def _tell(ports: Ports, policy: Policy, notice: Notice, rollout: Rollout) -> None:
    ports.notifier.tell(notice, rollout)
    for hook in policy.hooks_of(HookType.EVENT):
        ports.hooks.tell(hook.id, notice)
