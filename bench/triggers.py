"""The same chain of phases in well-known state machine libraries: a bare trigger each, with no logic behind it."""

from collections.abc import Callable
from typing import Any, Protocol

from automat import TypeMachineBuilder
from statemachine import State, StateMachine
from transitions import Machine

__all__ = ["BATCH", "TRIGGERS"]

PHASES = ("initialized", "progressing", "promoting", "finalising", "succeeded")
BATCH = 20
"""Triggers of one round: as long as a few steps of ours."""


def _transitions() -> Callable[[], int]:
    class Model:
        go: Callable[[], bool]

    model = Model()
    machine = Machine(model, states=list(PHASES), initial=PHASES[0], auto_transitions=False)
    for source, target in zip(PHASES, PHASES[1:] + PHASES[:1], strict=True):
        machine.add_transition("go", source, target)

    def work() -> int:
        for _ in range(BATCH):
            model.go()
        return BATCH

    return work


class _Chain(StateMachine):
    initialized = State(initial=True)
    progressing = State()
    promoting = State()
    finalising = State()
    succeeded = State()
    go = (
        initialized.to(progressing)
        | progressing.to(promoting)
        | promoting.to(finalising)
        | finalising.to(succeeded)
        | succeeded.to(initialized)
    )


def _statemachine() -> Callable[[], int]:
    chain: Any = _Chain()

    def work() -> int:
        for _ in range(BATCH):
            chain.go()
        return BATCH

    return work


class _Inputs(Protocol):
    def go(self) -> None: ...


def _automat() -> Callable[[], int]:
    builder = TypeMachineBuilder(_Inputs, dict)
    states = [builder.state(name) for name in PHASES]
    for source, target in zip(states, states[1:] + states[:1], strict=True):
        source.upon(_Inputs.go).to(target).returns(None)
    chain = builder.build()({})

    def work() -> int:
        for _ in range(BATCH):
            chain.go()
        return BATCH

    return work


TRIGGERS: dict[str, Callable[[], Callable[[], int]]] = {
    "transitions": _transitions,
    "python-statemachine": _statemachine,
    "Automat": _automat,
}
