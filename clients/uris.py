"""Strict reading of absolute URIs: what does not fit the plain form of RFC 3986 is refused, never repaired."""

import ipaddress
import re
from urllib.parse import unquote

import msgspec

MAX_URI_LENGTH = 2000
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})

_ALLOWED = re.compile(r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()+,;=-]|%[0-9A-Fa-f]{2})+")
_URI = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?://(?P<authority>[^/?#]*))?(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?P<fragment>#.*)?"
)
_AUTHORITY = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]@]*)(?::(?P<port>[0-9]*))?")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")


class Uri(msgspec.Struct, frozen=True, kw_only=True):
    """A URI taken apart. ``host`` keeps the brackets of an IPv6 literal and is empty when there is no authority."""

    scheme: str
    host: str
    port: int | None
    path: str
    query: str | None

    @property
    def loopback(self) -> bool:
        """Whether the host is a loopback literal or ``localhost``."""
        return self.host in LOOPBACK_HOSTS

    @property
    def origin(self) -> str:
        """Scheme, host and port; a default port is left out (RFC 6454 §6.2)."""
        default = {"https": 443, "http": 80}.get(self.scheme)
        port = "" if self.port in {None, default} else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"


class BadUri(ValueError):
    """``reason`` is a short stable word, ``text`` one plain sentence fragment that follows the member's name."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.text = text


def parse(uri: str, *, fragment_allowed: bool = False) -> Uri:
    """``uri`` taken apart. Raises :class:`BadUri` for anything but a plain absolute URI (RFC 3986 §4.3)."""
    _check_characters(uri)
    match = _URI.fullmatch(uri)
    if match is None:
        raise BadUri("not_absolute", "must be an absolute URI")
    if match["fragment"] is not None and not fragment_allowed:
        raise BadUri("fragment", "must not have a fragment")
    if match["scheme"] != match["scheme"].lower():
        raise BadUri("upper_case", "must write scheme and host in lower case")
    _check_path(match["path"])
    host, port = _authority(match["authority"])
    return Uri(scheme=match["scheme"], host=host, port=port, path=match["path"], query=match["query"])


def _check_characters(uri: str) -> None:
    if len(uri) > MAX_URI_LENGTH:
        raise BadUri("too_long", f"must not be longer than {MAX_URI_LENGTH} characters")
    if "*" in uri:
        raise BadUri("wildcard", "must not contain a wildcard")
    if not _ALLOWED.fullmatch(uri):
        raise BadUri("characters", "must hold only the characters that a URI may hold, others percent-encoded")
    if re.search(r"%(?:[01][0-9a-f]|7f)", uri, re.IGNORECASE):
        raise BadUri("control", "must not contain control characters, encoded or not")


def _check_path(path: str) -> None:
    """No dot segment under any depth of encoding: servers and browsers resolve them differently (RFC 3986 §5.2.4)."""
    decoded = path
    for _ in range(4):
        if any(segment in {".", ".."} for segment in re.split(r"[/\\;]", decoded)):
            raise BadUri("dot_segment", "must not contain the path segments . and .. in any encoding")
        if "\\" in decoded:
            raise BadUri("backslash", "must not contain a backslash, encoded or not")
        decoded = unquote(decoded)


def _authority(authority: str | None) -> tuple[str, int | None]:
    if authority is None:
        return "", None
    if "@" in authority:
        raise BadUri("userinfo", "must not contain a user name or password")
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise BadUri("authority", "must have a plain host and port")
    return _host(match["host"]), _port(match["port"])


def _port(port: str | None) -> int | None:
    if port is None:
        return None
    if not port or port.startswith("0") or len(port) > 5 or int(port) > 65535:
        raise BadUri("port", "must have a port between 1 and 65535, or none")
    return int(port)


def _host(host: str) -> str:
    if host != host.lower():
        raise BadUri("upper_case", "must write scheme and host in lower case")
    if host.startswith("["):
        return _ipv6_literal(host)
    labels = host.split(".")
    if _NUMERIC.fullmatch(labels[-1]):
        return _ipv4_literal(host)
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadUri("host", "must have a host name or an IP address")
    return host


def _ipv4_literal(host: str) -> str:
    """Four decimal numbers and nothing else: resolvers read other numeric forms as addresses too (WHATWG URL §3.5)."""
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        raise BadUri("host", "must write an IPv4 address as four decimal numbers") from None


def _ipv6_literal(host: str) -> str:
    try:
        address = ipaddress.IPv6Address(host[1:-1])
    except ValueError:
        raise BadUri("host", "must write an IPv6 address in brackets") from None
    if host != f"[{address.compressed}]" or address.scope_id:
        raise BadUri("host", "must write an IPv6 address in its shortest form (RFC 5952)")
    return host
