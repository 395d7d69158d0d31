"""Calls that the provider makes to departments: the port, and the guarded implementation over urllib3.

A name is looked up once, every address it gives is judged, and the connection goes to a judged address with the name's own certificate
check; so a name that is rebound between check and use gains nothing. No redirects, proxies, cookies, credentials or decompression.
"""

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Protocol

import msgspec
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from clients.addresses import Address, AllowList, as_literal
from clients.deadline import Budget, timed
from clients.uris import BadUri, Uri, parse

PUBLIC_TEXT = "The address could not be fetched"
_HEAD_BYTES = 32 * 1024
_PORTS = {"https": 443, "http": 80}


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one call: seconds to connect, seconds in all (look-up, handshake and body included), bytes of the body."""

    connect_s: float = 3.0
    total_s: float = 3.0
    max_bytes: int = 64 * 1024


DEFAULT_LIMITS = Limits()


class Response(msgspec.Struct, frozen=True):
    """What came back. Header names are in lower case; a redirect is a status like any other and is not followed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class OutboundError(Exception):
    """The call did not end in a response. One text for every cause, so that nobody scans networks through us; ``reason`` is for the
    operator's log: bad_url, refused_address, unreachable, tls, timeout, too_large, content_encoding."""

    def __init__(self, reason: str) -> None:
        super().__init__(PUBLIC_TEXT)
        self.reason = reason


class Outbound(Protocol):
    """Calls to addresses that others chose. Safe for threads. Never follows a redirect, never keeps state between calls.

    Both raise :class:`OutboundError` when no complete response within ``limits`` was read. The implementation must judge the very address
    it connects to.
    """

    def get(self, url: str, limits: Limits = DEFAULT_LIMITS) -> Response:
        """GET ``url``."""
        ...

    def post(self, url: str, body: bytes, content_type: str, limits: Limits = DEFAULT_LIMITS) -> Response:
        """POST ``body`` to ``url``."""
        ...


Resolve = Callable[[str, int], Sequence[str]]


def system_resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of ``host`` by the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@cache
def _tls(ca: str | None) -> ssl.SSLContext:
    """What may be trusted, read once per process: the system's list alone is hundreds of certificates."""
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class GuardedOutbound:
    """The :class:`Outbound` port over urllib3.

    ``allow`` names hosts and networks that may be called although private, and over http; ``ca`` is a PEM file of the only authorities
    to trust (``None``: the system's); ``monotonic`` counts seconds for the limits.
    """

    def __init__(
        self,
        *,
        monotonic: Callable[[], float],
        allow: Sequence[str] = (),
        ca: str | None = None,
        resolve: Resolve = system_resolve,
    ) -> None:
        self._allow = AllowList.of(allow)
        self._monotonic = monotonic
        self._resolve = resolve
        self._tls = _tls(ca)

    def get(self, url: str, limits: Limits = DEFAULT_LIMITS) -> Response:
        """See :meth:`Outbound.get`."""
        return self._call("GET", url, None, {}, limits)

    def post(self, url: str, body: bytes, content_type: str, limits: Limits = DEFAULT_LIMITS) -> Response:
        """See :meth:`Outbound.post`."""
        return self._call("POST", url, body, {"Content-Type": content_type}, limits)

    def _call(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], limits: Limits) -> Response:
        budget = Budget(self._monotonic, limits.total_s, limits.max_bytes + _HEAD_BYTES)
        uri = _parse(url)
        addresses = self._judged(uri, budget)
        failure = OutboundError("unreachable")
        for tried, address in enumerate(addresses):
            timeout = min(limits.connect_s, _seconds(budget) / (len(addresses) - tried))
            connection = self._connection(uri, address, budget, timeout)
            try:
                connection.connect()
            except (OSError, urllib3.exceptions.HTTPError) as error:
                connection.close()
                failure = _failure(error)
                continue
            return _exchange(connection, method, uri, body, headers, limits)
        raise failure

    def _judged(self, uri: Uri, budget: Budget) -> list[Address]:
        """The addresses of the host, if each of them may be called."""
        literal = as_literal(uri.host)
        addresses = [literal] if literal is not None else self._look_up(uri, budget)
        host = uri.host.strip("[]")
        permitted = self._allow.permits if uri.scheme == "https" else self._allow.covers
        if not addresses or not all(permitted(host, address) for address in addresses):
            raise OutboundError("refused_address")
        return addresses

    def _look_up(self, uri: Uri, budget: Budget) -> list[Address]:
        """In a thread of its own: the system's resolver knows no time limit."""
        answer: list[str] = []

        def ask() -> None:
            try:
                answer.extend(self._resolve(uri.host, uri.port or _PORTS[uri.scheme]))
            except OSError:
                answer.clear()

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        thread.join(budget.seconds())
        if thread.is_alive():
            raise OutboundError("timeout")
        if not answer:
            raise OutboundError("unreachable")
        literals = [as_literal(text) for text in answer]
        if None in literals:
            raise OutboundError("refused_address")
        return [literal for literal in literals if literal is not None]

    def _connection(self, uri: Uri, address: Address, budget: Budget, timeout: float) -> HTTPConnection:
        port = uri.port or _PORTS[uri.scheme]
        if uri.scheme == "http":
            return timed(HTTPConnection, budget)(str(address), port, timeout=timeout)
        return timed(HTTPSConnection, budget)(
            str(address), port, timeout=timeout, server_hostname=uri.host.strip("[]"), ssl_context=self._tls
        )


