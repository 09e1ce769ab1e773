"""What the Pods of the charts may do: roles, tokens, secrets, security contexts, and who reaches them."""

from __future__ import annotations

import base64
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from itertools import product
from pathlib import Path

import pytest
import yaml

from applications.chart_values import EVERYTHING, SETS, TEAMS
from canary_adapters.denied_addresses import DEFAULT
from canary_adapters.loadtester.gate_tokens import GateTokens
from laboratories.helm import CONTROLLER, LOADTESTER, ROOT, Helm, Obj, container, kinds, one, pod_spec

pytestmark = pytest.mark.slow

RBAC = ROOT / "examples" / "controller" / "rbac.yaml"


def _rules(objects: list[Obj]) -> dict[str, set[tuple[str, str, str]]]:
    """What each kind of role grants, as group, resource and verb."""
    found: dict[str, set[tuple[str, str, str]]] = {}
    for obj in objects:
        for rule in () if _aggregated(obj) else obj.get("rules") or ():
            assert set(rule) == {"apiGroups", "resources", "verbs"}
            granted = set(product(rule["apiGroups"], rule["resources"], rule["verbs"]))
            found.setdefault(obj["kind"], set()).update(granted)
    return found


def _aggregated(obj: Obj) -> set[str]:
    """The usual roles to which the rights of a role are added: those of people, and not of the controller."""
    labels = obj["metadata"].get("labels") or {}
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    return {key.removeprefix(prefix) for key, value in labels.items() if key.startswith(prefix) and value == "true"}


READ, WRITE = {"get", "list", "watch"}, {"create", "delete", "deletecollection", "patch", "update"}


def test_view_sees_canaries_and_edit_may_write_them_and_nothing_that_is_the_controllers(helm: Helm) -> None:
    granted: dict[str, set[tuple[str, str, str]]] = {}
    for obj in helm.render(CONTROLLER):
        for role in _aggregated(obj):
            assert obj["kind"] == "ClusterRole"
            for rule in obj["rules"]:
                granted.setdefault(role, set()).update(product(rule["apiGroups"], rule["resources"], rule["verbs"]))
    seen = set(product(["flagger.app"], ["canaries", "metrictemplates", "alertproviders"], READ))
    written = set(product(["flagger.app"], ["canaries"], WRITE))
    assert granted == {"view": seen, "edit": seen | written, "admin": seen | written}


@pytest.mark.parametrize(
    "values", [{"rbac": {"aggregateClusterRoles": False}}, {"rbac": {"create": False}}, {"namespace": "team-a"}]
)
def test_the_usual_roles_stay_as_they_are_where_that_is_wanted(helm: Helm, values: Obj) -> None:
    assert [obj for obj in helm.render(CONTROLLER, values) if _aggregated(obj)] == []


def test_rights_are_those_that_the_controller_is_tested_with(helm: Helm) -> None:
    ours = _rules(helm.render(CONTROLLER))
    assert ours == _rules([found for found in yaml.safe_load_all(RBAC.read_text()) if found])
    assert not any("*" in part for granted in ours.values() for one_right in granted for part in one_right)


REVIEWS = {
    ("authentication.k8s.io", "tokenreviews", "create"),
    ("authorization.k8s.io", "subjectaccessreviews", "create"),
}


def test_the_live_page_adds_questions_about_callers_and_nothing_else(helm: Helm) -> None:
    plain, paged = _rules(helm.render(CONTROLLER)), _rules(helm.render(CONTROLLER, {"livePage": {"enabled": True}}))
    assert paged == {**plain, "ClusterRole": plain["ClusterRole"] | REVIEWS}
    assert REVIEWS.isdisjoint(plain["ClusterRole"])
    example = ROOT / "examples" / "controller" / "live-page.yaml"
    assert _rules(list(yaml.safe_load_all(example.read_text()))) == {"ClusterRole": REVIEWS}
    alone = helm.render(CONTROLLER, {"livePage": {"enabled": True}, "namespace": "team-a"})
    assert _rules(alone)["ClusterRole"] == REVIEWS
    without = helm.render(CONTROLLER, {"livePage": {"enabled": True}, "rbac": {"create": False}})
    assert _rules(without) == {}


