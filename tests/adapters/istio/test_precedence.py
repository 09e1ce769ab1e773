"""Which VirtualService Istio goes by: those that come before a canary's, and those that do no harm."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applications.declared import canary_of, raw_canary
from canary_adapters.istio.head import declared_head
from canary_adapters.istio.precedence import Shadow, shadow_of
from canary_adapters.kubernetes.resources import Obj
from canary_adapters.manifests import Canary

OLD, NOW, LATE = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"
PLAIN: list[Obj] = [{"route": [{"destination": {"host": "elsewhere"}}]}]
IN_MESH = Shadow(name="other", host="app", gateway="mesh")
PUBLIC = {"hosts": ["app.example.com"], "gateways": ["infra/public", "mesh"]}
AT_GATEWAY = Shadow(name="other", host="app.example.com", gateway="infra/public")


def _canary(service: Obj | None = None, **spec: Any) -> Canary:
    raw = raw_canary("here", service={"port": 80, **(service or {})}, **spec)
    raw["metadata"]["uid"] = "u"
    return canary_of(raw)


def _other(*, name: str = "other", made: str = OLD, **spec: Any) -> Obj:
    whole = {"hosts": ["app"], "http": PLAIN, **spec}
    return {"metadata": {"name": name, "namespace": "here", "creationTimestamp": made}, "spec": whole}


def _shadow(canary: Canary, *others: Obj, live: Obj | None = None) -> Shadow | None:
    return shadow_of(canary, declared_head(canary), live, others)


def _live(**spec: Any) -> Obj:
    return _other(name="app", made=NOW, **spec)


@pytest.mark.parametrize(
    "host", ["app", "APP", "app.here.svc.cluster.local", "app.here.svc.k8s.example.com", "app.here.svc"]
)
def test_an_older_one_for_the_same_host_is_found_in_the_mesh(host: str) -> None:
    assert _shadow(_canary(), _other(hosts=["x", host]), live=_live()) == IN_MESH
    assert _shadow(_canary(), _other(hosts=["x", host])) == IN_MESH  # ours is still to be made


def test_of_one_age_the_name_decides_as_with_istio() -> None:
    assert _shadow(_canary(), _other(name="aaa", made=NOW), live=_live()) is not None
    assert _shadow(_canary(), _other(name="zzz", made=NOW), live=_live()) is None


def test_one_that_is_exported_to_chosen_namespaces_comes_first_whatever_its_age() -> None:
    assert _shadow(_canary(), _other(made=LATE, exportTo=["."]), live=_live()) == IN_MESH
    assert _shadow(_canary(), _other(), live=_live(exportTo=["."])) is None


@pytest.mark.parametrize(
    "spec",
    [
        {"made": LATE},
        {"hosts": ["app.here", "*.here.svc.cluster.local", "app.other.svc.cluster.local"]},
        {"gateways": ["infra/public"]},
        {"exportTo": ["~"]},
        {"hosts": []},
        {"http": None, "tcp": PLAIN},
        {"http": [{**PLAIN[0], "match": [{"gateways": ["infra/public"]}]}]},
        {"http": [{**PLAIN[0], "match": [{"sourceLabels": {"a": "b"}}]}]},
        {"name": "app"},
    ],
    ids=str,
)
def test_what_leaves_the_routes_in_force_is_no_obstacle(spec: Obj) -> None:
    assert _shadow(_canary(), _other(**spec), live=_live()) is None


def test_at_a_gateway_only_a_route_for_everything_hides_ours() -> None:
    canary = _canary({**PUBLIC, "gateways": ["infra/public"]})
    there: Obj = {"hosts": ["app.example.com"], "gateways": ["public.infra.svc.cluster.local"]}
    some = [{**PLAIN[0], "match": [{"uri": {"prefix": "/admin"}}]}]
    assert _shadow(canary, _other(**there)) == AT_GATEWAY
    assert _shadow(canary, _other(**there, http=[{**PLAIN[0], "match": [{"uri": {"prefix": "/"}}]}])) == AT_GATEWAY
    assert _shadow(canary, _other(**there, http=some)) is None
    assert _shadow(_canary({**PUBLIC, "match": [{"uri": {"prefix": "/a"}}]}), _other(**there)) is None
    assert _shadow(canary, _other(**{**there, "hosts": ["*.example.com", "app"]})) is None


def test_one_for_the_gateway_and_one_for_the_mesh_live_side_by_side() -> None:
    inside: Obj = {"gateways": ["mesh"]}
    outside: Obj = {"gateways": ["infra/public"]}
    for mine, theirs in ((inside, outside), (outside, inside)):
        canary = _canary({"hosts": ["app.example.com"], **mine})
        assert _shadow(canary, _other(hosts=["app.example.com", "app"], **theirs)) is None


def test_routes_that_others_delegate_to_have_no_host_that_could_be_hidden() -> None:
    assert _shadow(_canary({"delegation": True}), _other()) is None


def test_connections_are_hidden_by_routes_of_connections() -> None:
    canary = _canary({"port": 5432, "appProtocol": "tcp"})
    assert _shadow(canary, _other()) is None
    assert _shadow(canary, _other(http=None, tcp=PLAIN)) == IN_MESH


_ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.sampled_from(["app", "mesh", "*"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["match", "gateways", "sourceLabels", "uri", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.none() | st.dictionaries(st.sampled_from(["hosts", "gateways", "http", "tcp", "exportTo"]), _ODD))
def test_whatever_stands_in_the_others_is_read_or_passed_over(spec: Obj | None) -> None:
    """A definition without a schema keeps anything."""
    other = {"metadata": {"name": "other", "namespace": "here"}, "spec": spec}
    assert _shadow(_canary(PUBLIC), other, _other()) is not None
