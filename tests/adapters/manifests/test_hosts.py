"""Whose Service a host is, in every spelling; and whose Gateway a name is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary_adapters.manifests.hosts import (
    SEVERAL,
    GatewayName,
    ServiceName,
    foreign_namespace_of,
    short_name_of,
)

HERE = "here"
DOMAINS = ("cluster.local", "k8s.example.com", "corp")
PUBLIC = (
    "app.io",
    "example.com",
    "app.example.com",
    "*.example.com",
    "*.io",
    "www.svc.example.com",
    "svc.example.com",
    "*-preview.example.com",
    "xn--bcher-kva.example",
    "app.internal",
    "a.b.c.d.example.co.uk",
)

_labels = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True).filter(lambda text: text != "svc")
_others = _labels.filter(lambda text: text != HERE)
_endings = st.sampled_from(["", ".", ":8080"])


@st.composite
def _spelled(draw: st.DrawFn, namespace: st.SearchStrategy[str]) -> tuple[str, str]:
    """A name that can only be a Service's (or a Pod's of one, or of all of them), and its namespace."""
    place = draw(namespace)
    first = draw(
        st.one_of(_labels, st.tuples(_labels, _labels).map(".".join), st.sampled_from(["*", "*-b", "*b", "*.a"]))
    )
    domain = draw(st.sampled_from(["", *(f".{each}" for each in DOMAINS)]))
    text = f"{first}.{place}.svc{domain}"
    upper = draw(st.sets(st.integers(0, len(text) - 1), max_size=5))
    return "".join(c.upper() if i in upper else c for i, c in enumerate(text)) + draw(_endings), place


@given(_spelled(_others), st.sampled_from(DOMAINS))
def test_a_service_of_another_namespace_is_found_in_every_spelling(spelled: tuple[str, str], domain: str) -> None:
    host, place = spelled
    assert foreign_namespace_of(host, HERE, cluster_domain=domain) == place


@given(_spelled(st.just(HERE)), st.sampled_from(DOMAINS))
def test_a_service_of_the_own_namespace_is_never_refused(spelled: tuple[str, str], domain: str) -> None:
    host, _ = spelled
    assert foreign_namespace_of(host, HERE, cluster_domain=domain) is None
    assert short_name_of(host, HERE) is None


@given(_labels, _endings)
def test_short_names_are_of_the_own_namespace(name: str, ending: str) -> None:
    for host in (f"{name}{ending}", f"{name}.{HERE}{ending}"):
        assert foreign_namespace_of(host, HERE) is None
        assert short_name_of(host, HERE) is None


@pytest.mark.parametrize("host", PUBLIC)
def test_public_names_are_nobodys_by_their_form(host: str) -> None:
    assert foreign_namespace_of(host, HERE) is None


@given(_labels, _others, st.lists(_labels, max_size=2), _endings)
def test_what_may_be_a_public_name_is_a_service_only_if_there_is_one(
    name: str, place: str, pod: list[str], ending: str
) -> None:
    host = ".".join([*pod, name, place]) + ending
    assert foreign_namespace_of(host, HERE) is None
    assert short_name_of(host, HERE) == ServiceName(namespace=place, name=name, of_pod=bool(pod))


SPANNING = (
    "*",
    "*.svc",
    "*.svc.cluster.local",
    "*.cluster.local",
    "*.local",
    "*.LOCAL.",
    "*re.svc.cluster.local",
    "*re.svc",
    "10.96.0.20",
    "fd00::1",
    "[fd00::1]",
)


@pytest.mark.parametrize("host", SPANNING)
def test_what_spans_namespaces_is_found(host: str) -> None:
    """The last ones are addresses: whose they are, nobody can tell from them."""
    assert foreign_namespace_of(host, HERE) == SEVERAL
    assert short_name_of(host, HERE) is None


def test_a_wildcard_depends_on_the_domain_of_the_cluster() -> None:
    assert foreign_namespace_of("*.example.com", HERE) is None
    assert foreign_namespace_of("*.example.com", HERE, cluster_domain="k8s.example.com") == SEVERAL
    assert foreign_namespace_of("*.shop.example.com", HERE, cluster_domain="k8s.example.com") is None


@given(st.text(max_size=30))
def test_any_text_is_judged(host: str) -> None:
    """Whatever it is, there is an answer; and each is one that the other question does not contradict."""
    place, named = foreign_namespace_of(host, HERE), short_name_of(host, HERE)
    assert place != HERE
    assert place is None or named is None
    assert named is None or named.namespace != HERE


def test_a_host_of_any_length_is_judged() -> None:
    assert foreign_namespace_of("a." * 50_000, HERE) is None
    assert foreign_namespace_of("a." * 50_000 + "svc", HERE) == "a"
    assert foreign_namespace_of("*." + "svc." * 50_000, HERE) == SEVERAL


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("mesh", None),
        ("gw", "here/gw"),
        ("./gw", "here/gw"),
        ("other/gw", "other/gw"),
        ("other/mesh", "other/mesh"),
        ("gw.other", "other/gw"),
        ("gw.other.svc.cluster.local", "other/gw"),
        ("here/gw.with.dots", "here/gw.with.dots"),
    ],
)
def test_gateways_are_found_as_istio_finds_them(written: str, found: str | None) -> None:
    name = GatewayName.of(written, HERE)
    assert (None if name is None else str(name)) == found


def test_lists_of_gateways_name_one_or_all_of_a_namespace() -> None:
    name = GatewayName(namespace="other", name="gw")
    assert name.is_one_of(("a/b", "other/gw"))
    assert name.is_one_of(("other/*",))
    assert not name.is_one_of(("other/g", "*/*", "*/gw", "gw"))
