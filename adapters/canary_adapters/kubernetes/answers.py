"""What the API server answered: objects, pages and errors, or something that no API server says.

A proxy or a load balancer on the way answers in its place now and then, with pages, empty bodies and statuses of its
own. None of that may be taken for an object, and least of all for the news that there is none.
https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from canary_adapters.kubernetes.resources import Obj
from canary_ports import ConflictError, RefusedError, UnavailableError

__all__ = ["AbsentError", "as_object", "as_page", "content_of"]

_SHOWN: Final = 200
_LONGEST_RETRY_S: Final = 60.0
_TOO_LARGE: Final = "request is too large"
"""What etcd says, in an answer with status 500, of an object beyond its ``--max-request-bytes``, usually 1.5 MiB."""
_SMALLER: Final = "a Canary is stored together with up to two copies of its spec: make it smaller"
_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}


class AbsentError(Exception):
    """404.

    Attributes:
        certain: Whether the API server itself says so.
    """

    def __init__(self, message: str, *, certain: bool) -> None:
        self.certain = certain
        super().__init__(message)


def content_of(what: str, status: int, headers: Mapping[str, str], data: bytes) -> Obj:
    """The JSON of an answer.

    Args:
        what: The request, for messages.
        status: HTTP status.
        headers: Of the answer.
        data: The whole body.

    Raises:
        AbsentError: 404.
        PortError: Another error status, or no JSON object.
    """
    content = _parsed(data)
    if status >= HTTPStatus.BAD_REQUEST:
        raise _error(what, status, headers, content if isinstance(content, dict) else {"message": _beginning(data)})
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        raise UnavailableError(f"{what}: {status} {_PHRASES.get(status, '')} is no answer of an API server")
    if not isinstance(content, dict):
        raise UnavailableError(f"{what}: no JSON object: {_beginning(data)!r}")
    return content


def as_object(what: str, content: object) -> Obj:
    """An object with what everybody relies on: a name, a namespace, an identity and a version.

    Raises:
        UnavailableError: It is none.
    """
    metadata = content.get("metadata") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(metadata, dict):
        raise UnavailableError(f"{what}: the answer is no object")
    for key in ("name", "namespace", "uid", "resourceVersion"):
        if not isinstance(metadata.get(key), str) or not metadata[key]:
            raise UnavailableError(f"{what}: the answer is no object: metadata.{key} is missing")
    if not _is_version(metadata["resourceVersion"]):
        raise UnavailableError(f"{what}: the answer is no object: metadata.resourceVersion is no number")
    return content


def as_page(what: str, content: Obj) -> tuple[list[Obj], str, str]:
    """The objects of a page of a list, the version of the list, and how to go on; empty: it was the last page.

    Raises:
        UnavailableError: It is none.
    """
    items, metadata = content.get("items", ""), content.get("metadata")  # an empty list may be null, but is there
    if not isinstance(metadata, dict) or not isinstance(items, list | None):
        raise UnavailableError(f"{what}: the answer is no list")
    version, more = metadata.get("resourceVersion"), metadata.get("continue") or ""
    if not isinstance(version, str) or not _is_version(version) or not isinstance(more, str):
        raise UnavailableError(f"{what}: the answer is no list: it has no version")
    return [as_object(what, item) for item in items or ()], version, more


def _is_version(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _parsed(data: bytes) -> object:
    """None: no JSON."""
    try:
        return json.loads(data) if data else {}
    except (ValueError, RecursionError):
        return None


def _beginning(data: bytes) -> str:
    return data[:_SHOWN].decode("utf-8", "replace")


def _error(what: str, status: int, headers: Mapping[str, str], content: Obj) -> Exception:
    text = str(content.get("message") or _PHRASES.get(status, ""))
    match status:
        case HTTPStatus.NOT_FOUND:
            return AbsentError(text, certain=content.get("kind") == "Status")
        case HTTPStatus.CONFLICT | HTTPStatus.GONE:
            return ConflictError(text)
        case HTTPStatus.FORBIDDEN:
            return RefusedError("Forbidden", text)
        case HTTPStatus.UNPROCESSABLE_ENTITY if _fields(content) == {"metadata.uid"}:
            return ConflictError(text)  # a patch of what has another identity by now is told that this cannot change
        case HTTPStatus.UNPROCESSABLE_ENTITY | HTTPStatus.BAD_REQUEST:
            return RefusedError("Invalid", text)
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return RefusedError("TooLarge", f"{what}: {text}; {_SMALLER}")
        case HTTPStatus.INTERNAL_SERVER_ERROR if _TOO_LARGE in text:
            return RefusedError("TooLarge", f"{what}: {text}; {_SMALLER}")
        case _:
            return UnavailableError(f"{what}: {status} {text}", retry_after_s=_retry_after_s(headers, content))


def _fields(content: Obj) -> set[str]:
    """Of which the server says that something is wrong with them."""
    details = content.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    found = causes if isinstance(causes, list) else []
    return {str(each.get("field")) for each in found if isinstance(each, dict)}


def _retry_after_s(headers: Mapping[str, str], content: Obj) -> float | None:
    given: Any = {key.lower(): value for key, value in headers.items()}.get("retry-after")
    details = content.get("details")
    if given is None and isinstance(details, dict):
        given = details.get("retryAfterSeconds")
    try:
        return min(_LONGEST_RETRY_S, max(0.0, float(given))) if given is not None else None
    except (TypeError, ValueError, OverflowError):
        return None
