"""Planted bugs of adapters: what a campaign through the real adapters must find, or it proves nothing.

Each is a way in which adapters of this kind have failed, or could, as a patch of the real ones.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final
from unittest import mock

from attrs import evolve, frozen

from campaigns.faults import Wrong
from canary_adapters.controller.assembly import Assembly, Rolling
from canary_adapters.controller.reconciler import Reconciler
from canary_adapters.istio import IstioRouter, virtual_service
from canary_adapters.kubernetes import events
from canary_adapters.kubernetes.api import Api
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.naming import LabelFilter
from canary_adapters.kubernetes.resources import CANARIES, CONFIG_MAPS, DEPLOYMENTS, Obj, Resource
from canary_adapters.kubernetes.store import status
from canary_adapters.kubernetes.workload import deployment
from canary_adapters.kubernetes.workload.configs import Tracked, clone_configs, drop_clones, referenced_configs
from canary_adapters.kubernetes.workload.deployment import DeploymentWorkload
from canary_adapters.kubernetes.workload.template import primary_spec
from canary_adapters.manifests import Canary
from canary_adapters.prometheus import source
from canary_core import Notice, Phase, Policy, Rollout, Sample, Workload
from canary_core.messages import Names, message
from canary_core.notices import CheckNotPassed
from canary_core.split import shown_weight
from canary_ports import ConflictError, RefusedError, UnavailableError


@frozen(kw_only=True)
class PlantedAdapter:
    """A bug."""

    name: str
    what: str
    threads: tuple[str, ...]
    """Where users met it, if they did."""
    story: str
    """Under whose faults it shows; of one that shows without any it does not matter."""
    wrong: Wrong | None
    """The kind of the faults that show it soonest. None: it is found soon among all kinds."""
    active: Callable[[], AbstractContextManager[None]]
    """The adapters with the bug in them, for as long as this lasts."""


PLANTED: Final[list[PlantedAdapter]] = []
_Patch = Callable[[], Iterator[None]]


def planted(*threads: str, story: str = "a good revision", wrong: Wrong | None = None) -> Callable[[_Patch], _Patch]:
    """A bug of an adapter."""

    def plant(found: _Patch) -> _Patch:
        name, what = found.__name__.replace("_", " "), (found.__doc__ or "").splitlines()[0]
        active = contextmanager(found)
        PLANTED.append(PlantedAdapter(name=name, what=what, threads=threads, story=story, wrong=wrong, active=active))
        return found

    return plant


# -- Configuration --------------------------------------------------------------------------------------------------


@planted("fluxcd/flagger#417")
def shares_the_configuration() -> Iterator[None]:
    """The primary refers to the ConfigMaps and Secrets that people change, instead of copies."""

    def shared(target: Obj, selector: Any, labels: Sequence[str], tracked: Sequence[Tracked], replicas: int) -> Obj:
        return primary_spec(target, selector, labels, (), replicas)

    with mock.patch.object(deployment, "primary_spec", shared):
        yield


@planted("fluxcd/flagger#417")
def copies_the_configuration_too_late() -> Iterator[None]:
    """The primary is promoted first, and what it refers to is made afterwards."""
    real = DeploymentWorkload._write

    def write(self: DeploymentWorkload, target: Obj, tracked: Any, *more: Any) -> None:
        with mock.patch.object(deployment, "clone_configs"):
            real(self, target, tracked, *more)
        name, copied = self._names.target, self._settings.copied
        clone_configs(self._cluster, self._canary, tracked, self._contents, target=name, copied=copied)

    with mock.patch.object(DeploymentWorkload, "_write", write):
        yield


@planted("fluxcd/flagger#1774")
def drops_binary_data() -> Iterator[None]:
    """Of a ConfigMap only the text is copied."""
    real = Cluster.create

    def create(self: Cluster, resource: Resource, namespace: str, body: Obj) -> Obj:
        kept = {key: value for key, value in body.items() if key != "binaryData"} if resource is CONFIG_MAPS else body
        return real(self, resource, namespace, kept)

    with mock.patch.object(Cluster, "create", create):
        yield


@planted("devantler-tech/platform#1852")
def keeps_the_first_copy() -> Iterator[None]:
    """There is one copy, which is not made anew when the original changes."""

    def clone_name(self: Tracked, target: str) -> str:
        return f"{self.ref.name}-{target}-primary"

    with mock.patch.object(Tracked, "clone_name", clone_name):
        yield


@planted(story="the configuration changes during the analysis", wrong=Wrong.LATE)
def deletes_the_copies_of_its_own_promotion() -> Iterator[None]:
    """A promotion that is tried again takes for old what the first attempt has made."""

    def drop(self: DeploymentWorkload, primary: Obj, tracked: Any) -> None:
        keep = referenced_configs(primary["spec"]["template"])
        drop_clones(self._cluster, self._canary, target=self._names.target, keep=keep)

    with mock.patch.object(DeploymentWorkload, "_drop_clones", drop):
        yield


# -- Requests -------------------------------------------------------------------------------------------------------


@planted("fluxcd/flagger#638", "argoproj/argo-rollouts#2855")
def polls_settled_canaries() -> Iterator[None]:
    """Every look at a canary is a request, whether or not anything goes on."""
    real = Assembly.rolling

    def rolling(self: Assembly, obj: Obj) -> Rolling:
        self.cluster.read(CANARIES, obj["metadata"]["namespace"], obj["metadata"]["name"])
        return real(self, obj)

    with mock.patch.object(Assembly, "rolling", rolling):
        yield


@planted(story="a first primary", wrong=Wrong.TOUCHED)
def writes_without_the_version() -> Iterator[None]:
    """A change is written over whatever others have written meanwhile."""
    real = Api.replace

    def replace(self: Api, resource: Resource, body: Obj, *, subresource: str = "") -> Obj:
        metadata = body["metadata"]
        fresh = self.read(resource, metadata["namespace"], metadata["name"]) if resource.is_custom else None
        version = (fresh or {"metadata": {}})["metadata"].get("resourceVersion")
        kept = {key: value for key, value in metadata.items() if key != "resourceVersion"}
        fence = {"resourceVersion": version} if version else {}
        return real(self, resource, {**body, "metadata": {**kept, **fence}}, subresource=subresource)

    with mock.patch.object(Api, "replace", replace):
        yield


@planted(story="a first primary")
def takes_a_conflict_for_done() -> Iterator[None]:
    """That somebody else has written in between is overlooked."""
    real = Api._write

    def write(self: Api, method: str, path: str, body: Obj, **how: Any) -> Obj:
        try:
            return real(self, method, path, body, **how)
        except ConflictError:
            if method == "POST":
                raise
            return copy.deepcopy(body)

    with mock.patch.object(Api, "_write", write):
        yield


@planted(wrong=Wrong.LATE)
def takes_no_answer_for_done() -> Iterator[None]:
    """A write that nobody has answered counts as made."""
    real = Api._write

    def write(self: Api, method: str, path: str, body: Obj, **how: Any) -> Obj:
        try:
            return real(self, method, path, body, **how)
        except UnavailableError:
            if method == "POST" or not path.endswith("/virtualservices/app"):
                raise
            return copy.deepcopy(body)

    with mock.patch.object(Api, "_write", write):
        yield


@planted("argoproj/argo-rollouts#4073", "argoproj/argo-rollouts#4842")
def serves_its_cache_after_own_writes() -> Iterator[None]:
    """What the cache has not heard of yet counts as not written."""

    def covered(self: Cluster, resource: Resource, namespace: str, name: str, seen: int, cached: Any) -> Any:
        return cached

    with mock.patch.object(Cluster, "_covered", covered):
        yield


# -- What people are told -------------------------------------------------------------------------------------------


@planted("argoproj/argo-rollouts#404", "argoproj/argo-rollouts#2741", "fluxcd/flagger#1304")
def tells_no_numbers() -> Iterator[None]:
    """An event says that a check has failed, but neither value nor threshold."""

    def text(notice: Notice, names: Names) -> str:
        if isinstance(notice, CheckNotPassed):
            return f"Halt {names.full_canary} advancement, a check failed"
        return message(notice, names)

    with mock.patch.object(events, "message", text):
        yield


@planted("fluxcd/flagger#1581", "argoproj/argo-rollouts#872")
def tells_nobody_of_mistakes() -> Iterator[None]:
    """A manifest with mistakes is left alone, without a word."""
    with mock.patch.object(Rolling, "refused"):
        yield


@planted("fluxcd/flagger#1819")
def shows_the_weight_that_it_should_have() -> Iterator[None]:
    """The status says that a failed canary has no traffic, whatever the routes say."""

    def shown(policy: Policy, rollout: Rollout) -> int:
        return 0 if rollout.phase is Phase.FAILED else shown_weight(policy, rollout)

    with mock.patch.object(status, "shown_weight", shown):
        yield


@planted("fluxcd/flagger#1934")
def takes_orders_for_deeds() -> Iterator[None]:
    """A Deployment counts as ready as soon as pods were asked for."""
    real = deployment.observed

    def observed(obj: Obj, revision: str | None, **more: Any) -> Workload:
        found = real(obj, revision, **more)
        asked = found.replicas
        return evolve(found, updated=asked, total=asked, available=asked, observed=True, stalled=False)

    with mock.patch.object(deployment, "observed", observed):
        yield


@planted()
def takes_every_value_for_good() -> Iterator[None]:
    """Whatever a metric server says passes every check."""

    def one(values: list[float], *, factor: float = 1.0, count: int | None = None) -> Sample:
        return Sample(value=100.0 if values and factor == 1.0 else 0.0, count=count)

    with mock.patch.object(source, "_one", one):
        yield


# -- What is not ours -----------------------------------------------------------------------------------------------


@planted("fluxcd/flagger#274")
def loses_foreign_routes() -> Iterator[None]:
    """A VirtualService has our routes and no others."""

    def merged(canary: Canary, live: Sequence[Obj], ours: list[Obj]) -> list[Obj]:
        return ours

    with mock.patch.object(virtual_service, "_merged", merged):
        yield


@planted("fluxcd/flagger#673")
def puts_its_routes_first() -> Iterator[None]:
    """Routes of others come after ours, which match everything."""

    def merged(canary: Canary, live: Sequence[Obj], ours: list[Obj]) -> list[Obj]:
        return [*ours, *(route for route in live if not virtual_service._is_replaced(canary, route))]

    with mock.patch.object(virtual_service, "_merged", merged):
        yield


@planted("fluxcd/flagger#274", story="the canary is deleted during the analysis", wrong=Wrong.TOUCHED)
def gives_back_what_was_long_ago() -> Iterator[None]:
    """With the canary go the routes that others have made since it came."""

    def released(canary: Canary, live: Obj) -> Obj | None:
        return virtual_service.original_spec(canary, live)

    with mock.patch("canary_adapters.istio.router.released_spec", released):
        yield


@planted("fluxcd/flagger#640", story="the canary is deleted during the analysis")
def gives_back_by_half() -> Iterator[None]:
    """Once one of the routing objects is given back, the others count as given back."""
    real = IstioRouter.__init__

    def init(self: IstioRouter, *args: Any) -> None:
        real(self, *args)
        self._going = False

    with mock.patch.object(IstioRouter, "__init__", init):
        yield


@planted()
def leaves_its_mark_on_the_target() -> Iterator[None]:
    """The user's Deployment gets an annotation, which tools that compare it with a repository find."""
    real = DeploymentWorkload._scale

    def scale(self: DeploymentWorkload, target: Obj, replicas: int) -> None:
        mark = {"metadata": {"annotations": {"canary.example.com/scaled-to": str(replicas)}}}
        fresh = self._cluster.patch(DEPLOYMENTS, target, mark)
        real(self, fresh, replicas)

    with mock.patch.object(DeploymentWorkload, "_scale", scale):
        yield


