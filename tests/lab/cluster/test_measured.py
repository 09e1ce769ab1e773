"""Answers that were measured on a real control plane, of the kinds and requests of controllers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kubernetes import client, watch

MERGE, APPLY = "application/merge-patch+json", "application/apply-patch+yaml"
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "example.com/i:v1"}]}}
SCALED = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}, "maxReplicas": 4}
SINGLE, BOTH = (["IPv4"], "SingleStack"), (["IPv4", "IPv6"], "RequireDualStack")


class Server:
    """Requests in a namespace; what is answered is the code, the body and the headers."""

    def __init__(self, api: Any, namespace: str) -> None:
        self._api, self.namespace = api, namespace

    def ask(
        self, method: str, path: str, body: Any = None, type_: str = "application/json", accept: str = "*/*"
    ) -> tuple[int, Any, Any]:
        """Send one; a path that starts with no slash is about what core/v1 has in the namespace."""
        where = path if path.startswith("/") else f"/api/v1/namespaces/{self.namespace}/{path}"
        head = {"Content-Type": type_, "Accept": accept}
        _, url, headers, *_ = self._api.param_serialize(
            method, where, header_params=head, auth_settings=["BearerToken"]
        )
        found = self._api.rest_client.request(method, url, headers=headers, body=body)
        return found.status, json.loads(found.response.data), found.response.headers

    def of(self, group: str, plural: str) -> str:
        """The path of a kind in the namespace."""
        return f"/apis/{group}/namespaces/{self.namespace}/{plural}"


@pytest.fixture
def server(api: Any, namespace: str) -> Server:
    """The server, and a namespace there."""
    return Server(api, namespace)


def _causes(answer: tuple[int, Any, Any]) -> tuple[int, list[str]]:
    code, body, _ = answer
    causes = (body.get("details") or {}).get("causes") or []
    return code, list(dict.fromkeys(f"{each['field']}: {each['message']}" for each in causes))


# -- managed fields ------------------------------------------------------------------------------------------------


def _managers(obj: dict[str, Any]) -> list[str]:
    return [each["manager"] for each in obj["metadata"].get("managedFields", ())]


def test_who_applies_nothing_more_is_no_manager_any_more(server: Server) -> None:
    bare = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    path = "configmaps/a?fieldManager={}"
    server.ask("PATCH", path.format("one"), {**bare, "data": {"k": "1"}}, APPLY)
    _, both, _ = server.ask("PATCH", path.format("two"), {**bare, "data": {"l": "1"}}, APPLY)
    assert sorted(_managers(both)) == ["one", "two"]
    _, left, _ = server.ask("PATCH", path.format("two"), bare, APPLY)
    assert (_managers(left), left["data"]) == (["one"], {"k": "1"})


def test_kubectl_takes_from_itself_what_is_as_it_applied_it_last(server: Server) -> None:
    """The way from `kubectl apply` to `kubectl apply --server-side`, which others do not have."""
    name = "kubectl.kubernetes.io/last-applied-configuration"
    bare = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    last = json.dumps({**bare, "data": {"k": "1", "l": "1"}})
    first = {**bare, "metadata": {"name": "a", "annotations": {name: last}}, "data": {"k": "1", "l": "other"}}
    server.ask("POST", "configmaps?fieldManager=kubectl-client-side-apply", first)
    path, as_other = "configmaps/a?fieldManager=kubectl", "configmaps/a?fieldManager=somebody"
    code, status, _ = server.ask("PATCH", as_other, {**bare, "data": {"k": "2"}}, APPLY)
    assert (code, status["details"]["causes"][0]["field"]) == (409, ".data.k")
    code, status, _ = server.ask("PATCH", path, {**bare, "data": {"k": "2", "l": "2"}}, APPLY)
    assert (code, [each["field"] for each in status["details"]["causes"]]) == (409, [".data.l"])
    code, found, _ = server.ask("PATCH", path, {**bare, "data": {"k": "2"}}, APPLY)
    assert (code, found["data"]) == (200, {"k": "2", "l": "other"})
    noted = found["metadata"]["annotations"][name]
    assert json.loads(noted) == {**bare, "data": {"k": "2"}}
    owners = {each["manager"]: each["fieldsV1"].get("f:data") for each in found["metadata"]["managedFields"]}
    assert owners == {"kubectl": {"f:k": {}}, "kubectl-client-side-apply": {".": {}, "f:l": {}}}


@pytest.mark.parametrize("reset", [[], [{}]])
def test_an_empty_list_forgets_all_managers(server: Server, reset: list[Any]) -> None:
    code, made, _ = server.ask("POST", "configmaps", {"metadata": {"name": "a"}, "data": {"k": "1"}})
    assert (code, len(_managers(made))) == (201, 1)
    _, found, _ = server.ask("PUT", "configmaps/a", {"metadata": {"name": "a", "managedFields": reset}, "data": {}})
    assert _managers(found) == []
    code, made, _ = server.ask("POST", "configmaps", {"metadata": {"name": "b", "managedFields": [{}]}})
    assert (code, _managers(made)) == (201, [])


def test_what_the_server_adds_belongs_to_nobody(server: Server) -> None:
    spec = {"clusterIP": "None", "selector": {"a": "b"}, "ports": [{"port": 80}]}
    _, made, _ = server.ask("POST", "services", {"metadata": {"name": "s"}, "spec": spec})
    (entry,) = made["metadata"]["managedFields"]
    assert "f:clusterIP" in entry["fieldsV1"]["f:spec"]
    assert not {"f:clusterIPs", "f:ipFamilies"} & set(entry["fieldsV1"]["f:spec"])


def test_controllers_are_one_manager_and_a_scale_has_no_time(server: Server, api: Any) -> None:
    path = server.of("apps/v1", "deployments")
    spec = {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": TEMPLATE}
    server.ask("POST", path, {"metadata": {"name": "d"}, "spec": spec})
    server.ask("PATCH", f"{path}/d/scale", {"spec": {"replicas": 2}}, MERGE)
    found = _until_settled(server, api, 2)["metadata"]["managedFields"]
    assert [each["manager"] for each in found if each.get("subresource") == "status"] == ["kube-controller-manager"]
    assert ["time" in each for each in found if each.get("subresource") == "scale"] == [False]


# -- rollouts ------------------------------------------------------------------------------------------------------


def _until_settled(server: Server, api: Any, generation: int) -> Any:
    """The Deployment once its status is of that generation and all its Pods are available."""
    apps: Any = client.AppsV1Api(api)
    follow = watch.Watch()
    listed = apps.list_namespaced_deployment(server.namespace)
    events = [{"raw_object": api.sanitize_for_serialization(each)} for each in listed.items]
    rest = follow.stream(
        apps.list_namespaced_deployment,
        server.namespace,
        resource_version=listed.metadata.resource_version,
        timeout_seconds=60,
    )
    for event in (each for part in (events, rest) for each in part):
        obj = event["raw_object"]
        status, wanted = obj.get("status") or {}, obj["spec"]["replicas"]
        counts = [status.get(key) or 0 for key in ("replicas", "updatedReplicas", "availableReplicas")]
        if status.get("observedGeneration") == generation and counts == [wanted] * 3:
            follow.stop()
            return obj
    raise AssertionError(f"generation {generation} was not seen to settle")


def test_a_template_that_comes_back_with_no_pods_leaves_the_condition_as_it_was(server: Server, api: Any) -> None:
    """What has no reason to change keeps its message, which names a ReplicaSet of another template by now."""
    path = server.of("apps/v1", "deployments")
    spec = {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": TEMPLATE}
    server.ask("POST", path, {"metadata": {"name": "d"}, "spec": spec})
    _until_settled(server, api, 1)
    images = ("example.com/i:v2", "example.com/i:v1")
    found = []
    for generation, image in enumerate(images, 2):
        containers = [{"name": "c", "image": image}]
        server.ask("PATCH", f"{path}/d", {"spec": {"template": {"spec": {"containers": containers}}}}, MERGE)
        obj = _until_settled(server, api, generation)
        found.append({each["type"]: each for each in obj["status"]["conditions"]}["Progressing"])
    assert [each["reason"] for each in found] == ["NewReplicaSetAvailable"] * 2
    assert found[0]["message"] == found[1]["message"]


def test_a_deployment_that_grows_has_seen_its_generation_before_its_numbers_say_so(server: Server, api: Any) -> None:
    path = server.of("apps/v1", "deployments")
    spec = {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": TEMPLATE}
    server.ask("POST", path, {"metadata": {"name": "d"}, "spec": spec})
    version = _until_settled(server, api, 1)["metadata"]["resourceVersion"]
    server.ask("PATCH", f"{path}/d", {"spec": {"replicas": 2}}, MERGE)
    apps: Any = client.AppsV1Api(api)
    follow = watch.Watch()
    events = follow.stream(
        apps.list_namespaced_deployment, server.namespace, resource_version=version, timeout_seconds=60
    )
    statuses = (event["raw_object"]["status"] for event in events)
    first = next(status for status in statuses if status.get("observedGeneration") == 2)
    follow.stop()
    assert [first.get(key, 0) for key in ("replicas", "updatedReplicas", "unavailableReplicas")] == [0, 0, 0]


# -- Services ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("selector", "wanted"), [(None, BOTH), ({"a": "b"}, SINGLE)])
def test_a_headless_service_without_selector_is_of_both_families(
    server: Server, selector: dict[str, str] | None, wanted: tuple[list[str], str]
) -> None:
    spec = {"clusterIP": "None", "selector": selector, "ports": [{"port": 80}]}
    _, made, _ = server.ask("POST", "services", {"metadata": {"name": "s"}, "spec": spec})
    assert (made["spec"]["ipFamilies"], made["spec"]["ipFamilyPolicy"]) == wanted


def test_a_service_that_becomes_a_name_gives_up_its_address_and_gets_one_when_it_comes_back(server: Server) -> None:
    server.ask("POST", "services", {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}})
    addressed = {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"}
    to_name = {"type": "ExternalName", "externalName": "a.example.com"}
    code, named, _ = server.ask("PATCH", "services/s", {"spec": to_name}, MERGE)
    assert (code, addressed & set(named["spec"])) == (200, set())
    back = {"type": "ClusterIP", "externalName": None}
    code, found, _ = server.ask("PATCH", "services/s", {"spec": back}, MERGE)
    assert (code, addressed & set(found["spec"])) == (200, addressed)
    assert found["spec"]["clusterIPs"] == [found["spec"]["clusterIP"]]


def test_sticky_sessions_of_a_service_last_three_hours(server: Server) -> None:
    spec = {"sessionAffinity": "ClientIP", "ports": [{"port": 80}]}
    _, made, _ = server.ask("POST", "services", {"metadata": {"name": "s"}, "spec": spec})
    assert made["spec"]["sessionAffinityConfig"] == {"clientIP": {"timeoutSeconds": 10800}}


@pytest.mark.parametrize("kind", ["NodePort", "LoadBalancer"])
def test_ports_of_the_nodes_are_given_once_kept_and_given_up(server: Server, kind: str) -> None:
    ports: list[Any] = [{"name": "a", "port": 80}, {"name": "b", "port": 80, "protocol": "UDP"}]
    _, made, _ = server.ask("POST", "services", {"metadata": {"name": "s"}, "spec": {"type": kind, "ports": ports}})
    given = [port["nodePort"] for port in made["spec"]["ports"]]
    assert len(set(given)) == 1, "one number, two protocols"
    assert all(30000 <= port <= 32767 for port in given)
    more = [*ports, {"name": "c", "port": 81, "nodePort": 32100}, {"name": "d", "port": 81, "protocol": "UDP"}]
    _, found, _ = server.ask("PATCH", "services/s", {"spec": {"ports": more}}, MERGE)
    *opened, last = [port["nodePort"] for port in found["spec"]["ports"]]
    assert opened == [*given, 32100]
    assert last not in opened, "what is added shares with nobody"
    inside = {"type": "ClusterIP", "externalTrafficPolicy": None, "allocateLoadBalancerNodePorts": None}
    _, found, _ = server.ask("PATCH", "services/s", {"spec": inside}, MERGE)
    assert [port.get("nodePort") for port in found["spec"]["ports"]] == [None] * 4


def test_ports_of_one_number_share_the_one_that_is_asked_for(server: Server) -> None:
    ports = [{"name": "a", "port": 80}, {"name": "b", "port": 80, "protocol": "UDP", "nodePort": 32101}]
    spec = {"type": "NodePort", "ports": ports}
    _, made, _ = server.ask("POST", "services", {"metadata": {"name": "s"}, "spec": spec})
    assert [port["nodePort"] for port in made["spec"]["ports"]] == [32101, 32101]


@pytest.mark.parametrize(
    ("port", "why"),
    [
        (32102, "provided port is already allocated"),
        (99, "provided port is not in the valid range. The range of valid ports is 30000-32767"),
    ],
    ids=["taken", "out of range"],
)
def test_a_port_of_the_nodes_that_cannot_be_had_is_refused(server: Server, port: int, why: str) -> None:
    taken = {"type": "NodePort", "ports": [{"port": 80, "nodePort": 32102}]}
    server.ask("POST", "services", {"metadata": {"name": "first"}, "spec": taken})
    spec = {"type": "NodePort", "ports": [{"port": 80, "nodePort": port}]}
    told = [f"spec.ports[0].nodePort: Invalid value: {port}: {why}"]
    assert _causes(server.ask("POST", "services", {"metadata": {"name": "s"}, "spec": spec})) == (422, told)
    given = {"type": "NodePort", "ports": [{"port": 80}]}
    server.ask("POST", "services", {"metadata": {"name": "s"}, "spec": given})
    assert _causes(server.ask("PATCH", "services/s", {"spec": spec}, MERGE)) == (422, told)


@pytest.mark.parametrize(
    ("ports", "wanted"),
    [
        (
            [{"port": 80, "protocol": "X"}],
            'spec.ports[0].protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"',
        ),
        (
            [{"port": 80, "name": "a"}, {"port": 80, "name": "b"}],
            (
                'spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,'
                '"TargetPort":0,"NodePort":0}'
            ),
        ),
        ([{"port": 80, "name": "a"}, {"port": 81, "name": "a"}], 'spec.ports[1].name: Duplicate value: "a"'),
        (
            [{"port": 80, "name": "A_b"}],
            (
                'spec.ports[0].name: Invalid value: "A_b": a lowercase RFC 1123 label must consist of lower case '
                "alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. "
                "'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
            ),
        ),
    ],
    ids=["protocol", "same number", "same name", "bad name"],
)
def test_ports_of_a_service_are_checked(server: Server, ports: list[Any], wanted: str) -> None:
    answer = server.ask("POST", "services", {"metadata": {"name": "s"}, "spec": {"ports": ports}})
    assert _causes(answer) == (422, [wanted])


# -- Sizes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "code"), [(1_500_000, 201), (1_600_000, 500), (3_200_000, 413)])
def test_an_object_has_to_fit_into_the_store(server: Server, size: int, code: int) -> None:
    container = {"name": "app", "image": "example.com/app:v1", "args": ["x" * size]}
    pods = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [container]}}
    spec = {"replicas": 0, "selector": {"matchLabels": {"app": "a"}}, "template": pods}
    answered, body, _ = server.ask(
        "POST", server.of("apps/v1", "deployments"), {"metadata": {"name": "a"}, "spec": spec}
    )
    told = {500: "etcdserver: request is too large", 413: "Request entity too large: limit is 3145728"}
    assert (answered, body.get("message")) == (code, told.get(code))


# -- HorizontalPodAutoscalers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        (
            {"minReplicas": 0},
            [
                "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1",
                (
                    "spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling "
                    "to zero replicas"
                ),
            ],
        ),
        ({"minReplicas": -1}, ["spec.minReplicas: Invalid value: -1: must be greater than or equal to 1"]),
        (
            {"metrics": [{"type": "Resource"}]},
            ["spec.metrics[0].resource: Required value: must populate information for the given metric source"],
        ),
        (
            {"metrics": [{"type": "Nope"}]},
            [
                (
                    'spec.metrics[0].type: Unsupported value: "Nope": supported values: "ContainerResource", '
                    '"External", "Object", "Pods", "Resource"'
                )
            ],
        ),
        (
            {"metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization"}}}]},
            [
                (
                    "spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw "
                    "value or a target utilization"
                )
            ],
        ),
        (
            {"behavior": {"scaleDown": {"stabilizationWindowSeconds": -60}}},
            [
                (
                    "spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: -60: must be greater than or "
                    "equal to zero"
                )
            ],
        ),
    ],
    ids=["none", "fewer than none", "no source", "unknown source", "no target", "window"],
)
def test_autoscalers_are_checked(server: Server, changed: dict[str, Any], wanted: list[str]) -> None:
    path = server.of("autoscaling/v2", "horizontalpodautoscalers")
    answer = server.ask("POST", path, {"metadata": {"name": "h"}, "spec": {**SCALED, **changed}})
    assert _causes(answer) == (422, wanted)


# -- lists, tokens, HTTP -------------------------------------------------------------------------------------------


def test_a_list_of_any_state_comes_whole_whatever_its_limit(server: Server) -> None:
    for name in ("a", "b", "c"):
        server.ask("POST", "configmaps", {"metadata": {"name": name, "labels": {"page": "1"}}})
    newest = "configmaps?labelSelector=page%3D1&limit=2"
    assert len(server.ask("GET", newest)[1]["items"]) == 2
    _, whole, _ = server.ask("GET", f"{newest}&resourceVersion=0")
    assert "continue" not in whole["metadata"]
    assert [each["metadata"]["name"] for each in whole["items"]] == ["a", "b", "c"]


def test_a_token_is_good_for_ten_minutes_at_least(server: Server) -> None:
    server.ask("POST", "serviceaccounts", {"metadata": {"name": "bot"}})
    answer = server.ask("POST", "serviceaccounts/bot/token", {"spec": {"expirationSeconds": 60}})
    why = "spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes"
    assert _causes(answer) == (422, [why])
    code, made, _ = server.ask("POST", "serviceaccounts/bot/token", {"spec": {"expirationSeconds": 600}})
    _, account, _ = server.ask("GET", "serviceaccounts/bot")
    assert (code, made["metadata"]["uid"]) == (201, account["metadata"]["uid"])
    assert made["spec"]["audiences"] == ["https://kubernetes.default.svc"]


def test_answers_are_not_to_be_kept(server: Server) -> None:
    for path in ("configmaps", "configmaps/none", "/version", "/apis/apps/v1"):
        assert server.ask("GET", path)[2]["Cache-Control"] == "no-cache, private"


def test_what_could_be_watched_could_be_a_stream(server: Server) -> None:
    server.ask("POST", "configmaps", {"metadata": {"name": "a"}})
    streams = "application/json;stream=watch"
    for path, wanted in (("configmaps", True), ("configmaps/a", False)):
        code, status, _ = server.ask("GET", path, accept="text/plain")
        assert (code, streams in status["message"]) == (406, wanted)
