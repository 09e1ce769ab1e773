"""Requests to the API server in raw JSON, over the connection pool of the official client.

The generated classes of the client are left out on purpose: they would drop fields that they do not know from objects
that are not ours, and cost most of the time of a tick.
"""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import urllib3
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException

from canary_adapters.kubernetes.resources import Obj, Resource
from canary_ports import ConflictError, RefusedError, UnavailableError

__all__ = ["FIELD_MANAGER", "Api", "Page", "UnknownKindError"]

FIELD_MANAGER: Final = "canary-core"
"""Who we are in ``metadata.managedFields``."""
TIMEOUT_S: Final = (5.0, 20.0)
"""Seconds to connect, and between two pieces of an answer."""
LARGEST: Final = 256 * 2**20
"""Bytes of one answer. A page of objects is far smaller."""
PAGE: Final = 500
"""Objects of one page of a list."""
METADATA_ONLY: Final = "application/json;as=PartialObjectMetadata{list};g=meta.k8s.io;v=v1"
MERGE_PATCH: Final = "application/merge-patch+json"


class UnknownKindError(UnavailableError):
    """The API server does not have this kind of object (yet)."""


class Page:
    """A whole list, as informers want it."""

    def __init__(self, items: list[Obj], resource_version: str) -> None:
        self.items = items
        self.metadata = _ListMeta(resource_version)


class _ListMeta:
    def __init__(self, resource_version: str) -> None:
        self.resource_version = resource_version


