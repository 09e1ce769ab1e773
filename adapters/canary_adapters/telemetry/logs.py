"""Logs: one JSON object a line, on stderr.

No credential is in them: values with a name that says so are left out, and whatever is logged during a request, by us
or by a library, loses what that request sends (`canary_adapters.redaction`).
"""

import logging
import sys
import warnings
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from typing import Any, Final, TextIO

import structlog

from canary_adapters.plain_text import visible
from canary_adapters.redaction import STRUCK, is_secret_name, struck_by_current
from canary_core import Notice, Rollout
from canary_core.messages import Names, code, is_warning, message

__all__ = ["LogNotifier", "configure_logging"]

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
    "panic": logging.CRITICAL,
}
_ADDRESSES: Final = ("address", "url")
"""Parts of keys whose values are not written: addresses of webhooks and receivers often hold a secret."""


class _Unfailing:
    """A stream that loses lines rather than stop the work: the disk is full, or whoever read has gone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


def configure_logging(level: str, *, encoding: str = "json", stream: TextIO | None = None) -> None:
    """Set the process' logging up: ours, and that of libraries from warnings on.

    Args:
        level: debug, info, warn, error, fatal or panic; anything else is info.
        encoding: ``json``, or ``console`` for people.
        stream: Where to; stderr by default.
    """
    output: Any = _Unfailing(stream if stream is not None else sys.stderr)
    number = _LEVELS.get(level.lower(), logging.INFO)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.format_exc_info,
        _without_secrets,
        *([_plain] if encoding == "console" else ()),
        structlog.processors.EventRenamer("msg"),
    ]
    renderer: Any = (
        structlog.dev.ConsoleRenderer(event_key="msg", timestamp_key="ts")
        if encoding == "console"
        else structlog.processors.JSONRenderer(sort_keys=True, default=str)
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(output),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(output)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[_bare, renderer]))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.WARNING))
    # It warns of what it tries again with the path of the address, which is the secret of many a webhook.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    # It warns of each host whose certificate somebody has declared not to verify, and Python remembers all of them.
    warnings.filterwarnings("ignore", "Unverified HTTPS request")


def _bare(_: object, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    event.pop("_record", None)
    event.pop("_from_structlog", None)
    return event


def _without_secrets(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if is_secret_name(key) or any(part in key.lower() for part in _ADDRESSES):
            event[key] = STRUCK
        elif isinstance(value, str):
            event[key] = struck_by_current(value)
    return event


def _plain(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """For a terminal, which acts on control characters; JSON writes them as escapes. A traceback keeps its lines."""
    for key, value in event.items():
        if isinstance(value, str):
            lines = value.split("\n") if key == "exception" else [value]
            event[key] = "\n".join(map(visible, lines))
    return event


class LogNotifier:
    """One line for each notice: a `canary_ports.Notifier`."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._log = structlog.get_logger("canary.rollout").bind(canary=names.full_canary, namespace=names.namespace)

    def tell(self, notice: Notice, rollout: Rollout) -> None:
        """Write it."""
        write = self._log.warning if is_warning(notice) else self._log.info
        write(message(notice, self._names), reason=code(notice), phase=rollout.phase.value, revision=rollout.applied)
