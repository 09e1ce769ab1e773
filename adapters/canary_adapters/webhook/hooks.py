"""The webhooks of a canary: asked with Flagger's payload, told of its events."""

import hashlib
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog

from canary_adapters.background import Background
from canary_adapters.manifests import Canary, HookSource, hook_sources
from canary_adapters.manifests.durations import duration_s
from canary_adapters.plain_text import one_line
from canary_adapters.redaction import named_secrets
from canary_adapters.webhook.http import HttpPool, NoAnswerError
from canary_core import Approved, HookQuestion, Notice, Refused, Rollout, Unreachable
from canary_core.messages import Names, is_warning, message

__all__ = ["EventWebhook", "WebhookHooks"]

TIMEOUT_S: Final = 10.0
LONGEST_TOLD_S: Final = 60.0
"""Whoever is only told of something has no longer for it, whatever is declared: others wait for their turn."""
LONGEST_MESSAGE: Final = 1024
"""Characters of the text of an event, as in the cluster."""
_SERVER_ERROR: Final = 500
_log = structlog.get_logger("canary.webhook")


class WebhookHooks:
    """A `canary_ports.Hooks`."""

    def __init__(
        self,
        canary: Canary,
        *,
        names: Names,
        rollout: Callable[[], Rollout],
        pool: HttpPool,
        background: Background,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """Makes one for a tick.

        Args:
            canary: As it is declared now.
            names: For the texts of events.
            rollout: As it is stored now.
            pool: Connections.
            background: Sends events.
            now_s: Wall-clock time.
        """
        self._canary, self._names, self._rollout = canary, names, rollout
        self._pool, self._background, self._now_s = pool, background, now_s
        self._hooks = {source.id: source for source in hook_sources(canary)}

    def ask(self, question: HookQuestion) -> Approved | Refused | Unreachable:
        """Ask one hook; any status from 200 to 299 means yes."""
        source = self._hooks[question.hook]
        hook = source.webhook
        body = _payload(self._names, question.phase.value, question.revision, hook.metadata)
        try:
            answer = self._pool.post(
                hook.url,
                body,
                namespace=self._names.namespace,
                timeout_s=_timeout_s(source),
                retries=hook.retries,
                verify=not hook.disable_tls,
                secrets=named_secrets(hook.metadata),
                headers={"Idempotency-Key": _identity(self._canary, question)},
            )
        except NoAnswerError as error:
            return Unreachable(message=str(error))
        if answer.ok:
            return Approved()
        text = answer.text or f"status {answer.status}"
        return Unreachable(message=text) if answer.status >= _SERVER_ERROR else Refused(message=text)

    def tell(self, hook: str, notice: Notice) -> None:
        """Send an event, in the background."""
        source = self._hooks[hook]
        declared = source.webhook
        rollout, now_s = self._rollout(), self._now_s()

        def send() -> None:
            _send(
                self._pool,
                declared.url,
                # Only now: many may wait, and what was declared may be large.
                _event(self._names, rollout, notice, declared.metadata, now_s),
                namespace=self._names.namespace,
                timeout_s=min(_timeout_s(source), LONGEST_TOLD_S),
                retries=declared.retries,
                verify=not declared.disable_tls,
            )

        self._background.put(self._names.namespace, self._names.canary, send)


class EventWebhook:
    """Tells an address of the events of canaries that have no event hooks themselves: a `canary_ports.Notifier`."""

    def __init__(self, url: str, *, names: Names, pool: HttpPool, background: Background) -> None:
        """Makes one for a tick.

        Args:
            url: Where to.
            names: For the texts.
            pool: Connections.
            background: Sends them.
        """
        self._url, self._names, self._pool, self._background = url, names, pool, background

    def tell(self, notice: Notice, rollout: Rollout) -> None:
        """Send an event, in the background."""
        body = _event(self._names, rollout, notice, None, time.time())
        self._background.put(
            self._names.namespace,
            self._names.canary,
            lambda: _send(self._pool, self._url, body, namespace=self._names.namespace, timeout_s=TIMEOUT_S),
        )


def _send(pool: HttpPool, url: str, body: object, **how: Any) -> None:
    try:
        answer = pool.post(url, body, **how)
    except NoAnswerError as error:
        _log.warning("an event was not received", error=str(error))
        return
    if not answer.ok:
        _log.warning("an event was not accepted", status=answer.status)


def _payload(names: Names, phase: str, revision: str | None, metadata: Mapping[str, str] | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": names.canary,
        "namespace": names.namespace,
        "phase": phase,
        "checksum": revision or "",
    }
    return {**found, "metadata": dict(metadata)} if metadata else found


def _event(
    names: Names, rollout: Rollout, notice: Notice, metadata: Mapping[str, str] | None, now_s: float
) -> dict[str, Any]:
    said = {
        "eventMessage": one_line(message(notice, names), LONGEST_MESSAGE),
        "eventType": "Warning" if is_warning(notice) else "Normal",
        "timestamp": str(int(now_s * 1000)),
    }
    return _payload(names, rollout.phase.value, rollout.applied, {**(metadata or {}), **said})


def _timeout_s(source: HookSource) -> float:
    return duration_s(source.webhook.timeout) or TIMEOUT_S


def _identity(canary: Canary, question: HookQuestion) -> str:
    """The same for a question that is asked again because its answer was lost."""
    text = f"{canary.metadata.uid}\n{question!r}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
