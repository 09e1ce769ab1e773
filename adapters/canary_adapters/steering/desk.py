"""Canaries, their workloads and events, read and asked of an API server, with errors that a person can act on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from canary_adapters.kubernetes.api import Api, UnknownKindError
from canary_adapters.kubernetes.resources import CANARIES, DEPLOYMENTS, EVENTS, Obj, Resource
from canary_adapters.kubernetes.store.annotation import written_request
from canary_adapters.plain_text import one_line
from canary_core import Request
from canary_ports import ConflictError, PortError, RefusedError, UnavailableError

__all__ = ["FAILED", "NO_ANSWER", "Desk", "SteeringError", "UnansweredError"]

FAILED: Final = 1
"""Exit code: refused, failed, not found or forbidden."""
NO_ANSWER: Final = 3
"""Exit code: nobody has answered in time, neither controller nor API server. Whether it has an effect is not known."""
_ATTEMPTS: Final = 5
_LONGEST: Final = 400


class SteeringError(Exception):
    """What was asked for cannot be done or seen.

    Attributes:
        code: Exit code.
        message: One line, without characters that a terminal would act upon.
    """

    def __init__(self, message: str, code: int = FAILED) -> None:
        self.message = one_line(message, _LONGEST)
        self.code = code
        super().__init__(self.message)


class UnansweredError(SteeringError):
    """The API server does not answer. It may, a moment later."""

    def __init__(self, message: str) -> None:
        super().__init__(message, NO_ANSWER)


class Desk:
    """Where a person asks."""

    def __init__(self, api: Api, host: str = "") -> None:
        """Makes one.

        Args:
            api: The API server.
            host: Its address, for messages.
        """
        self._api, self._host = api, host

    def canaries(self, namespace: str | None) -> list[Obj]:
        """All canaries, by namespace and name.

        Args:
            namespace: None: of all namespaces.

        Raises:
            SteeringError: They cannot be listed.
        """
        with self._told("list", CANARIES, namespace):
            items = self._api.list(CANARIES, namespace).items
        return sorted(items, key=lambda each: (each["metadata"]["namespace"], each["metadata"]["name"]))

    def canary(self, namespace: str, name: str) -> Obj:
        """One of them.

        Raises:
            SteeringError: There is none of this name, or it cannot be read.
        """
        with self._told("get", CANARIES, namespace):
            found = self._api.read(CANARIES, namespace, name)
        if found is None:
            raise SteeringError(f"no canary {name} in namespace {namespace}")
        return found

    def deployment(self, namespace: str, name: str) -> Obj | None:
        """A workload. None: there is none.

        Raises:
            SteeringError: It cannot be read.
        """
        with self._told("get", DEPLOYMENTS, namespace):
            return self._api.read(DEPLOYMENTS, namespace, name)

    def events(self, namespace: str, name: str) -> list[Obj]:
        """The events of a canary, oldest first.

        Raises:
            SteeringError: They cannot be listed.
        """
        chosen = f"involvedObject.kind=Canary,involvedObject.name={name}"
        with self._told("list", EVENTS, namespace):
            items = self._api.list(EVENTS, namespace, field_selector=chosen).items
        return sorted(items, key=lambda each: int(each["metadata"]["resourceVersion"]))

    def write(self, obj: Obj, request: Request) -> None:
        """Write a request into a Canary, whatever else has changed in it meanwhile.

        Raises:
            SteeringError: It cannot be written, or there is another Canary of the name by now.
        """
        metadata = obj["metadata"]
        with self._told("patch", CANARIES, metadata["namespace"]):
            for _ in range(_ATTEMPTS):
                try:
                    self._api.patch(CANARIES, obj, written_request(request), any_version=True)
                except ConflictError:
                    live = self._api.read(CANARIES, metadata["namespace"], metadata["name"])
                    if live is None or live["metadata"]["uid"] != metadata["uid"]:
                        raise SteeringError(f"canary {metadata['name']} was deleted meanwhile") from None
                else:
                    return
        raise SteeringError(f"canary {metadata['name']} is being changed all the time: try again")

    @contextmanager
    def _told(self, verb: str, resource: Resource, namespace: str | None) -> Iterator[None]:
        """What goes wrong, in words for people."""
        place = f"in namespace {namespace}" if namespace is not None else "in all namespaces"
        try:
            yield
        except UnknownKindError:
            text = f"the cluster has no {resource}: install canary-core, or apply the output of `canary crds`"
            raise SteeringError(text) from None
        except RefusedError as error:
            if error.reason == "Forbidden":
                right = f"missing right: {verb} {resource} {place}"
                raise SteeringError(f"forbidden ({right}): {error.message}") from None
            raise SteeringError(f"the API server refuses to {verb} {resource} {place}: {error.message}") from None
        except UnavailableError as error:
            if ": 401 " in str(error):
                text = "the API server does not accept the credentials of the kubeconfig (401)"
                raise SteeringError(text) from None
            raise UnansweredError(f"no answer from the API server {self._host}: {error}") from None
        except PortError as error:
            raise SteeringError(f"{verb} {resource} {place}: {error}") from None
