"""Tokens of service accounts: good for a time, and no longer than what they hang on is there."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from canary_lab.cluster import EmbeddedCluster

CORE = "/api/v1/namespaces/default"
REFUSED = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Failure",
    "message": "Unauthorized",
    "reason": "Unauthorized",
    "code": 401,
}


def call(cluster: EmbeddedCluster, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    answer = requests.request(method, cluster.url + path, json=body, headers=headers, timeout=10)
    return answer.status_code, answer.json()


def _issued(cluster: EmbeddedCluster, account: str, **spec: Any) -> tuple[int, Any]:
    return call(cluster, "POST", f"{CORE}/serviceaccounts/{account}/token", {"spec": spec})


def _asking(cluster: EmbeddedCluster, token: str) -> tuple[int, Any]:
    return call(cluster, "GET", f"{CORE}/pods", Authorization=f"Bearer {token}")


@pytest.fixture
def account(embedded: EmbeddedCluster) -> str:
    assert call(embedded, "POST", f"{CORE}/serviceaccounts", {"metadata": {"name": "bot"}})[0] == 201
    return "bot"


def test_a_token_ends_with_its_account(embedded: EmbeddedCluster, account: str) -> None:
    """One of the same name that was made anew is another one."""
    token = _issued(embedded, account)[1]["status"]["token"]
    assert _asking(embedded, token)[0] == 403
    call(embedded, "DELETE", f"{CORE}/serviceaccounts/{account}")
    assert _asking(embedded, token) == (401, REFUSED)
    call(embedded, "POST", f"{CORE}/serviceaccounts", {"metadata": {"name": account}})
    assert _asking(embedded, token) == (401, REFUSED)
    assert _asking(embedded, _issued(embedded, account)[1]["status"]["token"])[0] == 403


def test_a_token_ends_with_what_it_is_bound_to(embedded: EmbeddedCluster, account: str) -> None:
    _, secret = call(embedded, "POST", f"{CORE}/secrets", {"metadata": {"name": "life"}})
    ref = {"apiVersion": "v1", "kind": "Secret", "name": "life", "uid": secret["metadata"]["uid"]}
    code, issued = _issued(embedded, account, boundObjectRef=ref)
    assert code == 201
    other = _issued(embedded, account)[1]["status"]["token"]
    assert _asking(embedded, issued["status"]["token"])[0] == 403
    call(embedded, "DELETE", f"{CORE}/secrets/life")
    assert _asking(embedded, issued["status"]["token"]) == (401, REFUSED)
    assert _asking(embedded, other)[0] == 403


@pytest.mark.parametrize(
    ("ref", "code"),
    [
        ({"apiVersion": "v1", "kind": "Secret", "name": "absent"}, 404),
        ({"apiVersion": "v1", "kind": "Secret", "name": "life", "uid": "another"}, 409),
        ({"apiVersion": "v1", "kind": "ConfigMap", "name": "life"}, 400),
    ],
)
def test_a_token_is_bound_to_what_is_there(
    embedded: EmbeddedCluster, account: str, ref: dict[str, str], code: int
) -> None:
    call(embedded, "POST", f"{CORE}/secrets", {"metadata": {"name": "life"}})
    assert _issued(embedded, account, boundObjectRef=ref)[0] == code
