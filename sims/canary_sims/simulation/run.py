"""The simulation itself: tick after tick of the real driver, until nothing is left to happen."""

from typing import Final

from canary_adapters.manifests.mistakes import Mistake, shown
from canary_core import (
    Measurement,
    MetricQuestion,
    NoData,
    Notice,
    Outcome,
    Phase,
    Policy,
    Rollout,
    Sample,
    SourceError,
    judge,
)
from canary_core.messages import Names
from canary_core.split import shown_weight
from canary_ports import Tick, tick
from canary_sims.scenario import HEALTHY, AnswerHook, Declare, Scenario, ScenarioError
from canary_sims.simulation.records import Ending, Happened, Measured, Pods, Result, Run, TickRecord
from canary_sims.simulation.stage import Stage
from canary_sims.world import Deployment, World

__all__ = ["simulate"]

MAX_TICKS: Final = 20_000
"""A guard against a scenario that never lets a rollout rest."""
PATIENCE: Final = 60
"""So many intervals without any move, at least, before a simulation gives up."""

DEFAULT_NAMES: Final = Names(canary="app", namespace="default", target="app")


def simulate(policy: Policy, scenario: Scenario = HEALTHY, *, seed: int = 0, names: Names = DEFAULT_NAMES) -> Run:
    """Simulate a service under a policy while a scenario happens to it.

    There is a tick at time 0 and then one per analysis interval, as with Flagger, or sooner where the machine asks for
    it. It ends when the rollout has come to rest and nothing is left to happen, or when nothing moves any more.

    Args:
        policy: What decides.
        scenario: What happens. By default a healthy new revision is declared right after the first tick.
        seed: Of the noise in what is measured. The same seed gives the same run, everywhere.
        names: How the objects are called; they stand in messages only.

    Raises:
        ScenarioError: The scenario speaks of a hook that the policy does not have.
    """
    _check_hooks(policy, scenario)
    stage = Stage.of(policy, scenario, seed)
    ticks = _ticks(stage)
    return Run(
        policy=policy,
        scenario=scenario,
        names=names,
        seed=seed,
        ticks=ticks,
        ending=_ending(stage, scenario, ticks),
    )


def _check_hooks(policy: Policy, scenario: Scenario) -> None:
    hooks = [hook.id for hook in policy.hooks]
    allowed = "must be one of " + ", ".join(hooks) if hooks else "this canary has no webhooks"
    mistakes = [
        Mistake(file=scenario.source, path=f"events[{index}].hook.name", value=shown(event.what.name), allowed=allowed)
        for index, event in enumerate(scenario.events)
        if isinstance(event.what, AnswerHook) and event.what.name not in hooks
    ]
    if mistakes:
        raise ScenarioError(mistakes)


# -- Ticks ----------------------------------------------------------------------------------------------------------


def _ticks(stage: Stage) -> tuple[TickRecord, ...]:
    world = stage.world
    ports = world.ports()
    ticks: list[TickRecord] = []
    happened: list[Happened] = []
    moved_s = world.now_s
    while True:
        before, told = world.rollout, len(world.told)
        result = tick(ports)
        notices = tuple(each.notice for each in world.told[told:])
        record = _record(world, before, result, notices, tuple(happened))
        ticks.append(record)
        if stage.left or _has_moved(before, record.rollout):
            moved_s = world.now_s
        if _is_over(stage, result) or world.now_s - moved_s > _patience_s(world.policy) or len(ticks) >= MAX_TICKS:
            return tuple(ticks)
        happened = stage.advance(_next_s(world.now_s, world.policy, result))


def _has_moved(before: Rollout, after: Rollout) -> bool:
    """Whether anything but a wait has changed."""
    return _essence(before) != _essence(after)


def _essence(rollout: Rollout) -> tuple[object, ...]:
    return (rollout.phase, rollout.traffic, rollout.iterations, rollout.counts, rollout.applied, rollout.request)


def _patience_s(policy: Policy) -> float:
    """Longer than any wait that ends by itself."""
    return PATIENCE * policy.interval_s + 2 * policy.progress_deadline_s + (policy.approval_deadline_s or 0.0)


def _is_over(stage: Stage, result: Tick) -> bool:
    return not stage.left and result.rollout.settled and result.next_s is None


def _next_s(now_s: float, policy: Policy, result: Tick) -> float:
    """One interval later, or sooner if the machine wants to be called."""
    later = now_s + policy.interval_s
    return later if result.next_s is None or result.next_s <= now_s else min(later, result.next_s)


# -- Records --------------------------------------------------------------------------------------------------------


def _record(
    world: World, before: Rollout, result: Tick, notices: tuple[Notice, ...], happened: tuple[Happened, ...]
) -> TickRecord:
    primary, target = world.primary, world.target
    return TickRecord(
        time_s=world.now_s,
        rollout=result.rollout,
        weight=shown_weight(world.policy, result.rollout),
        traffic=world.traffic,
        primary=_pods(primary, world.now_s),
        canary=_pods(target, world.now_s),
        measured=_measured(world.policy, result),
        reason=_reason(before, result),
        notices=notices,
        happened=happened,
    )


def _pods(workload: Deployment | None, now_s: float) -> Pods:
    if workload is None:
        return Pods()
    seen = workload.observe(now_s, workload.version.revision)
    return Pods(revision=seen.revision, wanted=seen.replicas, ready=seen.available)


def _measured(policy: Policy, result: Tick) -> tuple[Measured, ...]:
    """The last answer of each check."""
    found: dict[str, Measurement] = {}
    for answered in result.answers:
        question, answer = answered.question, answered.answer
        if isinstance(question, MetricQuestion) and isinstance(answer, Sample | NoData | SourceError):
            found[question.check] = answer
    return tuple(
        Measured(check=check, measurement=found[check.id], verdict=judge(check, found[check.id]))
        for check in policy.checks
        if check.id in found
    )


def _reason(before: Rollout, result: Tick) -> Notice:
    """Of the passes of a tick, why the last one that moved anything did so; if none did, why not."""
    reason = result.reason
    for step in result.steps:
        if _has_moved(before, step.rollout):
            reason = step.reason
        before = step.rollout
    return reason


# -- The end --------------------------------------------------------------------------------------------------------


def _ending(stage: Stage, scenario: Scenario, ticks: tuple[TickRecord, ...]) -> Ending:
    last = ticks[-1]
    result = Result.UNFINISHED if stage.left else _result(last)
    declared = [event.at_s for event in scenario.events if isinstance(event.what, Declare)]
    return Ending(
        result=result,
        cause=last.rollout.outcome,
        phase=last.phase,
        begun_s=min(declared, default=0.0),
        ended_s=last.time_s if result is Result.UNFINISHED else last.rollout.changed_s,
        served=stage.served(),
        failed_on_canary=stage.failed_on_canary,
        copied=stage.copied,
    )


def _result(last: TickRecord) -> Result:
    rollout = last.rollout
    if last.phase not in Phase.settled() or last.canary.revision != rollout.applied:
        return Result.UNFINISHED
    if last.phase is Phase.FAILED:
        failures = {
            Outcome.PROMOTION: Result.PROMOTION_FAILED,
            Outcome.INITIALIZATION: Result.INITIALIZATION_FAILED,
        }
        return failures.get(rollout.outcome or Outcome.CHECKS, Result.ROLLED_BACK)
    if last.phase is Phase.INITIALIZED:
        return Result.UNCHANGED
    return Result.WITHDRAWN if rollout.outcome is Outcome.WITHDRAWN else Result.PROMOTED