class Api:
    """The API server. Every method raises `canary_ports.PortError` and nothing else; may be called from any thread."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        user_agent: str = "canary-core",
        may_write: Callable[[], None] = lambda: None,
        throttle: Callable[[], None] = lambda: None,
        connections: int = 32,
    ) -> None:
        """Makes one; nothing is sent yet.

        Args:
            configuration: Address, credentials and TLS settings, as the official client loads them.
            user_agent: Who is asking.
            may_write: Called before every write; raises `canary_ports.PortError` if it must not happen (any more).
            throttle: Called before every request; takes as long as the request has to wait.
            connections: Most connections that are kept open.
        """
        configuration.retries = urllib3.Retry(
            connect=1, read=0, redirect=0, status=0, other=0, respect_retry_after_header=False, raise_on_status=False
        )
        configuration.connection_pool_maxsize = connections
        self._client = ApiClient(configuration)
        self._client.user_agent = user_agent
        self._may_write = may_write
        self._throttle = throttle

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def read(self, resource: Resource, namespace: str, name: str, *, metadata_only: bool = False) -> Obj | None:
        """An object as it is now. None: it does not exist."""
        accept = METADATA_ONLY.format(list="") if metadata_only else "application/json"
        try:
            return self._send("GET", resource.path(namespace, name), headers={"Accept": accept})
        except _AbsentError:
            return None

    def list(
        self, resource: Resource, namespace: str | None, *, label_selector: str = "", field_selector: str = ""
    ) -> Page:
        """All objects of a kind, fetched in pages.

        Args:
            resource: The kind.
            namespace: None: of all namespaces.
            label_selector: Empty: any labels.
            field_selector: Empty: any fields.

        Raises:
            UnknownKindError: The server does not have this kind.
        """
        query = {"limit": str(PAGE), "labelSelector": label_selector, "fieldSelector": field_selector, "continue": ""}
        head = {"Accept": METADATA_ONLY.format(list="List") if resource.metadata_only else "application/json"}
        items: list[Obj] = []
        while True:
            try:
                page = self._send(
                    "GET", resource.path(namespace), query={k: v for k, v in query.items() if v}, headers=head
                )
            except _AbsentError as error:
                raise UnknownKindError(f"the API server has no {resource}") from error
            items += page.get("items") or []
            metadata = page.get("metadata") or {}
            query["continue"] = metadata.get("continue") or ""
            if not query["continue"]:
                return Page(items, metadata.get("resourceVersion") or "0")

    def watch(
        self, resource: Resource, namespace: str | None, *, resource_version: str, timeout_s: int
    ) -> "urllib3.BaseHTTPResponse":
        """Open a stream of changes; the caller reads and closes it.

        Args:
            resource: The kind.
            namespace: None: of all namespaces.
            resource_version: From where on.
            timeout_s: When the server is to end the stream, seconds.
        """
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(timeout_s),
        }
        accept = METADATA_ONLY.format(list="") if resource.metadata_only else "application/json"
        # Should the other end be gone without a word, the stream ends a little later than it was to.
        return self._open(
            "GET", resource.path(namespace), query, {"Accept": accept}, None, timeout_s=(TIMEOUT_S[0], timeout_s + 30.0)
        )

    def create(self, resource: Resource, namespace: str, body: Obj) -> Obj:
        """Create an object.

        Raises:
            ConflictError: There is one of this name.
        """
        whole = {"apiVersion": resource.api_version, "kind": resource.kind, **body}
        return self._write("POST", resource.path(namespace), whole)

    def replace(self, resource: Resource, body: Obj, *, subresource: str = "") -> Obj:
        """Replace an object, if it is still the version that ``body`` was made from.

        Raises:
            ConflictError: It is not, or it is gone.
        """
        metadata = body["metadata"]
        path = resource.path(metadata["namespace"], metadata["name"], subresource)
        return self._write("PUT", path, {"apiVersion": resource.api_version, "kind": resource.kind, **body})

    def patch(self, resource: Resource, obj: Obj, changes: Obj, *, subresource: str = "") -> Obj:
        """Change some fields (JSON merge patch, RFC 7386), if the object is still the version that is given.

        Args:
            resource: The kind.
            obj: The object as it was read; only its identity and version matter.
            changes: The patch. What it says of ``metadata.resourceVersion`` is overwritten.
            subresource: Such as ``status``.

        Raises:
            ConflictError: It is another version by now, or gone.
        """
        old = obj["metadata"]
        fence = {"resourceVersion": old["resourceVersion"], "uid": old["uid"]}
        body = {**changes, "metadata": {**(changes.get("metadata") or {}), **fence}}
        path = resource.path(old["namespace"], old["name"], subresource)
        return self._write("PATCH", path, body, content_type=MERGE_PATCH)

    def delete(self, resource: Resource, obj: Obj) -> None:
        """Delete an object, if it is still the one that is given; one that is gone already is no error.

        Raises:
            ConflictError: Another one of the name has taken its place, or it was changed.
        """
        metadata = obj["metadata"]
        fence = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": fence,
            "propagationPolicy": "Background",
        }
        self._may_write()
        try:
            self._send("DELETE", resource.path(metadata["namespace"], metadata["name"]), body=body)
        except _AbsentError:
            return

    def get(self, path: str) -> Obj:
        """Anything else that the server has, such as ``/version``."""
        try:
            return self._send("GET", path)
        except _AbsentError as error:
            raise UnavailableError(f"GET {path}: not found") from error

    # -- One request ------------------------------------------------------------------------------------------------

    def _write(self, method: str, path: str, body: Obj, *, content_type: str = "application/json") -> Obj:
        self._may_write()
        try:
            return self._send(
                method, path, query={"fieldManager": FIELD_MANAGER}, headers={"Content-Type": content_type}, body=body
            )
        except _AbsentError as error:
            if method == "POST":
                raise RefusedError("NotFound", str(error)) from error
            raise ConflictError(str(error)) from error

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Obj | None = None,
    ) -> Obj:
        response = self._open(method, path, query or {}, headers or {}, body, timeout_s=TIMEOUT_S)
        try:
            data = response.read(LARGEST + 1, decode_content=True)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise UnavailableError(f"{method} {path}: {error}") from error
        finally:
            response.release_conn()
        if len(data) > LARGEST:
            response.close()
            raise UnavailableError(f"{method} {path}: an answer of more than {LARGEST} bytes")
        return _content(method, path, response.status, dict(response.headers), data)

    def _open(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: Obj | None,
        *,
        timeout_s: tuple[float, float],
    ) -> "urllib3.BaseHTTPResponse":
        self._throttle()
        head = {"Accept": "application/json", "Content-Type": "application/json", **headers}
        try:
            request = self._client.param_serialize(
                method, path, query_params=list(query.items()), header_params=head, auth_settings=["BearerToken"]
            )
            _, url, sent, _, _ = request
            rest = self._client.rest_client
            answer = rest.request(method, url, headers=sent, body=body, _request_timeout=timeout_s)
        except (ApiException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise UnavailableError(f"{method} {path}: {_short(error)}") from error
        raw: urllib3.BaseHTTPResponse = answer.response
        return raw


class _AbsentError(Exception):
    """404."""


def _short(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _content(method: str, path: str, status: int, headers: Mapping[str, str], data: bytes) -> Obj:
    try:
        content: Any = json.loads(data) if data else {}
    except ValueError as error:
        content = {"message": data[:200].decode("utf-8", "replace")}
        if status < HTTPStatus.BAD_REQUEST:
            raise UnavailableError(f"{method} {path}: not JSON: {content['message']!r}") from error
    if not isinstance(content, dict):
        raise UnavailableError(f"{method} {path}: no object in the answer")
    if status < HTTPStatus.BAD_REQUEST:
        return content
    raise _error(f"{method} {path}", status, headers, content)


def _error(what: str, status: int, headers: Mapping[str, str], content: Obj) -> Exception:
    """What an answer with an error status means: https://kubernetes.io/docs/reference/using-api/api-concepts/."""
    text = str(content.get("message") or HTTPStatus(status).phrase)
    match status:
        case HTTPStatus.NOT_FOUND:
            return _AbsentError(text)
        case HTTPStatus.CONFLICT | HTTPStatus.GONE:
            return ConflictError(text)
        case HTTPStatus.FORBIDDEN:
            return RefusedError("Forbidden", text)
        case HTTPStatus.UNPROCESSABLE_ENTITY | HTTPStatus.BAD_REQUEST:
            return RefusedError("Invalid", text)
        case _:
            return UnavailableError(f"{what}: {status} {text}", retry_after_s=_retry_after_s(headers, content))


def _retry_after_s(headers: Mapping[str, str], content: Obj) -> float | None:
    given = {key.lower(): value for key, value in headers.items()}.get("retry-after")
    if given is None:
        given = (content.get("details") or {}).get("retryAfterSeconds")
    try:
        return min(60.0, max(0.0, float(given))) if given is not None else None
    except (TypeError, ValueError):
        return None