# -- Mistakes of others ---------------------------------------------------------------------------------------------


@planted("argoproj/argo-rollouts#1982")
def stops_at_the_first_mistake() -> Iterator[None]:
    """All canaries are read together, so that one with mistakes keeps all of them from being served."""
    real = Reconciler._tick

    def tick(self: Reconciler, turn: Any) -> Any:
        for obj in self._assembly.cluster.list(CANARIES, turn.key[0]):
            self._assembly.reader.read(obj)
        return real(self, turn)

    with mock.patch.object(Reconciler, "_tick", tick):
        yield


@planted("fluxcd/flagger#1277")
def stumbles_over_empty_annotations() -> Iterator[None]:
    """That an object has no annotations or labels at all is not provided for."""

    def passed(self: LabelFilter, given: Mapping[str, str] | None) -> dict[str, str]:
        if given is None:
            raise TypeError("assignment to entry in nil map")
        return {key: value for key, value in given.items() if any(key.startswith(each) for each in self.prefixes)}

    with mock.patch.object(LabelFilter, "__call__", passed):
        yield


@planted()
def remembers_a_refusal_for_good() -> Iterator[None]:
    """What was once refused is not read again, although it was corrected since."""
    refused: dict[tuple[str, str], RefusedError] = {}
    real = Rolling.prepare

    def prepare(self: Rolling) -> Canary:
        place = (self._obj["metadata"]["namespace"], self._obj["metadata"]["name"])
        if place in refused:
            raise RefusedError(refused[place].reason, refused[place].message)
        try:
            return real(self)
        except RefusedError as error:
            refused[place] = error
            raise

    with mock.patch.object(Rolling, "prepare", prepare):
        yield
