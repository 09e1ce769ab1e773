"""Requests to the API server in raw JSON, over the connection pool of the official client.

The generated classes of the client are left out on purpose: they would drop fields that they do not know from objects
that are not ours, and cost most of the time of a tick.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

import urllib3
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException

from canary_adapters.deadlines import connection_classes, within
from canary_adapters.kubernetes.answers import AbsentError, as_object, as_page, content_of
from canary_adapters.kubernetes.resources import Obj, Resource
from canary_adapters.redaction import CredentialsTooLongError, Redaction
from canary_ports import ConflictError, RefusedError, UnavailableError

__all__ = ["FIELD_MANAGER", "Api", "Page", "UnknownKindError"]

FIELD_MANAGER: Final = "canary-core"
"""Who we are in ``metadata.managedFields``."""
TIMEOUT_S: Final = (5.0, 20.0)
"""Seconds to connect, and between two pieces of an answer."""
WHOLE_S: Final = 60.0
"""Seconds for a whole answer, watches aside."""
LARGEST: Final = 256 * 2**20
"""Bytes of one answer. A page of objects is far smaller."""
_LONGEST_ERROR: Final = 64 * 1024
"""Bytes of an answer of which nothing but its text is used."""
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
        field_manager: str = FIELD_MANAGER,
        may_write: Callable[[], None] = lambda: None,
        throttle: Callable[[], None] = lambda: None,
        connections: int = 32,
    ) -> None:
        """Makes one; nothing is sent yet.

        Args:
            configuration: Address, credentials and TLS settings, as the official client loads them.
            user_agent: Who is asking.
            field_manager: Who writes, in ``metadata.managedFields``.
            may_write: Called before every write; raises `canary_ports.PortError` if it must not happen (any more).
            throttle: Called before every request; takes as long as the request has to wait.
            connections: Most connections that are kept open.
        """
        configuration.retries = urllib3.Retry(
            connect=1, read=0, redirect=0, status=0, other=0, respect_retry_after_header=False, raise_on_status=False
        )
        configuration.connection_pool_maxsize = connections
        # A watch is silent for minutes: only probes of the connection show that the other end is gone without a word.
        configuration.keep_alive = True
        self._client = ApiClient(configuration)
        self._client.rest_client.pool_manager.pool_classes_by_scheme = connection_classes()
        self._client.user_agent = user_agent
        self._field_manager = field_manager
        self._may_write = may_write
        self._throttle = throttle

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def read(self, resource: Resource, namespace: str, name: str, *, metadata_only: bool = False) -> Obj | None:
        """An object as it is now. None: it does not exist."""
        accept = METADATA_ONLY.format(list="") if metadata_only else "application/json"
        path = resource.path(namespace, name)
        try:
            return as_object(f"GET {path}", self._send("GET", path, headers={"Accept": accept}))
        except AbsentError as error:
            if not error.certain:
                raise UnavailableError(f"GET {path}: 404, but not from the API server") from error
            return None

    def list(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        most: int | None = None,
    ) -> Page:
        """All objects of a kind, fetched in pages.

        Args:
            resource: The kind.
            namespace: None: of all namespaces.
            label_selector: Empty: any labels.
            field_selector: Empty: any fields.
            most: The first so many are enough. None: all.

        Raises:
            UnknownKindError: The server does not have this kind.
        """
        query = {"labelSelector": label_selector, "fieldSelector": field_selector, "continue": ""}
        query["limit"] = str(most or PAGE)
        head = {"Accept": METADATA_ONLY.format(list="List") if resource.metadata_only else "application/json"}
        path, items = resource.path(namespace), list[Obj]()
        while True:
            try:
                page = self._send("GET", path, query={k: v for k, v in query.items() if v}, headers=head)
            except AbsentError as error:
                if self._serves(resource):
                    raise UnavailableError(f"GET {path}: 404, but the API server has {resource}") from error
                raise UnknownKindError(f"the API server has no {resource}") from error
            found, version, query["continue"] = as_page(f"GET {path}", page)
            items += found
            if most is not None or not query["continue"]:
                return Page(items, version)

    def _serves(self, resource: Resource) -> bool:
        """Whether the API server has a kind, by what it says of itself: a bare 404 may come from something before it.

        Raises:
            UnavailableError: It does not say.
        """
        if not resource.is_custom:
            return True
        try:
            group = _named(self.get("/apis").get("groups"), "name").get(resource.group)
            if group is None or resource.version not in _named(group.get("versions"), "version"):
                return False
            kinds = self.get(f"/apis/{resource.group}/{resource.version}").get("resources")
        except RefusedError:  # we may not ask
            return False
        return resource.plural in _named(kinds, "name")

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
        times = (TIMEOUT_S[0], timeout_s + 30.0)
        return self._open("GET", resource.path(namespace), query, {"Accept": accept}, None, timeout_s=times)[0]

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

    def judge(self, resource: Resource, namespace: str, body: Obj, *, exists: bool) -> Obj:
        """What would be stored of an object; nothing is stored (a dry run).

        Unknown fields are no reason to refuse it: what has become of them shows.

        Args:
            resource: The kind.
            namespace: Where.
            body: The object.
            exists: Whether it is to replace one that exists, or to be made.

        Returns:
            The object. It need not have what only a stored one has, such as a version.

        Raises:
            RefusedError: It would be refused.
            ConflictError: There is one that should not exist, or none where one should be, or another version of it.
        """
        whole = {"apiVersion": resource.api_version, "kind": resource.kind, **body}
        path = resource.path(namespace, body["metadata"]["name"] if exists else "")
        found = self._change("PUT" if exists else "POST", path, whole, {"dryRun": "All"})
        if not isinstance(found.get("metadata"), dict):
            raise UnavailableError(f"{path}: the answer is no object")
        return found

    def patch(
        self, resource: Resource, obj: Obj, changes: Obj, *, subresource: str = "", any_version: bool = False
    ) -> Obj:
        """Change some fields (JSON merge patch, RFC 7386), if the object is still the version that is given.

        Args:
            resource: The kind.
            obj: The object as it was read; only its identity and version matter.
            changes: The patch. What it says of ``metadata.resourceVersion`` is overwritten.
            subresource: Such as ``status``.
            any_version: Whether it is enough that it is still the same object: the change does not rest on the rest.

        Raises:
            ConflictError: It is another version by now, or gone.
        """
        old = obj["metadata"]
        fence = {"uid": old["uid"]} if any_version else {"resourceVersion": old["resourceVersion"], "uid": old["uid"]}
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
        path = resource.path(metadata["namespace"], metadata["name"])
        try:
            self._send("DELETE", path, body=body)
        except AbsentError as error:
            if not error.certain:
                raise UnavailableError(f"DELETE {path}: 404, but not from the API server") from error

    def get(self, path: str) -> Obj:
        """Anything else that the server has, such as ``/version``."""
        try:
            return self._send("GET", path)
        except AbsentError as error:
            raise UnavailableError(f"GET {path}: not found") from error

    def review(self, path: str, body: Obj) -> Obj:
        """What the server answers to a question that is sent as an object, such as a TokenReview. Nothing is stored."""
        try:
            return self._send("POST", path, body=body)
        except AbsentError as error:
            raise UnavailableError(f"POST {path}: not found") from error

    # -- One request ------------------------------------------------------------------------------------------------

    def _write(self, method: str, path: str, body: Obj, *, content_type: str = "application/json") -> Obj:
        return as_object(f"{method} {path}", self._change(method, path, body, {}, content_type=content_type))

    def _change(
        self, method: str, path: str, body: Obj, query: Mapping[str, str], *, content_type: str = "application/json"
    ) -> Obj:
        self._may_write()
        whole = {"fieldManager": self._field_manager, **query}
        try:
            return self._send(method, path, query=whole, headers={"Content-Type": content_type}, body=body)
        except AbsentError as error:
            if not error.certain:
                raise UnavailableError(f"{method} {path}: 404, but not from the API server") from error
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
        response, sent = self._open(method, path, query or {}, headers or {}, body, timeout_s=TIMEOUT_S)
        try:
            with within(WHOLE_S, response.shutdown):
                data = response.read(LARGEST + 1, decode_content=True)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise UnavailableError(f"{method} {path}: {error}") from error
        finally:
            response.release_conn()
        if len(data) > LARGEST:
            response.close()
            raise UnavailableError(f"{method} {path}: an answer of more than {LARGEST} bytes")
        if response.status >= HTTPStatus.BAD_REQUEST or not data.startswith(b"{"):
            data = _without_credentials(data, sent)
        return content_of(f"{method} {path}", response.status, dict(response.headers), data)

    def _open(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: Obj | None,
        *,
        timeout_s: tuple[float, float],
    ) -> tuple["urllib3.BaseHTTPResponse", Mapping[str, str]]:
        """The answer, of which nothing has been read, and the headers that were sent."""
        self._throttle()
        head = {"Accept": "application/json", "Content-Type": "application/json", **headers}
        try:
            request = self._client.param_serialize(
                method, path, query_params=list(query.items()), header_params=head, auth_settings=["BearerToken"]
            )
            _, url, sent, _, _ = request
            rest = self._client.rest_client
            answer = rest.request(method, url, headers=sent, body=body, _request_timeout=timeout_s)
        except (ApiException, ConfigException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise UnavailableError(f"{method} {path}: {_short(error)}") from error
        return answer.response, sent


def _without_credentials(data: bytes, sent: Mapping[str, str]) -> bytes:
    """An answer of which something may be shown, without what was sent: a proxy on the way may repeat it."""
    text, cut = data[:_LONGEST_ERROR].decode("utf-8", "replace"), len(data) > _LONGEST_ERROR
    try:
        return Redaction.of(headers=sent).strike(text, cut=cut).encode("utf-8", "replace")
    except CredentialsTooLongError:
        return b""


def _short(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _named(given: object, key: str) -> dict[object, Obj]:
    """The objects of a list by one of their fields."""
    return {each.get(key): each for each in given if isinstance(each, dict)} if isinstance(given, list) else {}
