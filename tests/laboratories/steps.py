"""Steps that Python takes, counted: the same on every machine, whatever else that machine does.

A step is one instruction of the interpreter. What a function in C does in one of them is not seen: the engine of `re`,
copies and searches of lists and texts. Patterns are looked at by `tests/tools/patterns.py`; for the rest ADR 0037 says
where it was looked for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

__all__ = ["steps_of"]


def steps_of(action: Callable[[], object]) -> int:
    """How many steps an action takes in this thread, in whatever code it calls."""
    count = 0

    def entered(frame: FrameType, _event: str, _: Any) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return within

    def within(_frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if event == "opcode":
            count += 1
        return within

    before = sys.gettrace()
    sys.settrace(entered)
    try:
        action()
    finally:
        sys.settrace(before)
    return count
