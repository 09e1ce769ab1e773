"""Request bodies: JSON or YAML into objects, with what the server says about those that it cannot take."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any

import yaml

from canary_lab.cluster import protobuf
from canary_lab.cluster.codec import DecodeError, Decoder, kind_of
from canary_lab.cluster.errors import ApiError, bad_request, invalid, invalid_error
from canary_lab.cluster.gotypes import types
from canary_lab.cluster.kinds import Strategies
from canary_lab.cluster.kinds.custom import CustomStrategy
from canary_lab.cluster.resources import Resource

Obj = dict[str, Any]
LIMIT = 3 * 1024 * 1024
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_MOST_VALUES = 1_000_000
"""Values of a YAML document, aliases followed."""
_DEEPEST = 150
"""Lists and objects within each other. Real servers take 10,000; Python has not so much room."""
JSON, YAML, PROTOBUF = "application/json", "application/yaml", "application/vnd.kubernetes.protobuf"
_ACCEPTED = "application/json, application/yaml, application/vnd.kubernetes.protobuf"


class _Loader(yaml.SafeLoader):
    """YAML 1.1 in which a date stays text and `y` is true, as Go's library reads it."""


_Loader.yaml_implicit_resolvers = {
    k: [r for r in v if r[0] != "tag:yaml.org,2002:timestamp"]
    for k, v in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_BOOLEANS = r"^(?:y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$"
for _letter in "yYnN":
    _Loader.yaml_implicit_resolvers[_letter] = [
        ("tag:yaml.org,2002:bool", re.compile(_BOOLEANS)),
        *(r for r in _Loader.yaml_implicit_resolvers.get(_letter, []) if r[0] != "tag:yaml.org,2002:bool"),
    ]
_Loader.bool_values = {**yaml.SafeLoader.bool_values, "y": True, "n": False}


class _Doubles(dict[str, Any]):
    """A JSON object that remembers which keys came twice."""

    doubles: tuple[str, ...] = ()


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [k for k, _ in pairs]
    if len(set(keys)) == len(keys):
        return dict(pairs)
    found = _Doubles(pairs)
    found.doubles = tuple(key for key, count in Counter(keys).items() if count > 1)
    return found


def _whole(text: str) -> int | float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"invalid number {text}")
    return int(number) if number.is_integer() else number


def parse_json(text: str) -> Any:
    """JSON; a whole number is an integer however it is written.

    Raises:
        ValueError: with the words of Go.
    """
    try:
        found = json.loads(text, object_pairs_hook=_pairs, parse_float=_whole, parse_constant=_whole)
    except RecursionError as e:
        raise ValueError("exceeded max depth") from e
    except json.JSONDecodeError as e:
        if e.pos >= len(text) or e.msg.startswith("Unterminated"):
            raise ValueError("unexpected end of JSON input") from e
        character = text[e.pos]
        shown = character if character.isprintable() else f"\\u{ord(character):04x}"
        where = "after top-level value" if e.msg == "Extra data" else "looking for beginning of value"
        raise ValueError(f"invalid character '{shown}' {where}") from e
    if _is_deeper(found, _DEEPEST):
        raise ValueError("exceeded max depth")
    return _whole_characters(found) if _HALF.search(text) else found


