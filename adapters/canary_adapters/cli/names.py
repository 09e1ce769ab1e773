"""Names from the cluster and the kubeconfig for the completion of shells: quick, and silent if there are none."""

import os
import re
import threading
from collections.abc import Callable
from typing import Any, Final

import typer

__all__ = ["PATIENCE", "canary_names", "context_names", "namespace_names"]

PATIENCE: Final = "CANARY_COMPLETION_TIMEOUT"
"""Environment variable: for how many seconds names are looked for."""
_PATIENCE_S: Final = 2.0
_LONGEST: Final = 253
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]*")
_CONTEXT: Final = re.compile(r"[\w.@:/-]+")
"""What is completed to: shells run what else a server or a file may say."""


def canary_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of canaries in the namespace that was given."""
    return _matching(lambda: _canaries(ctx.params, whole=False), incomplete)


def namespace_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Namespaces in which there are canaries."""
    return _matching(lambda: _canaries(ctx.params, whole=True), incomplete)


def context_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Contexts of the kubeconfig."""
    return _matching(lambda: _contexts(ctx.params), incomplete, _CONTEXT)


def _matching(found: Callable[[], list[str]], incomplete: str, pattern: re.Pattern[str] = _NAME) -> list[str]:
    names = (each for each in _in_time(found) if len(each) <= _LONGEST and pattern.fullmatch(each))
    return sorted({each for each in names if each.startswith(incomplete)})


def _in_time(found: Callable[[], list[str]]) -> list[str]:
    """What is found within the time that a person waits for a completion."""
    names: list[str] = []

    def look() -> None:
        try:
            names.extend(found())
        except Exception:  # noqa: BLE001 - an error would be printed into the line that is being typed
            names.clear()

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(_patience_s())
    return [] if thread.is_alive() else names


def _patience_s() -> float:
    try:
        return max(0.0, min(60.0, float(os.environ.get(PATIENCE, ""))))
    except ValueError:
        return _PATIENCE_S


def _canaries(given: dict[str, Any], *, whole: bool) -> list[str]:
    from canary_adapters.cli.connection import connection, namespace_of
    from canary_adapters.kubernetes.api import Api
    from canary_adapters.kubernetes.resources import CANARIES

    kubeconfig, context = given.get("kubeconfig"), given.get("context") or ""
    api = Api(connection(kubeconfig, context=context), user_agent="canary", connections=1)
    namespace = None if whole else given.get("namespace") or namespace_of(kubeconfig, context)
    field = "namespace" if whole else "name"
    return [each["metadata"][field] for each in api.list(CANARIES, namespace).items]


def _contexts(given: dict[str, Any]) -> list[str]:
    from canary_adapters.cli.connection import contexts

    return contexts(given.get("kubeconfig"))
