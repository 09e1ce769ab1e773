"""Which addresses are not reached: the default, what a list may hold, and all the forms that an address may take."""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary_adapters.denied_addresses import DEFAULT, DeniedAddresses, DeniedAddressesError

IPV4 = st.integers(2, 2**32 - 1).map(IPv4Address)
"""``::`` and ``::1`` have meanings of their own."""
NETWORKS = st.builds(
    lambda address, bits: ipaddress.ip_network(f"{address}/{bits}", strict=False), st.ip_addresses(), st.integers(0, 32)
)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.170.2",
        "169.254.0.23",
        "fe80::1",
        "fe80::a9fe:a9fe%eth0",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "fd00:ec2::254",
        "FD00:0EC2:0:0:0:0:0:0254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fd00:c1::a9fe:a9fe",
        "fd00:42::42",
        "fd00:a9fe:a9fe::1",
        "fd00:100::100:200",
    ],
)
def test_where_clouds_serve_metadata_is_denied_by_default(address: str) -> None:
    assert DEFAULT.is_denied(address)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "10.96.0.1", "192.168.1.1", "100.64.0.1", "8.8.8.8", "fd00:ec2::1", "2001:db8::1", "0.0.0.0"],  # noqa: S104
)
def test_other_addresses_are_not(address: str) -> None:
    """Receivers and Prometheus run on private addresses, and beside the controller."""
    assert not DEFAULT.is_denied(address)


@pytest.mark.parametrize(
    "text", ["", "localhost", "169.254.169.254.", "0xa9fea9fe", "metadata.google.internal", "1.2.3"]
)
def test_what_is_no_address_is_denied(text: str) -> None:
    assert DeniedAddresses.parse("").is_denied(text)


@given(IPV4)
def test_an_address_of_ipv4_is_denied_in_every_form_of_ipv6(address: IPv4Address) -> None:
    denied, number = DeniedAddresses.parse(str(address)), int(address)
    forms = [
        f"::{address}",
        f"::ffff:{address}",
        f"::ffff:{number >> 16:x}:{number & 0xFFFF:x}",
        f"::ffff:0:{address}",
        f"64:ff9b::{address}",
        f"64:ff9b:1::{address}",
        f"64:ff9b:1:7::{address}",
        f"2002:{number >> 16:x}:{number & 0xFFFF:x}::1",
    ]
    assert [form for form in [str(address), *forms] if not denied.is_denied(form)] == []


@given(st.lists(NETWORKS, max_size=5), st.ip_addresses())
def test_what_is_denied_is_what_a_network_of_the_list_holds(
    networks: list[IPv4Network | IPv6Network], address: IPv4Address | IPv6Address
) -> None:
    denied = DeniedAddresses.parse(" , ".join(map(str, networks)))
    assert DeniedAddresses.parse(str(denied)) == denied
    for network in networks:
        assert denied.is_denied(network.network_address)
        assert denied.is_denied(str(network.broadcast_address))
    if isinstance(address, IPv4Address):
        assert denied.is_denied(address) == any(address in network for network in networks)


def test_loopback_of_ipv6_is_no_address_of_ipv4() -> None:
    assert not DeniedAddresses.parse("0.0.0.0/8").is_denied("::1")


def test_a_list_may_add_to_the_default_or_replace_it() -> None:
    more = DeniedAddresses.parse("default, 10.0.0.0/8,")
    assert more.networks == (*DEFAULT.networks, IPv4Network("10.0.0.0/8"))
    other = DeniedAddresses.parse("10.0.0.7")
    assert other.is_denied("10.0.0.7")
    assert not other.is_denied("169.254.169.254")
    assert not DeniedAddresses.parse("").is_denied("169.254.169.254")


def test_an_entry_in_the_form_of_ipv6_denies_peers_in_that_of_ipv4() -> None:
    assert DeniedAddresses.parse("::ffff:10.0.0.0/104").is_denied("10.1.2.3")


@pytest.mark.parametrize(
    ("text", "entry", "words"),
    [
        ("10.0.0.0/8,localhost", "localhost", "must be an IP address, a network such as 10.0.0.0/8, or default"),
        ("10.0.0.1/8", "10.0.0.1/8", "the network is 10.0.0.0/8"),
        ("10.0.0.0/33", "10.0.0.0/33", "must be an IP address"),
        ("10.0.0.0-10.0.0.9", "10.0.0.0-10.0.0.9", "must be an IP address"),
        ("a\x00b", "a\x00b", "must be an IP address"),
    ],
)
def test_a_mistake_is_told_with_its_entry_and_what_is_allowed(text: str, entry: str, words: str) -> None:
    with pytest.raises(DeniedAddressesError) as caught:
        DeniedAddresses.parse(text)
    assert caught.value.entry == entry
    assert words in str(caught.value)
    assert "\x00" not in str(caught.value)
