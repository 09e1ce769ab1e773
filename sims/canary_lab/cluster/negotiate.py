"""What a client accepts: JSON or YAML; objects, Tables or bare metadata."""

from __future__ import annotations

import json
from typing import Any

import yaml
from attrs import frozen

from canary_lab.cluster.errors import ApiError, status
from canary_lab.cluster.resources import Resource
from canary_lab.cluster.tables import partial, table

Obj = dict[str, Any]
MEDIA = "application/json, application/yaml, application/vnd.kubernetes.protobuf"
PROTOBUF = "application/vnd.kubernetes.protobuf"
_STREAMS = f"{MEDIA}, application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch"
_TRANSFORMS = ("Table", "PartialObjectMetadata", "PartialObjectMetadataList")


@frozen
class Format:
    """How an answer is written."""

    media: str = "application/json"
    transform: str = ""
    """Table, PartialObjectMetadata, PartialObjectMetadataList; empty for the objects themselves."""
    version: str = "v1"
    """That of the transformed kind."""
    include: str = ""
    """What rows of a Table hold: None, Metadata, Object."""

    def one(self, resource: Resource, obj: Obj) -> Obj:
        """One object as it was asked for.

        Raises:
            ApiError: 406, a list was asked for.
        """
        if not self.transform or obj.get("kind") == "Status":
            return obj
        if self.transform == "Table":
            meta = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
            return table(resource, [obj], meta, version=self.version, include=self.include)
        if self.transform == "PartialObjectMetadataList":
            go = (
                f"*{resource.group.partition('.')[0] or 'core'}.{resource.kind}"
                if not resource.custom
                else "*unstructured.Unstructured"
            )
            why = f"you requested {self.transform}, but the requested object is not a list ({go})"
            raise ApiError(406, "NotAcceptable", why)
        return partial(obj, self.version)

    def many(self, resource: Resource, items: list[Obj], meta: Obj) -> Obj:
        """A list of objects as it was asked for."""
        if self.transform == "Table":
            meta = {k: v for k, v in meta.items() if v != ""}
            return table(resource, items, meta, version=self.version, include=self.include)
        if self.transform:
            meta = {k: v for k, v in meta.items() if v != ""}
            head = {"kind": "PartialObjectMetadataList", "apiVersion": f"meta.k8s.io/{self.version}", "metadata": meta}
            return {**head, "items": [partial(o, self.version) for o in items]}
        if resource.custom:
            return {"apiVersion": resource.api_version, "items": items, "kind": resource.list_kind, "metadata": meta}
        bare = [{k: v for k, v in o.items() if k not in ("kind", "apiVersion")} for o in items]
        return {"kind": resource.list_kind, "apiVersion": resource.api_version, "metadata": meta, "items": bare}

    def encode(self, body: Any) -> bytes:
        """The bytes of an answer."""
        if self.media == "application/yaml":
            return yaml.safe_dump(body, sort_keys=False, allow_unicode=True).encode()
        return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def clauses(accept: str) -> list[tuple[str, dict[str, str]]]:
    """The media types of an Accept header with their parameters, in order."""
    found = []
    for clause in (accept or "*/*").split(","):
        media, *parameters = (p.strip() for p in clause.split(";"))
        found.append((media, dict(p.partition("=")[::2] for p in parameters)))
    return found


def choose(accept: str, resource: Resource | None, include: str = "", *, streams: bool = True) -> Format:
    """The first format of an Accept header that the server can write; what could be watched could be a stream, too.

    Raises:
        ApiError: 406.
        ProtobufOnly: nothing but protobuf was asked of a custom resource.
    """
    for media, parameters in clauses(accept):
        if media not in ("application/json", "application/yaml", "*/*", "application/*"):
            continue
        written = "application/yaml" if media == "application/yaml" else "application/json"
        transform, version = parameters.get("as", ""), parameters.get("v", "v1")
        if not transform:
            return Format(written)
        if transform in _TRANSFORMS and parameters.get("g") == "meta.k8s.io" and version in ("v1", "v1beta1"):
            return Format(written, transform, version, include)
    if resource is None or resource.custom:
        raise not_acceptable(accept)
    text = f"406: Not Acceptable\n\nAvailable representations: {_STREAMS if streams else MEDIA}"
    raise ApiError(406, "NotAcceptable", text, {})


class ProtobufOnly(Exception):  # noqa: N818 - it is an answer
    """An error that has to be said in protobuf."""


def not_acceptable(accept: str) -> Exception:
    """406 in the words of the generic part of the server."""
    if accept.strip() == PROTOBUF:
        return ProtobufOnly()
    return ApiError(406, "NotAcceptable", f"only the following media types are accepted: {MEDIA}")


def protobuf_not_acceptable() -> bytes:
    """That answer as protobuf: the one message this server says in it."""
    body = status(406, "NotAcceptable", f"only the following media types are accepted: {MEDIA}")
    text = b"".join(_part(i, body[k].encode()) for i, k in ((2, "status"), (3, "message"), (4, "reason")))
    meta = b"".join(_part(i, b"") for i in (1, 2, 3))
    raw = _part(1, meta) + text + b"\x30" + _varint(406)
    kind = _part(1, b"v1") + _part(2, b"Status")
    return b"k8s\0" + _part(1, kind) + _part(2, raw) + _part(3, b"") + _part(4, b"")


def _part(number: int, value: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    found = b""
    while value > 127:
        found += bytes([value & 127 | 128])
        value >>= 7
    return found + bytes([value])