def test_the_live_page_is_served_where_its_service_leads(helm: Helm) -> None:
    plain = helm.render(CONTROLLER)
    assert not [arg for arg in container(plain)["args"] if "dashboard" in arg]
    assert "Service" not in kinds(plain)
    objects = helm.render(CONTROLLER, {"livePage": {"enabled": True}, "networkPolicy": {"enabled": True}})
    assert "-dashboard-port=8081" in container(objects)["args"]
    assert "-dashboard-verbs" not in container(objects)["args"]
    assert {"name": "page", "containerPort": 8081} in container(objects)["ports"]
    (port,) = one(objects, "Service")["spec"]["ports"]
    assert port["targetPort"] == "page"
    labels = one(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert one(objects, "Service")["spec"]["selector"].items() <= labels.items()
    ports = one(objects, "NetworkPolicy")["spec"]["ingress"][0]["ports"]
    assert ports == [{"port": "http", "protocol": "TCP"}, {"port": "page", "protocol": "TCP"}]
    acting = helm.render(CONTROLLER, {"livePage": {"enabled": True, "verbs": True}})
    assert "-dashboard-verbs" in container(acting)["args"]


def test_rights_in_one_namespace_are_no_rights_elsewhere(helm: Helm) -> None:
    objects = helm.render(CONTROLLER, {"namespace": "team-a"})
    assert {"ClusterRole", "ClusterRoleBinding"}.isdisjoint(kinds(objects))
    roles = [obj for obj in objects if obj["kind"] in {"Role", "RoleBinding"}]
    assert {obj["metadata"]["namespace"] for obj in roles} == {"team-a"}
    whole = _rules(helm.render(CONTROLLER))
    assert _rules(objects) == {"Role": whole["ClusterRole"] | whole["Role"]}
    subjects = [subject for obj in roles for subject in obj.get("subjects", ())]
    assert {(each["name"], each["namespace"]) for each in subjects} == {("canary", "canary-system")}
    assert "-namespace=team-a" in container(objects)["args"]


def test_without_tracking_secrets_are_read_one_by_one_and_nothing_else_is_done_to_them(helm: Helm) -> None:
    with_tracking = _rules(helm.render(CONTROLLER))["ClusterRole"]
    without = _rules(helm.render(CONTROLLER, {"configTracking": {"enabled": False}}))["ClusterRole"]
    assert with_tracking - without == {
        right for right in with_tracking if right[1] in {"configmaps", "secrets"} and right != ("", "secrets", "get")
    }
    assert without < with_tracking


def test_no_election_needs_no_leases(helm: Helm) -> None:
    objects = helm.render(CONTROLLER, {"leaderElection": {"enabled": False}})
    assert "Role" not in _rules(objects)
    assert one(objects, "Deployment")["spec"]["strategy"] == {"type": "Recreate"}
    assert "-enable-leader-election" not in container(objects)["args"]


def test_several_replicas_elect_a_leader_whatever_is_said(helm: Helm) -> None:
    objects = helm.render(CONTROLLER, {"leaderElection": {"enabled": False, "replicaCount": 2}})
    assert one(objects, "Deployment")["spec"]["replicas"] == 2
    assert {"-enable-leader-election", "-leader-election-namespace=canary-system"} < set(container(objects)["args"])
    assert ("coordination.k8s.io", "leases", "update") in _rules(objects)["Role"]


def test_the_load_tester_has_no_token_unless_it_has_a_role(helm: Helm) -> None:
    assert pod_spec(helm.render(LOADTESTER))["automountServiceAccountToken"] is False
    assert kinds(helm.render(LOADTESTER)) == ["Deployment", "Service"]
    with_role = helm.render(LOADTESTER, {"rbac": {"create": True}}, release="load")
    assert pod_spec(with_role)["automountServiceAccountToken"] is True
    assert pod_spec(with_role)["serviceAccountName"] == one(with_role, "ServiceAccount")["metadata"]["name"]


@pytest.mark.parametrize(
    "name",
    [
        *("defaults", "the article", "Flagger's own", "everything", "many teams"),
        *("load tester", "load tester, many teams"),
    ],
)
def test_pods_meet_the_restricted_standard(helm: Helm, name: str) -> None:
    chart, release, values = SETS[name]
    objects = helm.render(chart, values, release=release)
    context = container(objects)["securityContext"]
    assert context.pop("runAsUser") > 0
    assert context.pop("runAsGroup") > 0
    assert context == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    pod = pod_spec(objects)
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    places = [mount["mountPath"] for mount in container(objects)["volumeMounts"]]
    assert len(places) == len(set(places))
    assert "/tmp" in places  # noqa: S108 - the place for what programs need for a moment


def test_addresses_with_secrets_are_in_a_secret_and_no_flag(helm: Helm) -> None:
    objects = helm.render(CONTROLLER, EVERYTHING, release="rollouts")
    secret = one(objects, "Secret")
    data = {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
    assert data == {
        "EVENT_WEBHOOK_URL": "http://events.example.com/",
        "MSTEAMS_PROXY_URL": "http://proxy:3129",
        "MSTEAMS_URL": "https://teams.example.com/y",
        "SLACK_PROXY_URL": "http://proxy:3128",
    }
    env = {each["name"]: each["valueFrom"]["secretKeyRef"]["name"] for each in container(objects)["env"]}
    assert env == {**dict.fromkeys(data, secret["metadata"]["name"]), "SLACK_URL": "own"}
    assert not any("example.com" in arg or "proxy" in arg for arg in container(objects)["args"] if "metrics" not in arg)
    changed = helm.render(CONTROLLER, {**EVERYTHING, "eventWebhook": "http://other.example.com/"}, release="rollouts")
    sums = [
        one(each, "Deployment")["spec"]["template"]["metadata"]["annotations"]["checksum/secrets"]
        for each in (objects, changed)
    ]
    assert sums[0] != sums[1]


def test_a_policy_of_the_network_lets_in_whom_it_names(helm: Helm) -> None:
    plain = one(helm.render(CONTROLLER, {"networkPolicy": {"enabled": True}}), "NetworkPolicy")["spec"]
    assert plain["policyTypes"] == ["Ingress"]
    assert plain["ingress"] == [{"ports": [{"port": "http", "protocol": "TCP"}]}]
    given_values = EVERYTHING["networkPolicy"]
    bounded = one(helm.render(CONTROLLER, EVERYTHING), "NetworkPolicy")["spec"]
    assert bounded["policyTypes"] == ["Ingress", "Egress"]
    assert bounded["ingress"][0]["from"] == given_values["ingressFrom"]
    assert bounded["egress"] == given_values["egress"]


# -- Many teams -----------------------------------------------------------------------------------------------------

BOTH = pytest.mark.parametrize(("chart", "values"), [(CONTROLLER, {"tenants": True}), (LOADTESTER, TEAMS)])


def _reached(egress: list[Obj], address: str, port: int) -> bool:
    """Whether rules let something out to an address that is no Pod's."""
    found = ip_address(address)
    return any(
        ("ports" not in rule or port in {each["port"] for each in rule["ports"]})
        and ("to" not in rule or any(_fits(peer["ipBlock"], found) for peer in rule["to"] if "ipBlock" in peer))
        for rule in egress
    )


def _fits(block: Obj, address: IPv4Address | IPv6Address) -> bool:
    excepted = any(address in ip_network(each) for each in block["except"])
    return address in ip_network(block["cidr"]) and not excepted


@BOTH
def test_pods_send_nothing_to_denied_addresses(helm: Helm, chart: Path, values: Obj) -> None:
    """But questions to name servers, which are at link-local addresses on the nodes of many clusters."""
    spec = one(helm.render(chart, values), "NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    for network in DEFAULT.networks:
        for address in (str(network.network_address), str(network.broadcast_address)):
            assert not _reached(spec["egress"], address, 80)
            assert _reached(spec["egress"], address, 53)
    for address in ("10.96.0.1", "8.8.8.8", "fd00::1", "2001:db8::1"):
        assert _reached(spec["egress"], address, 443)
    # Pods of all namespaces: canaries, Prometheus, webhooks.
    assert {"namespaceSelector": {}} in [peer for rule in spec["egress"] for peer in rule.get("to", ())]


@BOTH
def test_rules_that_are_given_win_over_those_for_many_teams(helm: Helm, chart: Path, values: Obj) -> None:
    rules = EVERYTHING["networkPolicy"]
    spec = one(helm.render(chart, {**values, "networkPolicy": rules}), "NetworkPolicy")["spec"]
    assert (spec["ingress"][0]["from"], spec["egress"]) == (rules["ingressFrom"], rules["egress"])


@BOTH
def test_more_addresses_are_denied_in_both_places(helm: Helm, chart: Path, values: Obj) -> None:
    more = {"denyAddresses": ["default", "10.9.0.0/16", "10.8.7.6", "2001:db8::7"]}
    objects = helm.render(chart, {**values, **more})
    egress = one(objects, "NetworkPolicy")["spec"]["egress"]
    for address in ("10.9.8.7", "10.8.7.6", "2001:db8::7", "169.254.169.254"):
        assert not _reached(egress, address, 80)
    assert _reached(egress, "10.8.7.5", 80)
    flag = next(each for each in container(objects)["args"] if each.startswith("-deny-addresses="))
    # Commands could say to the load tester itself that they are others.
    own = ",127.0.0.0/8,0.0.0.0,::1,::" if chart == LOADTESTER else ""
    assert flag == f"-deny-addresses=default,10.9.0.0/16,10.8.7.6,2001:db8::7{own}"


def test_only_the_namespace_of_the_controller_reaches_the_load_tester(helm: Helm) -> None:
    for given_values, namespace in (({}, "canary-system"), ({"controllerNamespace": "istio-system"}, "istio-system")):
        spec = one(helm.render(LOADTESTER, {**TEAMS, **given_values}), "NetworkPolicy")["spec"]
        names = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
        assert spec["ingress"] == [
            {"ports": [{"port": "http", "protocol": "TCP"}], "from": [{"namespaceSelector": names}]}
        ]


def test_no_token_reaches_the_load_tester(helm: Helm) -> None:
    """Its commands can read what is mounted, and its environment is theirs in part."""
    objects = helm.render(LOADTESTER, TEAMS, release="flagger-loadtester")
    secret = one(objects, "Secret", "flagger-loadtester-gates")
    assert set(secret["data"]) == {"token", "token-team-a", "token-team-b", "fingerprints"}
    (volume,) = (each for each in pod_spec(objects)["volumes"] if "secret" in each)
    items = [{"key": "fingerprints", "path": "fingerprints"}]
    assert volume == {"name": "gates", "secret": {"secretName": "flagger-loadtester-gates", "items": items}}
    assert {"name": "gates", "mountPath": "/etc/canary/gates", "readOnly": True} in container(objects)["volumeMounts"]
    assert "env" not in container(objects)
    assert pod_spec(objects)["automountServiceAccountToken"] is False
    tokens = {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
    assert not any(tokens[key] in tokens["fingerprints"] for key in tokens if key.startswith("token"))
    known = GateTokens.parse(tokens["fingerprints"])
    opened = {
        (key, namespace)
        for key in ("token", "token-team-a", "token-team-b")
        for namespace in ("team-a", "team-b", "team-c")
        if known.opens(tokens[key], namespace)
    }
    assert opened == {
        *(("token", namespace) for namespace in ("team-a", "team-b", "team-c")),
        ("token-team-a", "team-a"),
        ("token-team-b", "team-b"),
    }
    assert min(len(tokens[key]) for key in tokens) >= 43


def test_tokens_may_be_those_of_a_secret_that_is_there(helm: Helm) -> None:
    objects = helm.render(LOADTESTER, {"gateToken": {"secretName": "mine"}, "tenants": True})
    assert "Secret" not in kinds(objects)
    (volume,) = (each for each in pod_spec(objects)["volumes"] if "secret" in each)
    assert volume["secret"]["secretName"] == "mine"


@pytest.mark.parametrize("chart", [CONTROLLER, LOADTESTER], ids=lambda chart: chart.name)
def test_pods_have_limits(helm: Helm, chart: Path) -> None:
    assert set(container(helm.render(chart))["resources"]["limits"]) == {"cpu", "memory"}
