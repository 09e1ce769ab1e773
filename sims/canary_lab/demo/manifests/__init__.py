"""What the demo applies: the article's application and Canary, and the load tester of the examples."""

from importlib.resources import files
from typing import Any

import yaml

__all__ = ["application", "canary", "load_tester"]


def application() -> str:
    """Namespace, Deployment and Service."""
    return _text("application.yaml")


def load_tester() -> str:
    """The load tester, with its namespace and Service."""
    return _text("loadtester.yaml")


def canary(*, interval: str, window: str, deadline_s: int) -> str:
    """The article's Canary, in a hurry.

    Args:
        interval: Between two looks; the article's is a minute.
        window: Over which metrics are measured; the article's is a minute.
        deadline_s: For pods to get ready, seconds.
    """
    found: dict[str, Any] = yaml.safe_load(_text("canary.yaml"))
    found["spec"]["progressDeadlineSeconds"] = deadline_s
    found["spec"]["analysis"]["interval"] = interval
    for metric in found["spec"]["analysis"]["metrics"]:
        metric["interval"] = window
    return yaml.safe_dump(found, sort_keys=False)


def _text(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
