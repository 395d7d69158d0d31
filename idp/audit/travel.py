"""Journeys that nobody makes: two places too far apart for the time between. Pure; places come from a table that the operator has.

A place is where a network is said to be; tables err, and VPNs and roaming lie: it is a reason to look, never to refuse.
"""

import csv
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from math import asin, cos, isfinite, radians, sin, sqrt
from typing import Final

import msgspec

EARTH_KM: Final = 6371.0088
"""Mean radius (IUGG)."""
HOUR_US: Final = 3600 * 1_000_000
COLUMNS: Final = ["network", "latitude", "longitude", "name"]
MOST: Final = 20_000_000


class Place(msgspec.Struct, frozen=True):
    """Degrees, north and east positive."""

    latitude: float
    longitude: float


class Travel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is too fast: over ``faster_than`` km/h, and over ``farther_than`` km, below which tables are not exact."""

    faster_than: float
    farther_than: float

    def sane(self) -> bool:
        """Numbers that mean something."""
        return all(isfinite(n) and n > 0 for n in (self.faster_than, self.farther_than))


class PlacesError(ValueError):
    """The table can't be used; the text names the line."""


class Places:
    """Networks and where they are; the longest prefix counts."""

    def __init__(self, networks: Mapping[tuple[int, int], Mapping[int, Place]]) -> None:
        self._networks = networks
        """(IP version, prefix length) → the prefix's bits → place."""
        self._lengths = {v: sorted((n for w, n in networks if w == v), reverse=True) for v in (4, 6)}

    def __len__(self) -> int:
        return sum(map(len, self._networks.values()))

    def of(self, address: str) -> Place | None:
        """Where an address is; None for what is none, is nobody's in public, or is not in the table. A mapped IPv4 address is that address."""
        try:
            ip = ip_address(address)
        except ValueError:
            return None
        if ip.version == 6 and ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        if not ip.is_global:
            return None
        bits = int(ip)
        for length in self._lengths[ip.version]:
            found = self._networks[ip.version, length].get(bits >> (ip.max_prefixlen - length))
            if found is not None:
                return found
        return None


def parse(lines: Iterable[str]) -> Places:
    """The table of a CSV file with the columns ``network,latitude,longitude,name`` (the name is for its readers). Raises PlacesError."""
    reader = csv.reader(lines, strict=True)
    networks: dict[tuple[int, int], dict[int, Place]] = {}
    known: dict[Place, Place] = {}
    count = 0
    try:
        if [word.strip() for word in next(reader, [])] != COLUMNS:
            raise PlacesError(f"line 1: it must be {','.join(COLUMNS)}")
        for row in reader:
            if not row:
                continue
            network, place = _line(row, reader.line_num)
            key, bits = (network.version, network.prefixlen), int(network.network_address)
            of_size, bits = networks.setdefault(key, {}), bits >> (network.max_prefixlen - network.prefixlen)
            if bits in of_size:
                raise PlacesError(f"line {reader.line_num}: {network} was there before")
            of_size[bits] = known.setdefault(place, place)
            count += 1
            if count > MOST:
                raise PlacesError(f"line {reader.line_num}: more than {MOST} networks")
    except csv.Error as error:
        raise PlacesError(f"line {reader.line_num}: {error}") from None
    if not count:
        raise PlacesError("there is no network in it")
    return Places(networks)


def _line(row: list[str], number: int) -> tuple[IPv4Network | IPv6Network, Place]:
    if len(row) != len(COLUMNS):
        raise PlacesError(f"line {number}: it has {len(row)} columns, not {len(COLUMNS)}")
    try:
        network = ip_network(row[0].strip())
    except ValueError:
        raise PlacesError(f"line {number}: {row[0][:64]!r} is no network") from None
    try:
        place = Place(float(row[1]), float(row[2]))
    except ValueError:
        raise PlacesError(f"line {number}: latitude and longitude must be numbers") from None
    if not (abs(place.latitude) <= 90 and abs(place.longitude) <= 180):
        raise PlacesError(f"line {number}: latitude must be -90 to 90, longitude -180 to 180")
    return _plain(network), place


def _plain(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    """A network of mapped IPv4 addresses is that network, as :meth:`Places.of` looks for them."""
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    return IPv4Network((mapped, network.prefixlen - 96)) if mapped is not None and network.prefixlen >= 96 else network


def distance(a: Place, b: Place) -> float:
    """Kilometres over the ground (haversine; half a percent off at most)."""
    south, north = radians(a.latitude), radians(b.latitude)
    up, along = north - south, radians(b.longitude - a.longitude)
    part = sin(up / 2) ** 2 + cos(south) * cos(north) * sin(along / 2) ** 2
    return 2 * EARTH_KM * asin(min(1.0, sqrt(part)))


def impossible(a: Place, b: Place, between: int, limit: Travel) -> bool:
    """Whether nobody travels from one to the other in ``between`` microseconds, whichever of them was first."""
    far = distance(a, b)
    return far > limit.farther_than and far * HOUR_US > limit.faster_than * abs(between)
