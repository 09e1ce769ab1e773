"""What a client may send of the metadata that belong to the server, and of whole objects that are not there yet."""

from __future__ import annotations

import json
from typing import Any

import pytest

OTHER_UID = "3d0b4fa1-4815-4370-bb1f-c975fc96309e"
LONG_AGO = "2020-01-01T00:00:00Z"
MERGE = "application/merge-patch+json"
POD = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "example.com/i"}]}}
KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "configmaps": ("v1", "ConfigMap", {"data": {"a": "b"}}),
    "services": ("v1", "Service", {"spec": {"ports": [{"port": 80}]}}),
    "deployments": (
        "apps/v1",
        "Deployment",
        {"spec": {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": POD}},
    ),
    "leases": ("coordination.k8s.io/v1", "Lease", {"spec": {}}),
    "events": ("v1", "Event", {"involvedObject": {}}),
    "endpoints": ("v1", "Endpoints", {}),
    "roles": ("rbac.authorization.k8s.io/v1", "Role", {"rules": []}),
}
MADE_BY_PUT = ("services", "leases", "events", "endpoints", "roles")


class Objects:
    """Requests about the objects of a kind in a namespace."""

    def __init__(self, api: Any, namespace: str, plural: str) -> None:
        version, kind, content = KINDS[plural]
        self._api, root = api, "api" if version == "v1" else "apis"
        self.path = f"/{root}/{version}/namespaces/{namespace}/{plural}"
        if plural == "events":
            content = {"involvedObject": {"namespace": namespace}}
        self.kind, self.obj = kind, {"apiVersion": version, "kind": kind, "metadata": {"name": "one"}, **content}

    def ask(
        self, method: str, path: str, body: Any, content_type: str = "application/json"
    ) -> tuple[int, dict[str, Any]]:
        """Send a request.

        Returns:
            The code, and what was answered.
        """
        head = {"Content-Type": content_type, "Accept": "application/json"}
        parts = self._api.param_serialize(method, self.path + path, header_params=head, auth_settings=["BearerToken"])
        found = self._api.rest_client.request(method, parts[1], headers=parts[2], body=body)
        return found.status, json.loads(found.response.data)

    def make(self) -> dict[str, Any]:
        """Create the object."""
        code, made = self.ask("POST", "", self.obj)
        assert code == 201, made
        return made

    def patch(self, **metadata: Any) -> tuple[int, dict[str, Any]]:
        """Change its metadata."""
        return self.ask("PATCH", "/one", {"metadata": metadata}, MERGE)

    def put(self, obj: dict[str, Any], **metadata: Any) -> tuple[int, dict[str, Any]]:
        """Replace it."""
        return self.ask("PUT", "/" + obj["metadata"]["name"], {**obj, "metadata": {**obj["metadata"], **metadata}})

    def put_newest(self, **metadata: Any) -> tuple[int, dict[str, Any]]:
        """Replace it as it is now; a controller may be faster, now and then."""
        answers = (self.put(self.ask("GET", "/one", None)[1], **metadata) for _ in range(20))
        return next(answer for answer in answers if answer[0] != 409)


@pytest.fixture(params=KINDS)
def objects(request: pytest.FixtureRequest, api: Any, namespace: str) -> Objects:
    """Of each kind."""
    return Objects(api, namespace, request.param)


def _why(answer: tuple[int, dict[str, Any]]) -> tuple[int, set[str]]:
    code, status = answer
    return code, {f"{each['field']}: {each['message']}" for each in status["details"]["causes"]}


def test_a_patch_cannot_change_the_uid(objects: Objects) -> None:
    objects.make()
    assert _why(objects.patch(uid=OTHER_UID)) == (
        422,
        {f'metadata.uid: Invalid value: "{OTHER_UID}": field is immutable'},
    )


def test_of_a_wrong_uid_and_a_wrong_version_a_patch_is_told_of_the_version(objects: Objects) -> None:
    objects.make()
    code, status = objects.patch(uid=OTHER_UID, resourceVersion="1")
    assert (code, status["reason"]) == (409, "Conflict")
    assert "the object has been modified" in status["message"]


def test_a_whole_object_of_another_uid_is_a_conflict_whatever_its_version(objects: Objects) -> None:
    made = objects.make()
    for metadata in ({}, {"resourceVersion": "1"}, {"resourceVersion": ""}):
        code, status = objects.put(made, uid=OTHER_UID, **metadata)
        assert (code, status["reason"]) == (409, "Conflict")
        wanted = f"UID in precondition: {OTHER_UID}, UID in object meta: {made['metadata']['uid']}"
        assert status["message"].endswith(wanted)


@pytest.mark.parametrize("how", ["patch", "put"])
def test_nobody_sets_when_an_object_is_deleted(objects: Objects, how: str) -> None:
    objects.make()
    sent = {"deletionTimestamp": LONG_AGO, "deletionGracePeriodSeconds": 7}
    answer = objects.patch(**sent) if how == "patch" else objects.put_newest(**sent)
    assert _why(answer) == (
        422,
        {
            f'metadata.deletionTimestamp: Invalid value: "{LONG_AGO}": field is immutable',
            "metadata.deletionGracePeriodSeconds: Invalid value: 7: field is immutable",
        },
    )


def test_generation_and_creation_are_what_they_were_whatever_is_sent(objects: Objects) -> None:
    made = objects.make()["metadata"]
    code, found = objects.patch(generation=77, creationTimestamp=LONG_AGO, selfLink="x", labels={"a": "b"})
    assert code == 200
    assert found["metadata"].get("generation") == made.get("generation")
    assert found["metadata"]["creationTimestamp"] == made["creationTimestamp"]
    assert "selfLink" not in found["metadata"]


def test_a_patch_cannot_make_another_kind_of_an_object(objects: Objects) -> None:
    objects.make()
    code, status = objects.ask("PATCH", "/one", {"kind": "Other"}, MERGE)
    assert (code, status["reason"]) == (422, "Invalid")
    version = objects.obj["apiVersion"]
    assert f'no kind "Other" is registered for version "{version}" in scheme' in status["message"]


def test_a_whole_object_of_a_kind_that_nobody_knows_is_refused(objects: Objects) -> None:
    code, status = objects.put({**objects.make(), "kind": "Other"})
    assert (code, status["reason"]) == (400, "BadRequest")
    assert f'cannot be handled as a {objects.kind}: no kind "Other" is registered' in status["message"]


def test_some_kinds_are_made_by_a_put(objects: Objects) -> None:
    plural = objects.path.rpartition("/")[2]
    wanted = (201, "one") if plural in MADE_BY_PUT else (404, None)
    code, found = objects.put(objects.obj, resourceVersion="5")
    assert (code, found["metadata"].get("name")) == wanted
    code, status = objects.put({**objects.obj, "metadata": {"name": "two"}}, uid=OTHER_UID)
    assert (code, status["reason"]) == ((409, "Conflict") if plural in MADE_BY_PUT else (404, "NotFound"))


def test_some_kinds_take_any_finalizer(objects: Objects) -> None:
    objects.make()
    code, _ = objects.patch(finalizers=["nodomain"])
    assert code == (200 if objects.kind in {"Lease", "Event"} else 422)
    assert objects.patch(finalizers=None)[0] == 200
