"""Which hosts and addresses the provider may call: public ones, and what the operator put on the list."""

import ipaddress
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Self

import msgspec

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# IANA special-purpose registries (RFC 6890 and successors), stated whole: the standard library's flags differ between its versions.
_SPECIAL_V4 = tuple(
    map(
        IPv4Network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
            *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
        ),
    )
)
_GLOBAL_V6 = IPv6Network("2000::/3")
# Within 2000::/3: protocol assignments with Teredo and ORCHID, documentation, 6to4, segment routing.
_SPECIAL_V6 = tuple(
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)
_NAT64 = IPv6Network("64:ff9b::/96")
_MAPPED = IPv6Network("::ffff:0:0/96")
# Never reached by the name of an allowed host, only by an allowed network: cloud metadata services live here.
_NEVER_BY_NAME = (
    IPv4Network("169.254.0.0/16"),
    IPv4Network("224.0.0.0/3"),
    IPv6Network("fe80::/10"),
    IPv6Network("ff00::/8"),
)
_LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".home.arpa")


def unwrap(address: Address) -> Address:
    """The IPv4 address inside an IPv4-mapped or NAT64 one (RFC 4291 §2.5.5.2, RFC 6052 §2.1), else ``address``."""
    if isinstance(address, IPv6Address) and (address in _MAPPED or address in _NAT64):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_public(address: Address) -> bool:
    """Whether ``address`` is an ordinary one of the public Internet."""
    address = unwrap(address)
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_V4)
    return address in _GLOBAL_V6 and not any(address in network for network in _SPECIAL_V6)


class AllowList(msgspec.Struct, frozen=True):
    """Hosts and networks that calls may reach although they are not public, and over plain http."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, entries: Iterable[str]) -> Self:
        """From texts such as ``tax.gov.internal``, ``10.1.0.0/16``, ``::1``."""
        hosts, networks = set(), []
        for entry in entries:
            try:
                networks.append(ipaddress.ip_network(entry.strip("[]"), strict=False))
            except ValueError:
                hosts.add(entry.lower().rstrip("."))
        return cls(frozenset(hosts), tuple(networks))

    def covers(self, host: str, address: Address) -> bool:
        """Whether the operator allowed ``address`` reached as ``host``."""
        address = unwrap(address)
        if any(address.version == network.version and address in network for network in self.networks):
            return True
        barred = any(address.version == network.version and address in network for network in _NEVER_BY_NAME)
        return host in self.hosts and not barred

    def permits(self, host: str, address: Address) -> bool:
        """Whether a call to ``host`` may go to ``address``."""
        return is_public(address) or self.covers(host, address)

    def names(self, host: str) -> bool:
        """Whether ``host`` as written, without any look-up, is on the list."""
        literal = as_literal(host)
        return host in self.hosts or (literal is not None and self.covers(host, literal))


def as_literal(host: str) -> Address | None:
    """The address that ``host`` spells (brackets allowed), or ``None`` for a name."""
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def looks_public(host: str) -> bool:
    """Whether ``host`` as written could be public: no special literal, no name that is local by definition (RFC 6761, RFC 6762)."""
    literal = as_literal(host)
    if literal is not None:
        return is_public(literal)
    return host != "localhost" and not host.endswith(_LOCAL_SUFFIXES)
