"""Who is signed in at this app: kept at the server, so that a logout from the provider can end it."""

import secrets
import threading
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Visit:
    """One signed-in browser. ``id_token`` raw, for the logout hint; ``claims`` of the ID token; ``userinfo`` what was released;
    ``raw`` the JWE that it came in, if it did; ``checked``, ``verdict``: whether a number was compared, and is the citizen's (None: not told)."""

    key: str
    sub: str
    sid: str
    id_token: str
    claims: dict[str, Any]
    userinfo: dict[str, Any]
    raw: str = ""
    checked: bool = False
    verdict: bool | None = None

    def __repr__(self) -> str:
        return "Visit(…)"


class Visits:
    """In memory: enough for one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_key: dict[str, Visit] = {}
        self._seen: set[str] = set()

    def begin(self, id_token: str, claims: dict[str, Any], userinfo: dict[str, Any], raw: str = "") -> Visit:
        """A new visit under a fresh key."""
        key = secrets.token_urlsafe(24)
        visit = Visit(key, claims["sub"], claims.get("sid", ""), id_token, claims, userinfo, raw)
        with self._lock:
            self._by_key[visit.key] = visit
        return visit

    def get(self, key: str | None) -> Visit | None:
        """The visit or None."""
        with self._lock:
            return self._by_key.get(key or "")

    def note_verdict(self, key: str, verdict: bool | None) -> None:
        """What the provider said of a number."""
        with self._lock:
            if key in self._by_key:
                self._by_key[key] = replace(self._by_key[key], checked=True, verdict=verdict)

    def end(self, key: str) -> None:
        """This browser signed out."""
        with self._lock:
            self._by_key.pop(key, None)

    def end_sid(self, sid: str) -> int:
        """The provider ended this session; how many visits ended."""
        with self._lock:
            gone = [k for k, v in self._by_key.items() if v.sid == sid]
            for key in gone:
                del self._by_key[key]
        return len(gone)

    def first_time(self, jti: str) -> bool:
        """Back-Channel Logout §2.6: a logout token counts once."""
        with self._lock:
            if jti in self._seen:
                return False
            self._seen.add(jti)
            return True
