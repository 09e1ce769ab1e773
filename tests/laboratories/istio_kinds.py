"""Istio's own definitions of its kinds, which prune and refuse as a real installation does.

Those of the laboratory take any content. Only what istiod's webhook checks besides is missing here.
"""

from pathlib import Path
from typing import Any, Final

import yaml

__all__ = ["published", "published_as_text"]

_FILE: Final = Path(__file__).with_name("istio_definitions.yaml")


def published_as_text() -> str:
    """VirtualService and DestinationRule, as YAML documents for kubectl."""
    return _FILE.read_text()


def published() -> dict[str, Any]:
    """The same, by kind; a copy for each caller."""
    return {each["spec"]["names"]["kind"]: each for each in yaml.safe_load_all(published_as_text())}
