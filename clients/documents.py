"""Documents that clients publish: key sets (cached), sector lists and logos (once).

The cache of key sets is bounded and safe for threads; one fetch at a time for one address. Times are microseconds from the clock given.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable

from clients import strict_json
from clients.errors import ClientError, bad_metadata
from clients.key_material import BadKeys, ClientKeys, parse_jwks
from clients.logos import BadLogo, reencode_logo
from clients.model import Client
from clients.outbound import Limits, Outbound, OutboundError
from clients.sectors import check_sector_document

FRESH = 600 * 1_000_000
REFETCH = 30 * 1_000_000
KEEP = 24 * 3600 * 1_000_000
LOGO_LIMITS = Limits(max_bytes=1024 * 1024)
_DOCUMENT_LIMITS = Limits()


class KeysUnavailable(Exception):
    """No usable key set of this client is at hand. ``reason`` is a short stable word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Entry:
    """What is known of one ``jwks_uri``; its lock makes fetches single. ``good`` is the last good set and when it was fetched."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.good: tuple[ClientKeys, int] | None = None
        self.tried_at: int | None = None
        self.reason = "jwks_unavailable"

    def usable(self, now: int) -> ClientKeys | None:
        """The last good set unless it is older than a day."""
        good = self.good
        return good[0] if good is not None and now - good[1] <= KEEP else None

    def due(self, kid: str | None, now: int) -> bool:
        """Whether to fetch: nothing or nothing fresh at hand, or a key that is not in it; not again within half a minute."""
        if self.tried_at is not None and now - self.tried_at < REFETCH:
            return False
        if self.good is None or now - self.good[1] >= FRESH:
            return True
        return kid is not None and not self.good[0].has_kid(kid)


class KeyDirectory:
    """The keys of clients, whether registered by value or by address.

    A set is fresh for ten minutes. A ``kid`` that it lacks causes a new fetch, at most one in thirty seconds, so that a rotation is seen
    at once and nobody makes us hammer a department. While the address fails, or answers weak or private keys, the last good set serves
    for up to a day.
    """

    def __init__(self, outbound: Outbound, clock: Callable[[], int], *, capacity: int = 4096) -> None:
        self._outbound = outbound
        self._clock = clock
        self._capacity = capacity
        self._lock = threading.Lock()
        self._fetched: OrderedDict[str, _Entry] = OrderedDict()
        self._parsed: OrderedDict[str, tuple[object, ClientKeys]] = OrderedDict()

    def keys_for(self, client: Client, kid: str | None = None) -> ClientKeys:
        """The keys of ``client``; ``kid`` the one that is looked for. Raises :class:`KeysUnavailable`."""
        if client.jwks_uri is not None:
            return self._by_address(client.jwks_uri, kid)
        if client.jwks is None:
            raise KeysUnavailable("jwks_missing")
        return self._by_value(client)

    def _by_value(self, client: Client) -> ClientKeys:
        """Parsed once per registered set: the very object is compared, for an update makes a new one."""
        with self._lock:
            known = self._parsed.get(client.client_id)
            if known is not None and known[0] is client.jwks:
                self._parsed.move_to_end(client.client_id)
                return known[1]
        try:
            keys = parse_jwks(client.jwks)
        except BadKeys as bad:
            raise KeysUnavailable(f"jwks_{bad.reason}") from None
        with self._lock:
            self._parsed[client.client_id] = (client.jwks, keys)
            if len(self._parsed) > self._capacity:
                self._parsed.popitem(last=False)
        return keys

    def _by_address(self, uri: str, kid: str | None) -> ClientKeys:
        """One thread fetches; others go on with the set at hand if it has what they look for, and wait otherwise."""
        entry = self._entry(uri)
        now = self._clock()
        ready = entry.usable(now)
        content = ready is not None and (kid is None or ready.has_kid(kid))
        if entry.lock.acquire(blocking=not content):
            try:
                if entry.due(kid, now):
                    self._fetch(entry, uri, now)
            finally:
                entry.lock.release()
        keys = entry.usable(now)
        if keys is None:
            raise KeysUnavailable(entry.reason)
        return keys

    def _entry(self, uri: str) -> _Entry:
        with self._lock:
            entry = self._fetched.setdefault(uri, _Entry())
            self._fetched.move_to_end(uri)
            if len(self._fetched) > self._capacity:
                self._fetched.popitem(last=False)
            return entry

    def _fetch(self, entry: _Entry, uri: str, now: int) -> None:
        entry.tried_at = now
        try:
            entry.good = (fetch_jwks(self._outbound, uri), now)
        except ClientError as error:
            entry.reason = error.reason


def _document(outbound: Outbound, member: str, uri: str, limits: Limits = _DOCUMENT_LIMITS) -> bytes:
    """The body of a plain 200. One text whatever went wrong, so that ports cannot be told apart (ATTACKS A098)."""
    try:
        response = outbound.get(uri, limits)
    except OutboundError as error:
        raise _unfetched(member, error.reason) from None
    if response.status != 200:
        raise _unfetched(member, f"status_{response.status}")
    return response.body


def _unfetched(member: str, detail: str) -> ClientError:
    error = bad_metadata(f"{member}: the document could not be fetched", f"{member}_unavailable")
    error.private = detail
    return error


def fetch_jwks(outbound: Outbound, uri: str) -> ClientKeys:
    """The key set behind a ``jwks_uri``. Raises ``invalid_client_metadata``."""
    body = _document(outbound, "jwks_uri", uri)
    try:
        return parse_jwks(strict_json.read(body))
    except strict_json.NotStrict:
        raise bad_metadata("jwks_uri must answer a JSON Web Key Set", "jwks_syntax") from None
    except BadKeys as bad:
        raise bad_metadata(f"jwks_uri {bad.text}", f"jwks_{bad.reason}") from None


def check_encrypters(outbound: Outbound, uri: str, algs: Iterable[str], now_s: int) -> None:
    """The set behind a ``jwks_uri`` holds a key for each of ``algs`` (OIDC Registration §2). Raises ``invalid_client_metadata``."""
    keys = fetch_jwks(outbound, uri)
    for alg in algs:
        if keys.encrypter(alg, now_s) is None:
            raise bad_metadata(
                f"jwks_uri must hold a key that {alg} can encrypt to, with use enc or none", "jwks_no_encrypter"
            )


def check_sector(outbound: Outbound, uri: str, redirect_uris: Iterable[str]) -> None:
    """The document behind ``sector_identifier_uri`` lists every redirect URI (OIDC Registration §5)."""
    check_sector_document(_document(outbound, "sector_identifier_uri", uri), redirect_uris)


def fetch_logo(outbound: Outbound, uri: str) -> bytes:
    """The logo behind ``logo_uri`` as a small PNG of our own making. Raises ``invalid_client_metadata``."""
    try:
        return reencode_logo(_document(outbound, "logo_uri", uri, LOGO_LIMITS))
    except BadLogo as bad:
        raise bad_metadata(f"logo_uri {bad.text}", f"logo_{bad.reason}") from None
