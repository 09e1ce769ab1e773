"""What a request is about, from its method and path; and the log of requests that tests read."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping

from attrs import frozen


@frozen
class Info:
    """A request for a resource, or for another path."""

    verb: str
    """get, list, watch, create, update, patch, delete, deletecollection; for other paths the method."""
    path: str
    resource: str = ""
    """The plural; empty for a path that is no resource."""
    group: str = ""
    version: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    extra: tuple[str, ...] = ()
    """What follows the subresource."""

    @property
    def is_resource(self) -> bool:
        """Whether this is about objects."""
        return bool(self.resource)


_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "GET": "get", "HEAD": "get", "DELETE": "delete"}


def parse(method: str, path: str, query: Mapping[str, str]) -> Info:
    """What a request is about."""
    plain = Info(method.lower(), path)
    parts = [p for p in path.split("/") if p]
    if parts[:1] == ["api"] and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return plain
    watch = rest[0] == "watch" and len(rest) > 1
    rest = rest[1:] if watch else rest
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    name, subresource = [*rest, "", ""][1:3]
    verb = _VERBS.get(method, method.lower())
    if verb == "get" and (watch or query.get("watch") in ("1", "true")):
        verb = "watch"
    elif not name:
        verb = {"get": "list", "delete": "deletecollection"}.get(verb, verb)
    return Info(verb, path, rest[0], group, version, namespace, name, subresource, tuple(rest[3:]))


@frozen
class Entry:
    """One request in the log."""

    verb: str
    group: str
    resource: str
    """With its subresource: deployments/scale. The path, if it is no resource."""
    namespace: str
    name: str
    agent: str
    """The User-Agent."""
    user: str
    code: int
    """That of the answer; 0 while it is being made."""
    dry_run: bool = False
    """Whether nothing was to be stored."""


class RequestLog:
    """The latest requests, oldest first. It may be read from any thread."""

    def __init__(self, size: int = 100_000) -> None:
        self._entries: deque[Entry] = deque(maxlen=size)

    def add(self, entry: Entry) -> None:
        """Notes a request that was answered, or a watch that began."""
        self._entries.append(entry)

    def clear(self) -> None:
        """Forgets all."""
        self._entries.clear()

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def matching(self, **wanted: str) -> list[Entry]:
        """The entries with these values; `agent` may be a part of the User-Agent."""
        return [e for e in self if all(_agrees(e, k, v) for k, v in wanted.items())]

    def count(self, **wanted: str) -> int:
        """How many entries have these values."""
        return len(self.matching(**wanted))

    def by_verb(self, **wanted: str) -> Counter[tuple[str, str]]:
        """How often each verb was asked of each resource."""
        return Counter((e.verb, e.resource) for e in self.matching(**wanted))


def _agrees(entry: Entry, key: str, value: str) -> bool:
    found = str(getattr(entry, key))
    return value in found if key == "agent" else value == found
