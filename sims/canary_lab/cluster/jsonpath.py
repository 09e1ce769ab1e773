"""As much of JSONPath as printer columns use: names, indexes, *, and filters by equality."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

_STEP = re.compile(
    r"""\.?\[\?\(@(?P<filter>[^=!<>]+)==\s*(?P<want>"[^"]*"|'[^']*'|[^)\s]+)\s*\)\]   # [?(@.type=="Ready")]
      | \[(?P<index>-?\d+)\] | \[(?P<all>\*)\] | \['(?P<quoted>[^']*)'\]
      | \.(?P<name>(?:\\.|[^.\[\\])+)""",
    re.VERBOSE,
)


@lru_cache(maxsize=512)
def _steps(path: str) -> tuple[dict[str, str], ...]:
    path = path.strip().removeprefix("{").removesuffix("}")
    return tuple(_read(path if path.startswith((".", "[")) else f".{path}"))


def _read(path: str) -> Iterator[dict[str, str]]:
    """The steps, up to what is none."""
    position = 0
    while found := _STEP.match(path, position):
        yield {k: v for k, v in found.groupdict().items() if v is not None}
        position = found.end()


def find(obj: Any, path: str) -> list[Any]:
    """All values on a path, in order; none if it leads nowhere."""
    values = [obj]
    for step in _steps(path):
        values = [found for value in values for found in _take(value, step)]
    return values


def _take(value: Any, step: dict[str, str]) -> list[Any]:
    if "filter" in step:
        want = step["want"]
        wanted: Any = want[1:-1] if want[0] in "\"'" else json.loads(want)
        return [v for v in value if find(v, step["filter"].strip()) == [wanted]] if isinstance(value, list) else []
    if "index" in step:
        i = int(step["index"])
        return [value[i]] if isinstance(value, list) and -len(value) <= i < len(value) else []
    name = re.sub(r"\\(.)", r"\1", step["name"]) if "name" in step else step.get("quoted", "*")
    if "all" in step or name == "*":
        return list(value.values()) if isinstance(value, dict) else list(value) if isinstance(value, list) else []
    return [value[name]] if isinstance(value, dict) and name in value else []
