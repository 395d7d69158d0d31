"""Believing an access token of ours: signature once (remembered by hash until it expires), all that can end it at every use."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from idp.flows.minting import MICROSECONDS, OF_CLIENT, OF_GRANT, subject_of
from idp.flows.released import over
from idp.parts import Parts
from idp.protocol.access_token import ALG, TYP, AccessToken, check_time, invalid, read
from idp.records import Account, Grant, RevokedToken
from keys.errors import TokenInvalid
from keys.jose import verify
from keys.tokens import open_jti

REMEMBERED: Final = 8192
MAX_CHARS: Final = 4096


@dataclass(frozen=True, slots=True)
class Verified:
    """A token whose signature, type and issuer are right. ``grant_id`` is None for a client's own token."""

    token: AccessToken
    grant_id: bytes | None


class AccessTokens:
    """Verifies for one process. What it remembers is dropped when the keys change, and bounded."""

    def __init__(self, parts: Parts, size: int = REMEMBERED) -> None:
        self._parts, self._size = parts, size
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, Verified] = OrderedDict()
        self._generation = -1

    def verify(self, token: str, now: int) -> Verified:
        """Raises Refusal(invalid_token): not ours, another type of token, expired. ``now`` microseconds."""
        found = self.signed(token)
        check_time(found.token, now // MICROSECONDS)
        return found

    def signed(self, token: str) -> Verified:
        """As :meth:`verify`, whatever its times say (revocation of an expired token is no error)."""
        if len(token) > MAX_CHARS:
            raise invalid("too_long")
        key = sha256(token.encode("utf-8", "surrogatepass")).digest()
        generation = self._parts.generations.now("key")
        with self._lock:
            if generation != self._generation:
                self._known.clear()
                self._generation = generation
            found = self._known.get(key)
        if found is None:
            found = self._opened(token)
            with self._lock:
                if generation == self._generation:  # the keys did not change meanwhile
                    self._known[key] = found
                    if len(self._known) > self._size:
                        self._known.popitem(last=False)
        return found

    def _opened(self, token: str) -> Verified:
        parts = self._parts
        try:
            payload = verify(token, parts.keys.verifying(), (ALG,), TYP, max_len=MAX_CHARS)
        except TokenInvalid as error:
            raise invalid(error.reason) from None
        found = read(payload, parts.config.issuer)
        opened = open_jti(parts.ring, found.jti)
        if opened is None or opened[0] not in (OF_GRANT, OF_CLIENT):
            raise invalid("jti")
        return Verified(found, opened[1] if opened[0] == OF_GRANT else None)


def revocation_hash(jti: str) -> bytes:
    """What stays of a revoked ``jti``."""
    return sha256(jti.encode()).digest()


def check_alive(parts: Parts, verified: Verified, now: int) -> Grant | None:
    """All that can end a token before its time, read now: client, revocation, grant, dated consent, account. The grant, or None for a client's
    own token. ``now`` microseconds. Raises Refusal(invalid_token).
    """
    token = verified.token
    client = parts.clients.get(token.client_id)
    if client is None or not client.active or token.iat < client.active_since // MICROSECONDS:
        raise invalid("client_inactive")
    if verified.grant_id is None:
        _refuse_revoked(parts, token.jti)
        return None
    found = parts.store.pair(Grant, Account, "account_id", id=verified.grant_id)
    if found is None or found[0].ended_at is not None or found[0].client_id != token.client_id:
        raise invalid("grant_ended")
    grant, account = found
    if token.sub != subject_of(parts, grant):
        raise invalid("subject")  # the row was moved to somebody else since
    if grant.token_revoked:
        _refuse_revoked(parts, token.jti)
    if grant.plan is not None and over(grant, now):
        raise invalid("consent_over")
    if account is None or account.status != "active":
        raise invalid("account_inactive")
    return grant


def _refuse_revoked(parts: Parts, jti: str) -> None:
    if parts.store.one(RevokedToken, hash=revocation_hash(jti)) is not None:
        raise invalid("revoked")
