"""The simulation itself: tick after tick of the real driver, until nothing is left to happen."""

from typing import Final

from attrs import evolve

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
from canary_ports import Tick
from canary_sims.scenario import HEALTHY, AnswerHook, Declare, Scenario, ScenarioError
from canary_sims.simulation.life import Life, Turn, has_moved
from canary_sims.simulation.records import Ending, Happened, Measured, Pods, Result, Run, TickRecord
from canary_sims.simulation.stage import Stage
from canary_sims.world import Deployment, World

__all__ = ["check_hooks", "simulate"]

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
    check_hooks(policy, scenario)
    stage = Stage.of(policy, scenario, seed)
    life = Life.of(stage, scenario.faults, watched=bool(scenario.faults))
    ticks = _ticks(life)
    return Run(
        policy=policy,
        scenario=scenario,
        names=names,
        seed=seed,
        ticks=ticks,
        ending=_ending(stage, scenario, ticks),
        broken=() if life.witness is None else tuple(life.witness.broken),
    )


def check_hooks(policy: Policy, scenario: Scenario) -> None:
    """Refuse a scenario that speaks of hooks that the policy does not have.

    Raises:
        ScenarioError: It does.
    """
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


def _ticks(life: Life) -> tuple[TickRecord, ...]:
    ticks: list[TickRecord] = []
    missed = Turn(tick=None, before=life.world.rollout, notices=(), happened=())
    for turn in life.turns():
        whole = _joined(missed, turn)
        if whole.tick is None:
            missed = whole
            continue
        ticks.append(_record(life.world, whole.before, whole.tick, whole.notices, whole.happened))
        missed = Turn(tick=None, before=life.world.rollout, notices=(), happened=())
    return tuple(ticks)


def _joined(missed: Turn, turn: Turn) -> Turn:
    """What wake-ups that came to nothing have brought about is told with the next one that does not."""
    return evolve(
        turn, before=missed.before, notices=missed.notices + turn.notices, happened=missed.happened + turn.happened
    )


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
        if has_moved(before, step.rollout):
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
    if last.phase is Phase.TERMINATED:
        return Result.DELETED
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
