"""Alerts: texts are shown as they are, and nothing in them is taken for a mention, a link or markup."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary_adapters.notify import Message, Receiver
from canary_adapters.notify.escaping import LONGEST
from canary_adapters.notify.payloads import payload_for
from canary_adapters.plain_text import one_line
from canary_core.messages import Severity

KINDS = ["slack", "discord", "rocket", "msteams", "gchat", "generic"]
WIDTHLESS = "\u200b"


def _payload(kind: str, text: str, fields: tuple[tuple[str, str], ...] = ()) -> dict[str, Any]:
    make = payload_for(kind)
    assert make is not None
    message = Message(canary="app", namespace="here", severity=Severity.ERROR, text=text, fields=fields)
    found: dict[str, Any] = json.loads(json.dumps(make(Receiver(type=kind, address="http://x"), message)))
    return found


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for part in value.values() for text in _texts(part)]
    return [text for part in value for text in _texts(part)] if isinstance(value, list) else [str(value)]


def _shown(kind: str, text: str) -> str:
    """What a reader sees, by the rules of the receiver."""
    if kind in {"msteams", "discord"}:
        text = re.sub(r"\\([\\`*_\[\]~|#+\->])", r"\1", text)
    if kind in {"slack", "gchat", "msteams"}:
        text = html.unescape(text)
    return text.replace(WIDTHLESS, "") if kind in {"discord", "rocket"} else text


@given(
    st.sampled_from(KINDS),
    st.text(max_size=40) | st.text("<>&@!*_`~[]()|#-+\\\n\x1b\u202e ax:/", max_size=40),
    st.dictionaries(st.sampled_from(["Cluster", "Target", "<Routing>"]), st.text(max_size=5), max_size=3),
)
def test_any_text_is_shown_as_it_is_on_one_line(kind: str, text: str, fields: dict[str, str]) -> None:
    texts = [_shown(kind, each) for each in _texts(_payload(kind, text, tuple(fields.items())))]
    assert one_line(text, LONGEST) in texts
    for value in fields.values():
        plain = one_line(value, LONGEST)
        assert any(plain in each for each in texts)
    assert not any("\x1b" in each or "\n" in each or "\u202e" in each for each in texts)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "text",
    [
        "New revision detected, progressing canary analysis.",
        "Progress deadline exceeded app-primary.here not ready: waiting for rollout to finish: 1 of 2 are available",
        "Rolling back app.here not approved within 3600s",
        "Weight steps: 1,2,10,80 max: 80",
        "Deployment/app.here",
    ],
)
def test_our_own_texts_are_sent_as_flagger_sends_them(kind: str, text: str) -> None:
    assert text in _texts(_payload(kind, text))
    assert any(text in each for each in _texts(_payload(kind, "x", (("Target", text),))))


ATTACKS = [
    "<!channel> <!here> <!everyone> <@U024BE7LH> <!subteam^SAZ94GDB8>",
    "<https://evil.test|the release notes>",
    "@everyone @here @all <@&1234> <#99>",
    "[the release notes](https://evil.test) ![x](https://evil.test/x.png)",
    "<a href='https://evil.test'>notes</a><img src=https://evil.test/x><users/all><at>all</at>",
    "# heading **bold** `code` ~~gone~~ ||hidden|| > quote",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_slack_takes_nothing_for_a_mention_or_a_link(attack: str) -> None:
    """https://docs.slack.dev/messaging/formatting-message-text/: both stand between angle brackets."""
    for text in _texts(_payload("slack", attack, ((attack, attack),))):
        assert not set("<>") & set(text)
        assert re.fullmatch(r"[^&]*(&(amp|lt|gt);[^&]*)*", text)


@pytest.mark.parametrize("attack", ATTACKS)
def test_discord_takes_nothing_for_a_mention_or_markup(attack: str) -> None:
    payload = _payload("discord", attack, ((attack, attack),))
    assert payload["allowed_mentions"] == {"parse": []}
    for text in _texts(payload["attachments"]):
        assert not re.search(r"@[a-z&!0-9]|<[^\u200b]", text)
        assert not re.search(r"(?<!\\)[`*_\[\]~|]", text.replace("\\\\", ""))
        assert text[:1] not in set("#+->") or text == ""


@pytest.mark.parametrize("attack", ATTACKS)
def test_rocket_takes_nothing_for_a_mention_or_a_link(attack: str) -> None:
    for text in _texts(_payload("rocket", attack, ((attack, attack),))):
        assert not re.search(r"@\w|<[^\u200b]|\]\(", text)


@pytest.mark.parametrize("attack", ATTACKS)
def test_teams_takes_nothing_for_html_or_markdown(attack: str) -> None:
    for text in _texts(_payload("msteams", attack, ((attack, attack),))):
        assert not set("<>") & set(text)
        assert not re.search(r"(?<!\\)[`*_\[\]~|]", text.replace("\\\\", ""))
        assert not text.startswith(("# ", "- ", "+ "))


@pytest.mark.parametrize("attack", ATTACKS)
def test_google_chat_takes_nothing_for_html(attack: str) -> None:
    payload = _payload("gchat", attack, ((attack, attack),))
    for text in _texts(payload["cards"][0]["sections"]):
        assert not set("<>") & set(text)


@pytest.mark.parametrize("kind", KINDS)
def test_texts_are_bounded(kind: str) -> None:
    longest = max(len(_shown(kind, text)) for text in _texts(_payload(kind, "x&" * 10_000, (("a", "<" * 10_000),))))
    assert longest <= LONGEST + len("a: ")