class SteadyOutbound:
    """Another :class:`Outbound` whose failures all take ``floor_s`` seconds, for addresses that a stranger may try out: open, closed and
    filtered ports then look the same by time as well."""

    def __init__(
        self, inner: Outbound, *, monotonic: Callable[[], float], sleep: Callable[[float], None], floor_s: float = 3.0
    ) -> None:
        self._inner = inner
        self._monotonic = monotonic
        self._sleep = sleep
        self._floor_s = floor_s

    def get(self, url: str, limits: Limits = DEFAULT_LIMITS) -> Response:
        """See :meth:`Outbound.get`."""
        return self._steadily(lambda: self._inner.get(url, limits))

    def post(self, url: str, body: bytes, content_type: str, limits: Limits = DEFAULT_LIMITS) -> Response:
        """See :meth:`Outbound.post`."""
        return self._steadily(lambda: self._inner.post(url, body, content_type, limits))

    def _steadily(self, call: Callable[[], Response]) -> Response:
        end = self._monotonic() + self._floor_s
        try:
            return call()
        except OutboundError:
            self._sleep(max(0.0, end - self._monotonic()))
            raise


def _parse(url: str) -> Uri:
    try:
        uri = parse(url)
    except BadUri:
        raise OutboundError("bad_url") from None
    if uri.scheme not in _PORTS or not uri.host:
        raise OutboundError("bad_url")
    return uri


def _seconds(budget: Budget) -> float:
    try:
        return budget.seconds()
    except TimeoutError:
        raise OutboundError("timeout") from None


def _exchange(
    connection: HTTPConnection, method: str, uri: Uri, body: bytes | None, headers: Mapping[str, str], limits: Limits
) -> Response:
    host = uri.host if uri.port in {None, _PORTS[uri.scheme]} else f"{uri.host}:{uri.port}"
    target = (uri.path or "/") + ("" if uri.query is None else f"?{uri.query}")
    common = {
        "Host": host,
        "User-Agent": "yimen",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    try:
        connection.request(method, target, body, {**common, **headers}, preload_content=False, decode_content=False)
        return _read(connection.getresponse(), limits)
    except (OSError, urllib3.exceptions.HTTPError, http.client.HTTPException, ValueError, OverflowError) as error:
        raise _failure(error) from None
    finally:
        connection.close()


def _read(response: urllib3.HTTPResponse, limits: Limits) -> Response:
    try:
        if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise OutboundError("content_encoding")
        body = b""
        while chunk := response.read(limits.max_bytes + 1 - len(body), decode_content=False):
            body += chunk
            if len(body) > limits.max_bytes:
                raise OutboundError("too_large")
        return Response(response.status, {name.lower(): value for name, value in response.headers.items()}, body)
    finally:
        response.close()


def _failure(error: Exception) -> OutboundError:
    causes = (error, error.__cause__, error.__context__)
    if any(isinstance(cause, OverflowError) for cause in causes):
        return OutboundError("too_large")
    if any(isinstance(cause, (TimeoutError, urllib3.exceptions.TimeoutError)) for cause in causes):
        return OutboundError("timeout")
    if any(isinstance(cause, (ssl.SSLError, urllib3.exceptions.SSLError)) for cause in causes):
        return OutboundError("tls")
    return OutboundError("unreachable")
