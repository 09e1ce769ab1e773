"""The domain of the cluster, as a Pod's resolver has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from canary_adapters.kubernetes.domain import cluster_domain


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "search here.svc.k8s.example.com svc.k8s.example.com k8s.example.com\nnameserver 10.0.0.10\n",
            "k8s.example.com",
        ),
        ("nameserver 10.0.0.10\nsearch a.svc.Cluster.Local svc.Cluster.Local. Cluster.Local\n", "cluster.local"),
        ("search example.com\n", "cluster.local"),
        ("# search svc.nobody\n\noptions ndots:5", "cluster.local"),
        ("\udcff\0", "cluster.local"),
    ],
)
def test_it_is_what_short_names_are_tried_with(tmp_path: Path, text: str, found: str) -> None:
    resolver = tmp_path / "resolv.conf"
    resolver.write_bytes(text.encode(errors="surrogateescape"))
    assert cluster_domain(resolver) == found


def test_without_a_resolver_it_is_the_usual_one(tmp_path: Path) -> None:
    assert cluster_domain(tmp_path / "absent") == "cluster.local"