def _whole_characters(value: Any) -> Any:
    """Halves of characters, which JSON can escape and UTF-8 cannot hold, become U+FFFD, as in Go. In place."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        value[:] = [_whole_characters(each) for each in value]
    elif isinstance(value, dict):
        pairs = [(_whole_characters(key), _whole_characters(each)) for key, each in value.items()]
        value.clear()
        value.update(pairs)
    return value


def _is_deeper(value: Any, most: int) -> bool:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(most):
        inner = (each.values() if isinstance(each, dict) else each for each in level)
        level = [each for part in inner for each in part if isinstance(each, dict | list)]
        if not level:
            return False
    return True


def doubled(value: Any, path: str = "") -> list[str]:
    """Paths of the keys that came twice."""
    if isinstance(value, list):
        return [d for i, v in enumerate(value) for d in doubled(v, f"{path}[{i}]")]
    if not isinstance(value, dict):
        return []
    prefix = f"{path}." if path else ""
    found = [prefix + k for k in getattr(value, "doubles", ())]
    return found + [d for k, v in value.items() for d in doubled(v, prefix + k)]


def parse_yaml(raw: bytes) -> Any:
    """YAML or JSON.

    Raises:
        ApiError: 400.
    """
    try:
        _check_depth(raw)
        loader = _Loader(raw)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            if _expanded(node, {}) > _MOST_VALUES:
                raise bad_request("error converting YAML to JSON: yaml: document contains excessive aliasing")
            return _json_keys(loader.construct_document(node))
        finally:
            loader.dispose()
    except yaml.YAMLError as e:
        raise bad_request(f"error converting YAML to JSON: {e}") from e


def _check_depth(raw: bytes) -> None:
    """Before a loader sees it that looks at all open brackets again for each character."""
    depth = 0
    for event in yaml.parse(raw, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise bad_request("error converting YAML to JSON: yaml: exceeded max depth")


def _expanded(node: Any, known: dict[int, int]) -> int:
    """How many values a node stands for when all aliases are followed. One that contains itself stands for no end."""
    if id(node) not in known:
        known[id(node)] = _MOST_VALUES
        inner = [] if isinstance(node, yaml.ScalarNode) else node.value
        parts = [part for each in inner for part in (each if isinstance(each, tuple) else (each,))]
        known[id(node)] = 1 + sum(_expanded(part, known) for part in parts)
    return known[id(node)]


def _json_keys(value: Any) -> Any:
    """The keys of YAML may be numbers or booleans; those of JSON are text."""
    if isinstance(value, dict):
        return {k if isinstance(k, str) else json.dumps(k): _json_keys(v) for k, v in value.items()}
    return [_json_keys(v) for v in value] if isinstance(value, list) else value


def _read_protobuf(raw: bytes, go_type: str) -> Any:
    try:
        api_version, kind, inner = protobuf.envelope(raw)
        same = kind == go_type.rpartition(".")[2]
        return {**(protobuf.message(go_type, inner) if same else {}), "apiVersion": api_version, "kind": kind}
    except ValueError as e:
        raise bad_request(f"error decoding protobuf: {e}") from e


def read_body(raw: bytes, content_type: str, kind: str, go_type: str = "") -> Any:
    """The body of a POST or PUT as a value with a kind, not looked at further. Only Go types come as protobuf.

    Raises:
        ApiError: 400 or 415.
    """
    type_ = content_type.partition(";")[0].strip() or JSON
    if type_ == YAML:
        return parse_yaml(raw)
    if type_ == PROTOBUF and go_type:
        return _read_protobuf(raw, go_type)
    if type_ != JSON:
        why = f"the body of the request was in an unknown format - accepted media types include: {_ACCEPTED}"
        raise ApiError(415, "UnsupportedMediaType", why)
    text = raw.decode(errors="replace")
    try:
        value = parse_json(text)
    except ValueError as e:
        raise unrecognized(raw, kind, f"couldn't get version/kind; json parse error: {e}") from e
    if not isinstance(value, dict):
        go = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
        why = f"json: cannot unmarshal {kind_of(value)} into Go value of type {go}"
        why = f"couldn't get version/kind; json parse error: {why}"
        raise unrecognized(raw, kind, why)
    for name in ("apiVersion", "kind"):
        if not isinstance(value.get(name, ""), str):
            why = f"json: cannot unmarshal {kind_of(value[name])} into Go struct field .{name} of type string"
            raise unrecognized(raw, kind, f"couldn't get version/kind; json parse error: {why}")
    return value


def unrecognized(raw: bytes, kind: str, why: str) -> ApiError:
    """400 of a body that has no kind."""
    if not raw:
        shown = "<empty>"
    else:
        braced = raw.startswith(b"{")
        shown = raw[:30].decode(errors="replace") if braced else raw[:30].hex()
        shown += " ..." if len(raw) > 30 else ""
    return bad_request(f"the object provided is unrecognized (must be of type {kind}): {why} ({shown})")


class Codec:
    """Turns values into objects of a resource: types checked, unknown fields dropped and named."""

    def __init__(self, strategies: Strategies) -> None:
        self._strategies = strategies

    def from_request(self, resource: Resource, raw: bytes, content_type: str) -> tuple[Obj, list[str]]:
        """The object in a POST or PUT, and what it says that nobody knows.

        Raises:
            ApiError: 400 or 422.
        """
        value = read_body(raw, content_type, resource.kind, resource.go_type)
        if resource.custom:
            if not value.get("kind"):
                text = raw.decode(errors="replace")
                raise unrecognized(raw, resource.kind, f"Object 'Kind' is missing in '{text}'")
            return self._custom_from_request(resource, value)
        check_kind(value, resource.kind, resource.group, resource.api_version)
        try:
            return self.decode(resource, value)
        except DecodeError as e:
            raise cannot_handle(resource, str(e)) from e

    def _custom_from_request(self, resource: Resource, value: Obj) -> tuple[Obj, list[str]]:
        kind, api_version = value["kind"], value.get("apiVersion", "")
        if api_version != resource.api_version:
            error = bad_request(
                f"the API version in the data ({api_version}) does not match "
                f"the expected API version ({resource.api_version})"
            )
            known = ("apiVersion", "kind", "metadata")
            error.warnings = [f'unknown field "{k}"' for k in sorted(value) if k not in known]
            raise error
        if kind != resource.kind:
            meta = value.get("metadata")
            name = str(meta.get("name", "")) if isinstance(meta, dict) else ""
            cause = invalid("kind", kind, f"must be {resource.kind}")
            raise invalid_error(resource.group, kind, name, [cause])
        try:
            return self.decode(resource, value)
        except DecodeError as e:
            raise cannot_handle(resource, str(e)) from e

    def rewrite(self, resource: Resource, obj: Obj) -> Obj:
        """An object of a built-in resource as Go would write it, after changes in place."""
        found = Decoder().decode(resource.go_type, obj)
        return _ordered({**found, "kind": resource.kind, "apiVersion": resource.api_version}, custom=False)

    def decode(self, resource: Resource, value: Obj) -> tuple[Obj, list[str]]:
        """An object of the resource, and messages about fields that are unknown or doubled.

        Raises:
            DecodeError: a value has the wrong type.
        """
        messages = [f'duplicate field "{d}"' for d in doubled(value)]
        if not resource.custom:
            decoder = Decoder()
            found = decoder.decode(resource.go_type, value)
            unknown = decoder.unknown
        else:
            decoder = Decoder()
            meta = decoder.decode("meta/v1.ObjectMeta", value.get("metadata"))
            found = {k: _copy(v) for k, v in value.items() if k != "metadata"} | {"metadata": meta}
            strategy = self._strategies.of(resource)
            lost = strategy.prune(found) if isinstance(strategy, CustomStrategy) else []
            unknown = [f"metadata.{u}" for u in decoder.unknown] + lost
        found["kind"], found["apiVersion"] = resource.kind, resource.api_version
        messages += [f'unknown field "{u}"' for u in sorted(unknown)]
        return _ordered(found, custom=resource.custom), messages


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _copy(v) for k, v in value.items()}
    return [_copy(v) for v in value] if isinstance(value, list) else value


def _ordered(obj: Obj, *, custom: bool) -> Obj:
    if custom:
        return {k: obj[k] for k in sorted(obj)}
    first = {"kind": obj["kind"], "apiVersion": obj["apiVersion"]}
    return {**first, **{k: v for k, v in obj.items() if k not in first}}


def check_kind(value: Obj, kind: str, group: str, api_version: str) -> None:
    """Refuses a body of another kind than the path is for. A body may say nothing about its kind.

    Raises:
        ApiError: 400.
    """
    has_version, has_kind = str(value.get("apiVersion") or api_version), value.get("kind") or kind
    if (has_version, has_kind) == (api_version, kind):
        return
    version = has_version.rpartition("/")[2]
    internal = f"{group.partition('.')[0] or 'core'}.{kind}"
    known = is_registered(has_version, has_kind)
    why = f"converting ({version}.{has_kind}) to ({internal}): unknown conversion" if known else ""
    why = why or unregistered(has_version, has_kind)
    raise bad_request(f'{has_kind} in version "{version}" cannot be handled as a {kind}: {why}')


def is_registered(api_version: str, kind: str) -> bool:
    """Whether a built-in kind of this name is known."""
    group, _, version = api_version.rpartition("/")
    return f"{group.partition('.')[0] or 'core'}/{version}.{kind}" in types().structs


def unregistered(api_version: str, kind: str) -> str:
    """What is said about a kind that is not known."""
    return f'no kind "{kind}" is registered for version "{api_version}" in scheme "pkg/runtime/scheme.go:111"'


def cannot_handle(resource: Resource, why: str) -> ApiError:
    """400 of a body that does not fit."""
    return bad_request(f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: {why}')
