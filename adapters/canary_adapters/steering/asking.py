"""A request, from the person who makes it to the machine's answer."""

import secrets
import time
from collections.abc import Callable
from typing import Final

from attrs import field, frozen

from canary_adapters.steering.desk import FAILED, NO_ANSWER, Desk, SteeringError, UnansweredError
from canary_adapters.steering.view import CanaryView
from canary_core import Phase, Reply, Request, Verb
from canary_core.replies import reply_text

__all__ = ["Answer", "Patience", "ask", "new_request"]

_FIRST_S: Final = 0.1
_LONGEST_S: Final = 1.0
"""Between two looks; at first shorter, as controllers answer at once."""


@frozen
class Patience:
    """For how long somebody waits, and how."""

    seconds: float
    now_s: Callable[[], float] = field(default=time.monotonic)
    sleep: Callable[[float], object] = field(default=time.sleep)


@frozen(kw_only=True)
class Answer:
    """What became of a request."""

    code: int
    """Exit code."""
    text: str
    """One line."""
    view: CanaryView
    """The canary when it was answered, or looked at last."""


def new_request(verb: Verb) -> Request:
    """A request that is not the same as any before, however often the same is asked for."""
    return Request(id=f"{verb.value}/{secrets.token_hex(6)}", verb=verb)


def ask(desk: Desk, namespace: str, name: str, request: Request, patience: Patience) -> Answer:
    """Write a request, and wait until the machine has answered.

    Args:
        desk: Reads and writes.
        namespace: Of the canary.
        name: Of the canary.
        request: With a verb; a new one for each call.
        patience: For the answer. Nothing is withdrawn when it ends.

    Raises:
        SteeringError: It could not be written, or the canary cannot be read any more.
    """
    obj = desk.canary(namespace, name)
    desk.write(obj, request)
    uid, end_s, pause_s = obj["metadata"]["uid"], patience.now_s() + patience.seconds, _FIRST_S
    view = CanaryView.of(obj)
    while True:
        try:
            found = desk.canary(namespace, name)
        except UnansweredError:
            found = None
        if found is not None:
            if found["metadata"]["uid"] != uid:
                raise SteeringError(f"canary {name} was deleted meanwhile")
            view = CanaryView.of(found)
            answer = _answer(view, request)
            if answer is not None:
                return answer
        left_s = end_s - patience.now_s()
        if left_s <= 0:
            return _unanswered(view, request, patience.seconds)
        patience.sleep(min(pause_s, left_s))
        pause_s = min(_LONGEST_S, pause_s * 1.5)


def _answer(view: CanaryView, request: Request) -> Answer | None:
    """None: there is none yet."""
    asked, what = view.asked, _what(view, request)
    if asked is None or asked.id != request.id:
        other = f"{asked.text} stands there now" if asked is not None else "the annotation was removed"
        return Answer(code=FAILED, text=f"{what} replaced: {other}; see `canary status {view.name}`", view=view)
    if not asked.answered:
        return None
    if asked.reply is None:
        text = f"{what} seen, but this controller does not write its answer: see `canary status {view.name}`"
        return Answer(code=NO_ANSWER, text=text, view=view)
    if asked.reply is Reply.ACCEPTED:
        return Answer(code=0, text=f"{what} accepted (phase {view.phase})", view=view)
    try:
        phase = Phase(view.phase)
    except ValueError:  # of another release
        return Answer(code=FAILED, text=f"{what} refused in phase {view.phase}", view=view)
    why = reply_text(asked.reply, request.verb, phase)
    if asked.reply is Reply.OBSTRUCTED and view.message:
        why = f"{why}: {view.reason}: {view.message}"
    return Answer(code=FAILED, text=f"{what} refused: {why}", view=view)


def _unanswered(view: CanaryView, request: Request, seconds: float) -> Answer:
    if view.is_deleting:
        why = "the Canary is being deleted"
    elif view.is_suspended:
        why = "the Canary is suspended (spec.suspend), so nothing is done before it is resumed there"
    elif not view.phase:
        why = "no controller has written a status: does one run, and serve this namespace?"
    else:
        why = "does the controller run? It may be busy with a webhook, or with the end of a rollout"
    text = f"{_what(view, request)} not answered after {seconds:g} s: {why}. The request stays"
    return Answer(code=NO_ANSWER, text=text, view=view)


def _what(view: CanaryView, request: Request) -> str:
    return f"{view.full}: {request.verb.value if request.verb is not None else 'request'}"
