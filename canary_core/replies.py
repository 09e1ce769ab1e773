"""Replies in words: what a person who has asked for something is answered."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from canary_core.phases import Phase
from canary_core.requests import Reply, Verb

__all__ = ["reply_text"]

_REPLIES: Final[Mapping[Reply, str]] = MappingProxyType(
    {
        Reply.ACCEPTED: "accepted",
        Reply.NOT_UNDERSTOOD: "not understood",
        Reply.PAUSED: "the rollout is paused",
        Reply.NOT_PAUSED: "the rollout is not paused",
        Reply.PRIMARY_NOT_READY: "the primary is not ready, so there is nothing to roll back to",
        Reply.CHECKS_FAILED: "the revision has failed its checks",
        Reply.OBSTRUCTED: "something is in the way",
    }
)
_PHASES_OF: Final[Mapping[Verb, str]] = MappingProxyType(
    {
        Verb.PAUSE: "possible until the Canary is deleted",
        Verb.ABORT: "possible in Waiting, Progressing and WaitingPromotion",
        Verb.RETRY: "possible in Failed",
        Verb.PROMOTE: "possible in Waiting, Progressing and WaitingPromotion",
    }
)


def reply_text(reply: Reply, verb: Verb | None, phase: Phase) -> str:
    """What a person who has asked for something is answered, in a few words.

    Args:
        reply: The answer.
        verb: What was asked for.
        phase: The phase of the rollout when it was answered, or soon after.
    """
    if reply is Reply.WRONG_PHASE and verb is not None:
        return f"the phase is {phase.value}; {verb.value} is {_PHASES_OF.get(verb, 'not possible in it')}"
    return _REPLIES.get(reply, "not possible")
