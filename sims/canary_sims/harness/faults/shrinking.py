"""The shortest plan that still brings about what must not be."""

from collections.abc import Callable, Iterator

from attrs import evolve

from canary_sims.faults.plan import CallFault, Fault, Plan
from canary_sims.harness.faults.trial import Trial

__all__ = ["shrunk"]

Again = Callable[[Plan], Trial]


def shrunk(found: Trial, again: Again) -> Trial:
    """A trial with as few faults as will do, each as small as will do, that breaks what the first one did.

    Args:
        found: A trial that broke something.
        again: Plays the same story under another plan.
    """
    wanted = {_kind(each) for each in found.broken}
    best, improved = found, True
    while improved:
        improved = False
        for plan in _smaller(best.plan):
            trial = again(plan)
            if wanted & {_kind(each) for each in trial.broken}:
                best, improved = trial, True
                break
    return best


def _kind(broken: str) -> str:
    """What was broken, without its numbers."""
    return broken.split(":", maxsplit=1)[0]


def _smaller(plan: Plan) -> Iterator[Plan]:
    """Plans with less in them, the boldest first."""
    half = len(plan.faults) // 2
    if half > 1:
        yield evolve(plan, faults=plan.faults[half:])
        yield evolve(plan, faults=plan.faults[:half])
    for index in range(len(plan)):
        yield plan.without(index)
    for index, fault in enumerate(plan.faults):
        for smaller in _milder(fault):
            yield evolve(plan, faults=(*plan.faults[:index], smaller, *plan.faults[index + 1 :]))


def _milder(fault: Fault) -> Iterator[Fault]:
    if isinstance(fault, CallFault) and fault.depth > 1:
        yield evolve(fault, depth=1)
    for for_s in (5.0, 30.0, 90.0):
        if for_s < fault.for_s:
            yield evolve(fault, for_s=for_s)
