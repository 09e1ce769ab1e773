"""Judging the canary: rollout hooks, then metrics, one verdict from all of them."""

from functools import lru_cache

from attrs import frozen

from canary_core.gates import Closed, ask_in_turn
from canary_core.notices import CheckNotPassed, HookNotPassed, Notice
from canary_core.policy import Check, HookType, Policy
from canary_core.questions import Answer, Ask, MetricQuestion
from canary_core.rollout import Counts
from canary_core.samples import Measurement, NoData, Sample, SourceError
from canary_core.situation import Situation
from canary_core.values import Value
from canary_core.verdict import Verdict, combine, judge

__all__ = ["Judgement", "analyse", "blame", "count", "exhausted"]


@frozen(kw_only=True, eq=False, repr=False)
class Judgement(Value):
    """What an analysis found."""

    verdict: Verdict
    findings: tuple[Notice, ...] = ()
    """One for each thing that did not pass."""


def analyse(at: Situation) -> Ask | Judgement:
    """Ask the rollout hooks in turn and, if they agree, all metrics at once; judge the answers."""
    gate = ask_in_turn(at, HookType.ROLLOUT)
    if isinstance(gate, Ask):
        return gate
    if isinstance(gate, Closed):
        return blame(gate)
    missing: list[MetricQuestion] = []
    verdict = Verdict.PASS
    findings: list[Notice] = []
    for check in at.policy.checks:
        question = _metric_question(check.id)
        answer = at.answer(question)
        if answer is None:
            missing.append(question)
            continue
        measurement = _measurement(answer)
        found = judge(check, measurement)
        if found is not Verdict.PASS:
            verdict = combine((verdict, found))
            findings.append(_finding(check, measurement, found))
    if missing:
        return Ask(questions=tuple(missing))
    return Judgement(verdict=verdict, findings=tuple(findings))


@lru_cache(maxsize=1024)
def _metric_question(check: str) -> MetricQuestion:
    """Questions are values: the same one serves every time."""
    return MetricQuestion(check=check)


def blame(gate: Closed) -> Judgement:
    """A hook that did not say yes, as a verdict: one that is down is an error, not a fault of the canary."""
    verdict = Verdict.ERROR if gate.unreachable else Verdict.FAIL
    finding = HookNotPassed(hook=gate.hook.id, type=gate.hook.type, unreachable=gate.unreachable, error=gate.message)
    return Judgement(verdict=verdict, findings=(finding,))


def _measurement(answer: Answer) -> Measurement:
    if isinstance(answer, Sample | NoData | SourceError):
        return answer
    return SourceError(message="the answer is not a measurement")


def _finding(check: Check, measurement: Measurement, verdict: Verdict) -> CheckNotPassed:
    return CheckNotPassed(
        check=check.id,
        kind=check.kind,
        verdict=verdict,
        value=measurement.value if isinstance(measurement, Sample) else None,
        bound=check.bound,
        samples=measurement.count if isinstance(measurement, Sample) else None,
        min_samples=check.min_samples,
        error=measurement.message if isinstance(measurement, SourceError) else "",
    )


def count(policy: Policy, counts: Counts, verdict: Verdict) -> Counts:
    """The counts after a verdict that was not a pass. What has no budget of its own counts as failed."""
    failed, no_data, errors = counts.failed, counts.no_data, counts.errors
    if verdict is Verdict.NO_DATA and policy.no_data_threshold is not None:
        no_data += 1
    elif verdict is Verdict.ERROR and policy.error_threshold is not None:
        errors += 1
    else:
        failed += 1
    return Counts(failed=failed, no_data=no_data, errors=errors)


def exhausted(policy: Policy, counts: Counts) -> tuple[Verdict, int, int] | None:
    """The first budget that is used up: which, how often, of how many. The one for faults comes first."""
    if counts.failed >= policy.threshold:
        return Verdict.FAIL, counts.failed, policy.threshold
    if policy.no_data_threshold is not None and counts.no_data >= policy.no_data_threshold:
        return Verdict.NO_DATA, counts.no_data, policy.no_data_threshold
    if policy.error_threshold is not None and counts.errors >= policy.error_threshold:
        return Verdict.ERROR, counts.errors, policy.error_threshold
    return None
