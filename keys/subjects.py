"""What a department may call a citizen and a session: values that two departments cannot join.

Subject = base64url(AES-SIV(pairwise key vN, account id, AD = "sub" ‖ sector id)): 43 characters, reversible by us alone
(OpenID Connect Core §8.1). ``sid`` = base64url(HMAC-SHA-256(sid key, session ‖ client)).
"""

import hmac
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from keys.purpose import PurposeRing, subkey
from keys.wire import as_bytes, b64url, length_prefixed, unb64url

ACCOUNT_ID_BYTES = 16
_SUBJECT_BYTES = 32


def subject(ring: PurposeRing, version: int, account_id: bytes, sector_id: bytes | str) -> str:
    """The pairwise subject of one account in one sector. ``version`` is the account's column. Raises ``MissingKey``."""
    if len(account_id) != ACCOUNT_ID_BYTES:
        raise ValueError("an account id has 16 bytes")
    return _subject(ring.get("pairwise", version), account_id, sector_id)


@lru_cache(maxsize=4096)
def _subject(key: bytes, account_id: bytes, sector_id: bytes | str) -> str:
    """The same for ever; asked for by every answer of a sign-in."""
    return b64url(_siv(key).encrypt(account_id, [b"sub" + as_bytes(sector_id)]))


def account_of_subject(ring: PurposeRing, sector_id: bytes | str, sub: str) -> bytes | None:
    """The account behind a subject of this sector, under any usable key version; None for a foreign, altered or invented one."""
    raw = unb64url(sub)
    if raw is None or len(raw) != _SUBJECT_BYTES:
        return None
    for version in ring.versions("pairwise"):
        try:
            return _siv(ring.get("pairwise", version)).decrypt(raw, [b"sub" + as_bytes(sector_id)])
        except InvalidTag:
            continue
    return None


@lru_cache(maxsize=4)
def _siv(key: bytes) -> AESSIV:
    """Set up once for each of the few versions, which live as long as the ring."""
    return AESSIV(key)


def sid(ring: PurposeRing, session_id: bytes | str, client_id: str, *, version: int | None = None) -> str:
    """The ``sid`` claim of one session at one client (OIDC Front-Channel Logout §3). ``version``: None = current ``sid`` key."""
    key = ring.current("sid")[1] if version is None else ring.get("sid", version)
    return b64url(subkey(key, length_prefixed(as_bytes(session_id), client_id.encode())))


def sid_matches(ring: PurposeRing, value: str, session_id: bytes | str, client_id: str) -> bool:
    """Whether ``value`` is this session's ``sid`` at this client under any usable key version. Constant time for each version."""
    known = [sid(ring, session_id, client_id, version=version) for version in ring.versions("sid")]
    return any(hmac.compare_digest(as_bytes(value), candidate.encode()) for candidate in known)
