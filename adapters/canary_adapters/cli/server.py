"""What an API server says of canaries that stand in files: the rehearsal of the controller, from a shell."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from canary_adapters.manifests import Canary
    from canary_core.policy import Policy

__all__ = ["Server"]

_NOBODY = "00000000-0000-0000-0000-000000000000"
"""The identity of a Canary that does not exist yet."""


class Server:
    """Asks. Nothing is stored."""

    def __init__(self, kubeconfig: Path | None, context: str, mesh_provider: str) -> None:
        """Makes one; nothing is sent yet.

        Args:
            kubeconfig: None: what ``KUBECONFIG`` names, the cluster that this runs in, or the usual place.
            context: Empty: the current one.
            mesh_provider: What moves the traffic of canaries that do not say.

        Raises:
            BadInputError: There is no such configuration.
        """
        from canary_adapters.background import Background
        from canary_adapters.cli.connection import connection, namespace_of
        from canary_adapters.controller.options import Options
        from canary_adapters.controller.registry import Registry
        from canary_adapters.kubernetes.api import Api
        from canary_adapters.kubernetes.cluster import Cluster
        from canary_adapters.kubernetes.references import References
        from canary_adapters.webhook import HttpPool

        self._api = Api(connection(kubeconfig, context=context))
        self._namespace = namespace_of(kubeconfig, context)
        self._options = Options(mesh_provider=mesh_provider)
        self._cluster, self._registry = Cluster(self._api), Registry.load()
        self._references, self._background = References(self._cluster), Background()
        self._http = HttpPool(denied=self._options.denied_addresses)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._background.close(0.0)
        self._http.close()
        self._registry.close()
        self._api.close()

    def faults(self, canary: "Canary", policy: "Policy") -> Iterator[str]:
        """Why a canary would not be served there: objections of its router, and what a rehearsal finds.

        Raises:
            BadInputError: The server does not answer, or not to us.
        """
        from canary_adapters.cli.errors import BadInputError
        from canary_ports import ConflictError, RefusedError, UnavailableError

        try:
            yield from self._faults(canary, policy)
        except RefusedError as error:
            yield error.message
        except (UnavailableError, ConflictError) as error:
            raise BadInputError(f"--server: {error}") from error

    def _faults(self, canary: "Canary", policy: "Policy") -> Iterator[str]:
        from attrs import evolve

        from canary_adapters.controller.rehearsals import rehearsed
        from canary_adapters.extensions import Given, Objects
        from canary_adapters.kubernetes.naming import ObjectNames
        from canary_adapters.kubernetes.resources import CANARIES
        from canary_adapters.manifests import provider_of
        from canary_core.messages import Names

        namespace = canary.metadata.namespace or self._namespace
        live = self._cluster.get(CANARIES, namespace, canary.name)
        uid = live["metadata"]["uid"] if live is not None else _NOBODY
        canary = evolve(canary, metadata=evolve(canary.metadata, namespace=namespace, uid=uid))
        extension = self._registry.router(provider_of(canary, self._options.mesh_provider))
        names = ObjectNames.of(canary)
        given = Given(
            cluster=self._cluster,
            canary=canary,
            policy=policy,
            names=Names(canary=canary.name, namespace=namespace, target=names.target, kind=canary.spec.target_ref.kind),
            options=self._options,
            references=self._references,
            http=self._http,
            background=self._background,
        )
        router = extension.make(given)
        objection = router.objection() if isinstance(router, Objects) else None
        if objection is not None:
            yield objection.message
        else:
            yield from map(str, rehearsed(extension, given).findings)
