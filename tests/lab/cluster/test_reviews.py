"""Whose token it is, and what somebody may do: reviews, as the registries of a real API server answer them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from laboratories.lab import eventually


class Server:
    """Requests about a namespace; what is answered is the code and the body."""

    def __init__(self, api: Any, namespace: str) -> None:
        self._api, self.namespace = api, namespace

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Send one; a path that starts with no slash is about what core/v1 has in the namespace."""
        where = path if path.startswith("/") else f"/api/v1/namespaces/{self.namespace}/{path}"
        head = {"Content-Type": "application/json"}
        _, url, headers, *_ = self._api.param_serialize(
            method, where, header_params=head, auth_settings=["BearerToken"]
        )
        found = self._api.rest_client.request(method, url, headers=headers, body=body)
        return found.status, json.loads(found.response.data)


@pytest.fixture
def server(api: Any, namespace: str) -> Server:
    """The server, and a namespace there."""
    return Server(api, namespace)


REVIEWS = {"TokenReview": "authentication.k8s.io", "SubjectAccessReview": "authorization.k8s.io"}


def _reviewed(server: Server, kind: str, spec: dict[str, Any]) -> tuple[int, Any]:
    body = {"apiVersion": f"{REVIEWS[kind]}/v1", "kind": kind, "spec": spec}
    return server.ask("POST", f"/apis/{REVIEWS[kind]}/v1/{kind.lower()}s", body)


def _token(server: Server, **spec: Any) -> str:
    server.ask("POST", "serviceaccounts", {"metadata": {"name": "bot"}})
    token: str = server.ask("POST", "serviceaccounts/bot/token", {"spec": spec})[1]["status"]["token"]
    return token


def test_a_review_says_whose_token_it_is(server: Server) -> None:
    token, name = _token(server), f"system:serviceaccount:{server.namespace}:bot"
    code, answer = _reviewed(server, "TokenReview", {"token": token})
    status = answer["status"]
    assert (code, status["authenticated"], status["user"]["username"]) == (201, True, name)
    assert set(status["user"]["groups"]) == {
        "system:serviceaccounts",
        f"system:serviceaccounts:{server.namespace}",
        "system:authenticated",
    }
    assert status["user"]["uid"] == server.ask("GET", "serviceaccounts/bot")[1]["metadata"]["uid"]
    assert "https://kubernetes.default.svc" in status["audiences"]
    server.ask("DELETE", "serviceaccounts/bot")
    gone = eventually(lambda: _ended(server, token))
    assert gone["user"] == {}


def _ended(server: Server, token: str) -> dict[str, Any] | None:
    """A real server believes in a token for some seconds after its account is gone."""
    status: dict[str, Any] = _reviewed(server, "TokenReview", {"token": token})[1]["status"]
    return None if status.get("authenticated") else status


def test_a_token_that_is_nobodys_is_an_answer_and_none_is_a_mistake(server: Server) -> None:
    code, answer = _reviewed(server, "TokenReview", {"token": "nobody's"})
    assert (code, answer["status"]) == (201, {"user": {}, "error": "invalid bearer token"})
    code, answer = _reviewed(server, "TokenReview", {"token": ""})
    assert (code, answer["message"]) == (400, "token is required for TokenReview in authentication")


def test_a_token_for_others_is_none_for_the_server(server: Server) -> None:
    token = _token(server, audiences=["vault"])
    assert "authenticated" not in _reviewed(server, "TokenReview", {"token": token})[1]["status"]
    status = _reviewed(server, "TokenReview", {"token": token, "audiences": ["vault", "other"]})[1]["status"]
    assert (status["authenticated"], status["audiences"]) == (True, ["vault"])


def test_a_review_says_what_somebody_may_do(server: Server) -> None:
    may = {"verb": "list", "group": "apps", "resource": "deployments", "namespace": server.namespace}
    ann = {"user": "ann", "groups": ["readers"], "resourceAttributes": may}
    assert _reviewed(server, "SubjectAccessReview", ann)[1]["status"] == {"allowed": False}
    server.ask(
        "POST",
        f"/apis/rbac.authorization.k8s.io/v1/namespaces/{server.namespace}/rolebindings",
        {
            "metadata": {"name": "readers"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "readers"}],
        },
    )
    granted = eventually(lambda: _granted(server, ann))
    assert granted["reason"].startswith("RBAC: allowed by RoleBinding")
    everywhere = {**ann, "resourceAttributes": {**may, "namespace": ""}}
    assert _reviewed(server, "SubjectAccessReview", everywhere)[1]["status"] == {"allowed": False}
    other = {**ann, "groups": ["others"]}
    assert _reviewed(server, "SubjectAccessReview", other)[1]["status"] == {"allowed": False}


def _granted(server: Server, spec: dict[str, Any]) -> dict[str, Any] | None:
    """A real server knows of a binding a moment later."""
    status: dict[str, Any] = _reviewed(server, "SubjectAccessReview", spec)[1]["status"]
    return status if status["allowed"] else None


def test_a_review_of_nobody_is_refused(server: Server) -> None:
    code, answer = _reviewed(server, "SubjectAccessReview", {"resourceAttributes": {"verb": "get"}})
    (cause,) = answer["details"]["causes"]
    assert (code, cause["field"]) == (422, "spec.user")
    assert cause["message"] == 'Invalid value: "": at least one of user or group must be specified'
