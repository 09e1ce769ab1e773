"""Which resources are served: the built-in ones, and those that definitions add while the server runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
CUSTOM_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
META_FIELDS = frozenset({"metadata.name", "metadata.namespace"})


@frozen
class Subresource:
    """A part of a resource with a path of its own, and the kind that is spoken there."""

    name: str
    verbs: tuple[str, ...]
    kind: str = ""
    """Empty: the kind of the resource."""
    group: str = ""
    version: str = ""


@frozen(eq=False)
class Resource:
    """A resource in one version."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    singular: str = ""
    list_kind: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: Mapping[str, Subresource] = field(factory=dict)
    verbs: tuple[str, ...] = VERBS
    go_type: str = ""
    """The Go type of a built-in kind; empty for a custom one."""
    store: str = ""
    """Where the objects are; two versions or groups may share one."""
    definition: Mapping[str, Any] = field(factory=dict)
    """For a custom resource its version of the CustomResourceDefinition."""

    @property
    def api_version(self) -> str:
        """Such as apps/v1, or v1."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def custom(self) -> bool:
        """Whether a definition made it."""
        return not self.go_type


_EDIT = ("get", "patch", "update")
_SUBRESOURCES = {
    "status": Subresource("status", _EDIT),
    "scale": Subresource("scale", _EDIT, "Scale", "autoscaling", "v1"),
    "finalize": Subresource("finalize", ("update",)),
    "token": Subresource("token", ("create",), "TokenRequest", "authentication.k8s.io", "v1"),
    "log": Subresource("log", ("get",)),
    "attach": Subresource("attach", ("create", "get"), "PodAttachOptions"),
    "binding": Subresource("binding", ("create",), "Binding"),
    "ephemeralcontainers": Subresource("ephemeralcontainers", _EDIT),
    "eviction": Subresource("eviction", ("create",), "Eviction", "policy", "v1"),
    "exec": Subresource("exec", ("create", "get"), "PodExecOptions"),
    "portforward": Subresource("portforward", ("create", "get"), "PodPortForwardOptions"),
    "proxy": Subresource("proxy", ("create", "delete", "get", "patch", "update"), "PodProxyOptions"),
    "resize": Subresource("resize", _EDIT),
}
_POD_SUBRESOURCES = "attach,binding,ephemeralcontainers,eviction,exec,log,portforward,proxy,resize,status"

# group/version  kind  plural  short names  scope (N, C)  categories  subresources
_BUILT_IN = f"""
v1 ConfigMap configmaps cm N - -
v1 Endpoints endpoints ep N - -
v1 Event events ev N - -
v1 LimitRange limitranges limits N - -
v1 Namespace namespaces ns C - finalize,status
v1 Node nodes no C - status
v1 PersistentVolumeClaim persistentvolumeclaims pvc N - status
v1 Pod pods po N all {_POD_SUBRESOURCES}
v1 PodTemplate podtemplates - N - -
v1 ResourceQuota resourcequotas quota N - status
v1 Secret secrets - N - -
v1 ServiceAccount serviceaccounts sa N - token
v1 Service services svc N all status
apiregistration.k8s.io/v1 APIService apiservices - C api-extensions status
apps/v1 ControllerRevision controllerrevisions - N - -
apps/v1 DaemonSet daemonsets ds N all status
apps/v1 Deployment deployments deploy N all scale,status
apps/v1 ReplicaSet replicasets rs N all scale,status
apps/v1 StatefulSet statefulsets sts N all scale,status
events.k8s.io/v1 Event events ev N - -
authentication.k8s.io/v1 SelfSubjectReview selfsubjectreviews - C - -
authentication.k8s.io/v1 TokenReview tokenreviews - C - -
authorization.k8s.io/v1 SelfSubjectAccessReview selfsubjectaccessreviews - C - -
authorization.k8s.io/v1 SelfSubjectRulesReview selfsubjectrulesreviews - C - -
authorization.k8s.io/v1 SubjectAccessReview subjectaccessreviews - C - -
autoscaling/v2 HorizontalPodAutoscaler horizontalpodautoscalers hpa N all status
autoscaling/v1 HorizontalPodAutoscaler horizontalpodautoscalers hpa N all status
batch/v1 CronJob cronjobs cj N all status
batch/v1 Job jobs - N all status
networking.k8s.io/v1 Ingress ingresses ing N - status
networking.k8s.io/v1 NetworkPolicy networkpolicies netpol N - -
policy/v1 PodDisruptionBudget poddisruptionbudgets pdb N - status
rbac.authorization.k8s.io/v1 ClusterRoleBinding clusterrolebindings - C - -
rbac.authorization.k8s.io/v1 ClusterRole clusterroles - C - -
rbac.authorization.k8s.io/v1 RoleBinding rolebindings - N - -
rbac.authorization.k8s.io/v1 Role roles - N - -
apiextensions.k8s.io/v1 CustomResourceDefinition customresourcedefinitions crd,crds C api-extensions status
coordination.k8s.io/v1 Lease leases - N - -
discovery.k8s.io/v1 EndpointSlice endpointslices - N - -
"""
_GO_PACKAGES = {"": "core", "events.k8s.io": "events", "apiextensions.k8s.io": "apiextensions"}
_STORES = {"events.k8s.io/events": "core/events"}
_SINGULARS = {"Endpoints": "endpoints"}


def _built_in(line: str) -> Resource:
    api_version, kind, plural, short, scope, categories, subresources = line.split()
    group, _, version = api_version.rpartition("/")
    names = [] if subresources == "-" else subresources.split(",")
    store = f"{group or 'core'}/{plural}"
    review = kind.endswith("Review")
    return Resource(
        group=group,
        version=version,
        plural=plural,
        kind=kind,
        namespaced=scope == "N",
        singular=_SINGULARS.get(kind, kind.lower()),
        list_kind=f"{kind}List",
        short_names=() if short == "-" else tuple(short.split(",")),
        categories=() if categories == "-" else tuple(categories.split(",")),
        subresources={n: _SUBRESOURCES[n] for n in names},
        verbs=("create",) if review else tuple(v for v in VERBS if kind != "Namespace" or v != "deletecollection"),
        go_type=f"{_GO_PACKAGES.get(group, group.split('.')[0])}/{version}.{kind}",
        store=_STORES.get(store, store),
    )


def from_definition(definition: Mapping[str, Any]) -> list[Resource]:
    """The resources, one for each served version, that a CustomResourceDefinition makes."""
    spec, names = definition["spec"], definition["spec"]["names"]
    return [
        Resource(
            group=spec["group"],
            version=version["name"],
            plural=names["plural"],
            kind=names["kind"],
            namespaced=spec["scope"] == "Namespaced",
            singular=names.get("singular", ""),
            list_kind=names["listKind"],
            short_names=tuple(names.get("shortNames") or ()),
            categories=tuple(names.get("categories") or ()),
            subresources={n: _SUBRESOURCES[n] for n in sorted(version.get("subresources") or {})},
            verbs=CUSTOM_VERBS,
            store=f"{spec['group']}/{names['plural']}",
            definition=version,
        )
        for version in spec["versions"]
        if version.get("served")
    ]


class Registry:
    """All resources, by group, version and plural."""

    def __init__(self) -> None:
        self._all: dict[tuple[str, str, str], Resource] = {}
        self.built_in = [_built_in(line) for line in _BUILT_IN.strip().splitlines()]
        self.built_in_groups = {r.group for r in self.built_in}
        self.add(self.built_in)

    def add(self, resources: Iterable[Resource]) -> None:
        """Serves more resources."""
        self._all.update({(r.group, r.version, r.plural): r for r in resources})

    def remove(self, group: str, plural: str) -> None:
        """Serves no version of a resource any more."""
        self._all = {k: r for k, r in self._all.items() if (k[0], k[2]) != (group, plural)}

    def get(self, group: str, version: str, plural: str) -> Resource | None:
        """A resource, or None."""
        return self._all.get((group, version, plural))

    def of_kind(self, api_version: str, kind: str) -> Resource | None:
        """The resource of an object or of a reference."""
        return next((r for r in self._all.values() if r.kind == kind and r.api_version == api_version), None)

    def of_store(self, store: str) -> Resource | None:
        """A resource that is kept there."""
        return next((r for r in self._all.values() if r.store == store), None)

    def in_version(self, group: str, version: str) -> list[Resource]:
        """The resources of a group version by name."""
        return sorted((r for (g, v, _), r in self._all.items() if (g, v) == (group, version)), key=lambda r: r.plural)

    def groups(self) -> dict[str, list[str]]:
        """Groups in the order of discovery, each with its versions, the preferred one first."""
        found: dict[str, list[str]] = {}
        for group, version, _ in self._all:
            versions = found.setdefault(group, [])
            if version not in versions:
                versions.append(version)
        return {g: sorted(versions, key=_priority, reverse=True) for g, versions in found.items()}


def _priority(version: str) -> tuple[int, int, int]:
    """v2 before v1 before v1beta2 before v1beta1 before v1alpha1."""
    match = re.fullmatch(r"v(\d+)(?:(alpha|beta)(\d+))?", version)
    if not match:
        return (0, 0, 0)
    return ({None: 3, "beta": 2, "alpha": 1}[match[2]], int(match[1]), int(match[3] or 0))
