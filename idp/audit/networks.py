"""Networks that an address lies in, and how a search names them. Pure.

An address is indexed as itself, as a network near by and as a wide one: IPv4 /32, /24, /16; IPv6 /128, /64, /48. A search for any other network
asks for the networks of the next smaller size that it consists of.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

EXACT, NEAR, WIDE = "exact", "near", "wide"
SIZES: Final[dict[int, dict[str, int]]] = {
    4: {WIDE: 16, NEAR: 24, EXACT: 32},
    6: {WIDE: 48, NEAR: 64, EXACT: 128},
}
"""IP version → size → length of its prefix, the widest first."""
MOST: Final = 256
"""So many networks of one size are asked for at once."""

Network = IPv4Network | IPv6Network


class BadNetwork(ValueError):
    """What was typed is no network that can be searched: ``word`` says why (network, too_wide)."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


def labels(address: str) -> dict[str, bytes]:
    """Size → the network of that size that the address lies in, as bytes; empty for what is no address. A mapped IPv4 address is that address."""
    try:
        ip = _plain(ip_address(address))
    except ValueError:
        return {}
    bits, number = ip.max_prefixlen, int(ip)
    return {
        size: bytes((ip.version, length)) + (number >> bits - length << bits - length).to_bytes(bits // 8, "big")
        for size, length in SIZES[ip.version].items()
    }


def wanted(typed: str) -> tuple[str, Network, tuple[bytes, ...]]:
    """An address or a network in CIDR notation: the size that it is searched by, the network, and its parts of that size. Raises BadNetwork."""
    text = typed.strip()
    try:
        network: Network = (
            ip_network((_plain(ip_address(text)),)) if "/" not in text else ip_network(text, strict=False)
        )
    except ValueError:
        raise BadNetwork("network") from None
    sizes = SIZES[network.version]
    size = next(name for name, length in sizes.items() if length >= network.prefixlen)
    if sizes[size] - network.prefixlen > MOST.bit_length() - 1:
        raise BadNetwork("too_wide")
    return size, network, tuple(_label(part) for part in network.subnets(new_prefix=sizes[size]))


def _plain(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    return ip.ipv4_mapped or ip if isinstance(ip, IPv6Address) else ip


def _label(network: Network) -> bytes:
    return bytes((network.version, network.prefixlen)) + network.network_address.packed
