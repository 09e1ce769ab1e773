"""Addresses that nobody is to reach through us: which they are, how they are written, and whether one is among them.

The default is where clouds hand out credentials and settings to whoever asks from inside, by their documentation. All
link-local addresses are in it, which covers 169.254.169.254 (AWS, Azure, Google, Oracle, OpenStack, DigitalOcean, IBM,
Hetzner), 169.254.170.2 and .23 (AWS containers), 169.254.42.42 (Scaleway) and 169.254.0.23 (Tencent).

An address is judged by where packets go: one of IPv6 that carries one of IPv4 (mapped, translated, NAT64, 6to4) counts
as both. A NAT64 prefix of a network's own cannot be recognised; put the translated form of the address into the list.
"""

import ipaddress
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final, Self

from attrs import frozen

__all__ = ["DEFAULT", "DEFAULT_WORD", "DeniedAddresses", "DeniedAddressesError"]

DEFAULT_WORD: Final = "default"
"""Stands for `DEFAULT` in a list, so that one can add to it."""
_DEFAULT: Final = (
    "169.254.0.0/16",
    "fe80::/10",
    "100.100.100.200",  # Alibaba
    "fd00:100::100:200",  # Alibaba
    "fd00:ec2::254",  # AWS: instance metadata
    "fd00:ec2::23",  # AWS: identities of EKS Pods
    "168.63.129.16",  # Azure: host of the machine
    "fd20:ce::254",  # Google
    "fd00:a9fe:a9fe::1",  # Linode
    "192.0.0.192",  # Oracle, Classic
    "fd00:c1::a9fe:a9fe",  # Oracle
    "fd00:42::42",  # Scaleway
)
_LAST_32_BITS: Final = tuple(
    IPv6Network(prefix)
    for prefix in (
        "::/96",  # compatible, RFC 4291 2.5.5.1
        "::ffff:0:0/96",  # mapped, RFC 4291 2.5.5.2
        "::ffff:0:0:0/96",  # translated, RFC 2765
        "64:ff9b::/96",  # NAT64, RFC 6052
        "64:ff9b:1::/48",  # NAT64 within a network, RFC 8215
    )
)
"""Prefixes whose addresses end with one of IPv4."""
_MAPPED: Final = _LAST_32_BITS[1]
_NOT_COMPATIBLE: Final = frozenset({IPv6Address("::"), IPv6Address("::1")})
"""Of ``::/96``, those with a meaning of their own."""


class DeniedAddressesError(ValueError):
    """A list cannot be read.

    Attributes:
        entry: The part that is wrong.
        why: What is wrong with it, and what is allowed.
    """

    def __init__(self, entry: str, why: str) -> None:
        self.entry, self.why = entry, why
        super().__init__(f"{entry!r}: {why}")


@frozen
class DeniedAddresses:
    """A list of addresses and networks."""

    networks: tuple[IPv4Network | IPv6Network, ...]
    """A single address is a network of one."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a list.

        Args:
            text: Addresses and networks (``10.0.0.0/8``), with commas; ``default`` stands for those of `DEFAULT`.
                Empty: no address is denied.

        Raises:
            DeniedAddressesError: An entry is none of these.
        """
        return cls(tuple(found for part in text.split(",") if (entry := part.strip()) for found in _networks(entry)))

    def is_denied(self, address: str | IPv4Address | IPv6Address) -> bool:
        """Whether an address must not be reached.

        Args:
            address: As the socket tells its peer; of IPv6 also with a zone. What is no address is denied.
        """
        try:
            # The zone (%eth0) says through which interface, not whom one reaches.
            found = ipaddress.ip_address(str(address).partition("%")[0])
        except ValueError:
            return True
        return any(form in network for form in _forms(found) for network in self.networks)

    def __str__(self) -> str:
        """As a flag takes it."""
        return ",".join(str(network) for network in self.networks)


def _networks(entry: str) -> Iterator[IPv4Network | IPv6Network]:
    if entry == DEFAULT_WORD:
        yield from DEFAULT.networks
        return
    try:
        found = ipaddress.ip_network(entry)
    except ValueError:
        raise DeniedAddressesError(entry, _mistake(entry)) from None
    if isinstance(found, IPv6Network) and found.subnet_of(_MAPPED):
        # Peers are told in the form of IPv4, and so must the list be.
        found = IPv4Network((int(found.network_address) & 0xFFFFFFFF, found.prefixlen - 96))
    yield found


def _mistake(entry: str) -> str:
    try:
        whole = ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return f"must be an IP address, a network such as 10.0.0.0/8, or {DEFAULT_WORD}"
    return f"is an address within a network; the network is {whole}"


def _forms(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address | IPv6Address]:
    """The address, and that of IPv4 that it carries."""
    yield address
    if isinstance(address, IPv4Address):
        return
    if address not in _NOT_COMPATIBLE and any(address in prefix for prefix in _LAST_32_BITS):
        yield IPv4Address(int(address) & 0xFFFFFFFF)
    if address.sixtofour is not None:
        yield address.sixtofour


DEFAULT: Final = DeniedAddresses.parse(",".join(_DEFAULT))
"""Link-local addresses, and those at which large clouds serve metadata."""
