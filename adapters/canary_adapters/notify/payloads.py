"""Alerts in the forms that receivers take, in which texts are texts (`escaping`)."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Final, TypeAlias

from attrs import field, frozen

from canary_adapters.notify import escaping
from canary_core.messages import Severity

__all__ = ["Message", "Payload", "Receiver", "address_of", "payload_for"]

Field: TypeAlias = tuple[str, str]


@frozen(kw_only=True)
class Receiver:
    """Somebody who is told."""

    type: str
    """``slack``, ``msteams``, ``discord``, ``rocket``, ``gchat``, ``generic``, or what somebody else has added."""
    address: str = field(repr=False)
    token: str = field(default="", repr=False)
    channel: str = "general"
    username: str = "flagger"
    proxy: str = field(default="", repr=False)


@frozen(kw_only=True)
class Message:
    """An alert."""

    canary: str
    namespace: str
    severity: Severity
    text: str
    fields: Sequence[Field] = ()

    @property
    def author(self) -> str:
        """Whose alert it is."""
        return f"{self.canary}.{self.namespace}"


Escape: TypeAlias = Callable[[str], str]
Payload: TypeAlias = Callable[[Receiver, Message], dict[str, Any]]
_ICON: Final = "https://raw.githubusercontent.com/fluxcd/flagger/main/docs/logo/flagger-icon.png"


def _attachment(receiver: Receiver, message: Message, good: str, bad: str, escape: Escape) -> dict[str, Any]:
    return {
        "channel": receiver.channel,
        "username": receiver.username,
        "icon_url": "",
        "icon_emoji": ":rocket:",
        "attachments": [
            {
                "color": bad if message.severity is Severity.ERROR else good,
                "author_name": escape(message.author),
                "text": escape(message.text),
                "mrkdwn_in": ["text"],
                "fields": [
                    {"title": escape(name), "value": escape(value), "short": False} for name, value in message.fields
                ],
            }
        ],
    }


def _slack(receiver: Receiver, message: Message) -> dict[str, Any]:
    return _attachment(receiver, message, "good", "danger", escaping.entities)


def _discord(receiver: Receiver, message: Message) -> dict[str, Any]:
    """Slack's form, as far as Discord takes it, and its own word on mentions."""
    found = _attachment(receiver, message, "good", "danger", escaping.discord)
    return {**found, "allowed_mentions": {"parse": []}}


def _rocket(receiver: Receiver, message: Message) -> dict[str, Any]:
    return _attachment(receiver, message, "#0076D7", "#FF0000", escaping.rocket)


def _msteams(_: Receiver, message: Message) -> dict[str, Any]:
    escape = escaping.msteams
    return {
        "@type": "MessageCard",
        "@context": "http://schema.org/extensions",
        "themeColor": "FF0000" if message.severity is Severity.ERROR else "0076D7",
        "summary": escape(message.author),
        "sections": [
            {
                "activityTitle": escape(message.text),
                "activitySubtitle": escape(message.author),
                "facts": [{"name": escape(name), "value": escape(value)} for name, value in message.fields],
            }
        ],
    }


def _gchat(_: Receiver, message: Message) -> dict[str, Any]:
    texts = [message.text, *(f"{name}: {value}" for name, value in message.fields)]
    return {
        "cards": [
            {
                "header": {"title": "Flagger", "subtitle": escaping.plain(message.author), "imageUrl": _ICON},
                "sections": [{"widgets": [{"textParagraph": {"text": escaping.entities(text)}}]} for text in texts],
            }
        ]
    }


def _generic(_: Receiver, message: Message) -> dict[str, Any]:
    return {
        "canary": escaping.plain(message.canary),
        "namespace": escaping.plain(message.namespace),
        "severity": message.severity.value,
        "text": escaping.plain(message.text),
        "fields": {escaping.plain(name): escaping.plain(value) for name, value in message.fields},
    }


_PAYLOADS: Final[Mapping[str, Payload]] = {
    "slack": _slack,
    "discord": _discord,
    "rocket": _rocket,
    "msteams": _msteams,
    "gchat": _gchat,
    "generic": _generic,
}
GROUP: Final = "canary.alerts"
"""Entry points that add a kind of receiver: a function of receiver and message that returns JSON."""


@cache
def payload_for(kind: str) -> Payload | None:
    """How a kind of receiver wants its alerts. None: nobody knows the kind."""
    known = _PAYLOADS.get(kind)
    if known is not None:
        return known
    found = next(iter(entry_points(group=GROUP, name=kind)), None)
    loaded: Payload | None = found.load() if found is not None else None
    return loaded


def address_of(receiver: Receiver) -> str:
    """Discord takes Slack's form at an address of its own."""
    address = receiver.address
    if receiver.type == "discord" and not address.endswith("/slack"):
        return f"{address.rstrip('/')}/slack"
    return address
