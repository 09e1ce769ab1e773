"""Asking hooks: which is legal when, in which order, and what follows from the answers."""

from functools import lru_cache

from attrs import frozen

from canary_core.notices import ApprovalAwaited, GateClosed, HookPassed, Notice
from canary_core.phases import Phase
from canary_core.policy import Hook, HookType
from canary_core.questions import Answer, Approved, Ask, HookQuestion, Refused, Unreachable
from canary_core.situation import Situation
from canary_core.values import Value

__all__ = [
    "Closed",
    "Open",
    "ask_in_turn",
    "awaited",
    "first_approval",
    "hook_question",
    "passed",
    "still_closed",
]


@frozen(kw_only=True, eq=False, repr=False)
class Open(Value):
    """All hooks said yes. Also the answer of no hooks at all."""

    hooks: tuple[Hook, ...] = ()


@frozen(kw_only=True, eq=False, repr=False)
class Closed(Value):
    """A hook did not say yes; those after it were not asked."""

    hook: Hook
    unreachable: bool
    message: str
    passed: tuple[Hook, ...] = ()


_OPEN = Open()


def hook_question(at: Situation, hook: Hook) -> HookQuestion:
    """The question with the identity that belongs to this phase, step and attempt."""
    rollout, canary = at.rollout, at.seen.canary
    revision = canary.revision if canary is not None else None
    step = rollout.iterations, rollout.traffic.mirrored, rollout.traffic.canary_weight
    return _hook_question(hook.id, rollout.phase, revision or "", step, rollout.attempt)


@lru_cache(maxsize=1024)
def _hook_question(hook: str, phase: Phase, revision: str, step: tuple[int, bool, int], attempt: int) -> HookQuestion:
    """Questions are values: the same one serves until it is answered."""
    iterations, mirrored, weight = step
    name = f"iteration {iterations}" if iterations else "mirror" if mirrored else f"weight {weight}"
    return HookQuestion(hook=hook, phase=phase, revision=revision, step=name, attempt=attempt)


def ask_in_turn(at: Situation, kind: HookType) -> Ask | Open | Closed:
    """Ask the hooks of a type one after the other, in the order of the policy; the first that is not for it ends it."""
    hooks = at.policy.hooks_of(kind)
    if not hooks:
        return _OPEN
    for index, hook in enumerate(hooks):
        question = hook_question(at, hook)
        answer = at.answer(question)
        if answer is None:
            return Ask(questions=(question,))
        if not isinstance(answer, Approved):
            unreachable = not isinstance(answer, Refused)
            return Closed(hook=hook, unreachable=unreachable, message=_message(answer), passed=hooks[:index])
    return Open(hooks=hooks)


def _message(answer: Answer) -> str:
    return answer.message if isinstance(answer, Refused | Unreachable) else ""


def first_approval(at: Situation, kind: HookType) -> Ask | Hook | None:
    """Ask all hooks of a type at once; the first (in the order of the policy) that is for it, or None."""
    hooks = at.policy.hooks_of(kind)
    if not hooks:
        return None
    approving: Hook | None = None
    missing: list[HookQuestion] = []
    for hook in hooks:
        question = hook_question(at, hook)
        answer = at.answer(question)
        if answer is None:
            missing.append(question)
        elif approving is None and isinstance(answer, Approved):
            approving = hook
    return Ask(questions=tuple(missing)) if missing else approving


def passed(gate: Open) -> tuple[Notice, ...]:
    """What to tell of hooks that said yes."""
    if gate is _OPEN:
        return ()
    return tuple(HookPassed(hook=hook.id, type=hook.type) for hook in gate.hooks)


def awaited(gate: Closed) -> ApprovalAwaited:
    """What to tell when a gate is found closed for the first time."""
    return ApprovalAwaited(hook=gate.hook.id, type=gate.hook.type, mute_alert=gate.hook.mute_alert)


def still_closed(gate: Closed) -> GateClosed:
    """Why nothing goes on while a gate stays closed."""
    return GateClosed(hook=gate.hook.id, type=gate.hook.type)
