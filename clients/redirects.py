"""Redirect URIs: what may be registered, and when a received one is the registered one."""

import re
from collections.abc import Sequence
from enum import StrEnum
from urllib.parse import parse_qsl

from clients.errors import ClientError, ClientErrorCode
from clients.model import Client
from clients.uris import BadUri, Uri, parse

MAX_REDIRECT_URIS = 100
ANSWERED = frozenset({"code", "state", "iss", "error", "error_description", "error_uri"})
"""Parameters of an authorization response (RFC 6749 §4.1.2, RFC 9207 §2)."""


def check_redirect_uri(uri: str, *, native: bool, member: str = "redirect_uris") -> Uri:
    """The rules for one registered redirect URI (OIDC Registration §2, RFC 8252 §7, RFC 9700 §2.1).

    Raises :class:`ClientError` ``invalid_redirect_uri``.
    """
    try:
        parts = parse(uri)
        _check_scheme(parts, native=native)
        _check_query(parts)
    except BadUri as bad:
        raise ClientError(
            ClientErrorCode.INVALID_REDIRECT_URI, f"{member}: a value {bad.text}", f"redirect_{bad.reason}"
        ) from None
    return parts


def check_redirect_uris(uris: Sequence[str], *, native: bool, member: str = "redirect_uris") -> tuple[str, ...]:
    """Every one of ``uris`` checked; at most a hundred, each once."""
    if len(uris) > MAX_REDIRECT_URIS:
        raise ClientError(
            ClientErrorCode.INVALID_REDIRECT_URI, f"{member}: at most {MAX_REDIRECT_URIS} values", "redirect_too_many"
        )
    for uri in uris:
        check_redirect_uri(uri, native=native, member=member)
    if len(set(uris)) != len(uris):
        raise ClientError(ClientErrorCode.INVALID_REDIRECT_URI, f"{member}: a value is listed twice", "redirect_twice")
    return tuple(uris)


def _check_scheme(uri: Uri, *, native: bool) -> None:
    if uri.scheme == "https":
        return _check_has_host(uri)
    if uri.scheme == "http":
        # RFC 8252 §7.3 for native clients; for web ones a developer's own machine, where no network is crossed.
        _check_has_host(uri)
        if not uri.loopback:
            raise BadUri("http", "must use https; http is for localhost, 127.0.0.1 and [::1]")
        return None
    return _check_private_use(uri, native=native)


def _check_query(uri: Uri) -> None:
    """RFC 6749 §3.1.2 lets a redirect URI have a query; one with a parameter of the answer would have it twice (§3.1)."""
    if ANSWERED.intersection(name for name, _ in parse_qsl(uri.query or "", keep_blank_values=True)):
        raise BadUri("parameter", "must not have a parameter that the answer has")


def _check_has_host(uri: Uri) -> None:
    if not uri.host:
        raise BadUri("host", "must have a host")


def _check_private_use(uri: Uri, *, native: bool) -> None:
    """RFC 8252 §7.1: a scheme made from a domain name in reverse, of a native app only."""
    if not native:
        raise BadUri("scheme", "must use https; schemes of apps are for application_type native")
    if "." not in uri.scheme or uri.scheme.endswith("."):
        raise BadUri("scheme", "must use https or a scheme that is a reversed domain name, such as com.example.app")
    if not uri.path.startswith("/") and not uri.host:
        raise BadUri("path", "must have a path that begins with a slash")


def match(client: Client, uri: str) -> bool:
    """Whether ``uri`` is one of the client's redirect URIs: the rule stands on the client itself."""
    return client.matches_redirect_uri(uri)


def match_post_logout(client: Client, uri: str) -> bool:
    """Whether ``uri`` is one of the client's post-logout redirect URIs, byte for byte (RP-Initiated Logout §3)."""
    return uri in client.post_logout_redirect_uris


def web_origins(client: Client) -> tuple[str, ...]:
    """The web origins of the client's redirect URIs, each once, as a browser writes them (RFC 6454 §6.2)."""
    parts = (parse(uri) for uri in client.redirect_uris)
    return tuple(dict.fromkeys(uri.origin for uri in parts if uri.scheme in {"https", "http"}))


class Difference(StrEnum):
    """How a received URI differs from a registered one, in words that pages translate."""

    NONE = "same"
    CASE = "case"
    TRAILING_SLASH = "trailing_slash"
    SCHEME = "scheme"
    PORT = "port"
    QUERY = "query"
    FRAGMENT = "fragment"
    PATH = "path"
    LOOPBACK_NAME = "loopback_name"
    HOST = "host"
    OTHER = "other"


DIFFERENCE_TEXT: dict[Difference, dict[str, str]] = {
    Difference.NONE: {"en": "The two are equal.", "zh": "两者相同。"},
    Difference.CASE: {"en": "They differ only in upper and lower case.", "zh": "仅大小写不同。"},
    Difference.TRAILING_SLASH: {"en": "They differ only by a slash at the end.", "zh": "仅末尾的斜杠不同。"},
    Difference.SCHEME: {"en": "They differ only in http and https.", "zh": "仅 http 与 https 不同。"},
    Difference.PORT: {"en": "They differ only in the port.", "zh": "仅端口不同。"},
    Difference.QUERY: {"en": "They differ only after the question mark.", "zh": "仅问号之后的部分不同。"},
    Difference.FRAGMENT: {
        "en": "The received one has a fragment, which is never allowed.",
        "zh": "收到的地址带有 # 片段，这是不允许的。",
    },
    Difference.PATH: {"en": "They differ only in the path.", "zh": "仅路径不同。"},
    Difference.LOOPBACK_NAME: {
        "en": "One says localhost, the other an IP address.",
        "zh": "一个写 localhost，另一个写 IP 地址。",
    },
    Difference.HOST: {"en": "They differ in the host.", "zh": "主机不同。"},
    Difference.OTHER: {"en": "They differ in more than one part.", "zh": "有多处不同。"},
}

_LOOSE = re.compile(
    r"(?P<scheme>[^:/?#]*):(?://(?P<host>[^/?#]*?)(?::(?P<port>[0-9]*))?(?=[/?#]|$))?(?P<path>[^?#]*)(?P<query>\?[^#]*)?(?P<fragment>#.*)?",
    re.DOTALL,
)


def difference(received: str, registered: str) -> Difference:
    """The one thing in which ``received`` differs from ``registered``, for the developer's error list; decides nothing."""
    if received == registered:
        return Difference.NONE
    if received.lower() == registered.lower():
        return Difference.CASE
    left, right = _LOOSE.fullmatch(received), _LOOSE.fullmatch(registered)
    if left is None or right is None:
        return Difference.OTHER
    parts = [name for name in ("scheme", "host", "port", "path", "query", "fragment") if left[name] != right[name]]
    if len(parts) != 1:
        return Difference.OTHER
    if parts == ["path"] and left["path"].rstrip("/") == right["path"].rstrip("/"):
        return Difference.TRAILING_SLASH
    if parts == ["host"] and {left["host"], right["host"]} <= {"localhost", "127.0.0.1", "[::1]"}:
        return Difference.LOOPBACK_NAME
    return Difference(parts[0])


_NEARNESS = tuple(Difference)


def nearest(received: str, registered: Sequence[str]) -> str | None:
    """The one of ``registered`` that is least unlike ``received``; ``None`` when there is none."""
    return min(registered, key=lambda uri: _NEARNESS.index(difference(received, uri)), default=None)
