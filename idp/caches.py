"""What does not change per request, kept in memory and dropped when its generation row moves.

Each process reads the generation rows at most every 250 ms and refuses (``Unavailable``) when it could not for 2 s: a stale cache never outlives
a revoked client or key by more than that. Grants, sessions and account status are never cached.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Final, Generic, TypeVar

import msgspec

from clients.model import Client, from_json
from idp.errors import Unavailable
from idp.ports import Add, Clock, Insert, Store, Update, Write
from idp.records import AttributeRow, ClientKeySeen, ClientRow, Generation, PurposeKey, ServiceItemRow, SigningKey
from idp.release.attributes import BUILT_IN, built_in
from idp.release.model import AttributeKind, ServiceItem
from keys.errors import MissingKey
from keys.jose import VerifyKeys
from keys.keyring import SigningRing
from keys.ports import Sealer, Signer
from keys.purpose import SUITE_AES_256_GCM, Purpose, PurposeRing

K = TypeVar("K")
V = TypeVar("V")

PURPOSE = "purpose"
FRESH_US = 250_000
TOO_OLD_US = 2_000_000


class Generations:
    """The generation counters as last read."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._lock = threading.Lock()
        self._numbers: dict[str, int] = {}
        self._read_at = -TOO_OLD_US

    def now(self, kind: str) -> int:
        """The present number of ``kind``. Raises Unavailable when the store could not be asked for 2 s."""
        at = self._clock()
        if not 0 <= at - self._read_at < FRESH_US and self._lock.acquire(blocking=self._too_old(at)):
            try:
                if not 0 <= self._clock() - self._read_at < FRESH_US:
                    self._refresh(at)
            finally:
                self._lock.release()
        return self._numbers.get(kind, 0)

    def reread(self) -> None:
        """Forget what was read: the next question asks the store (after a change of our own)."""
        self._read_at = -TOO_OLD_US

    def _too_old(self, at: int) -> bool:
        return not 0 <= at - self._read_at < TOO_OLD_US

    def _refresh(self, at: int) -> None:
        try:
            self._numbers = {g.kind: g.n for g in self._store.find(Generation)}
            self._read_at = at
        except Unavailable:
            if self._too_old(at):
                raise


def bump(kind: str) -> tuple[Write, Write]:
    """The writes that make every process drop what it cached under ``kind``; they ride in the changing batch."""
    return Insert(Generation(kind, 0), on_conflict="ignore"), Update(Generation, {"kind": kind}, {"n": Add(1)})


class Cache(Generic[K, V]):
    """Bounded cache of one kind: least recently used goes first; emptied when the generation moves."""

    def __init__(self, generations: Generations, kind: str, load: Callable[[K], V | None], size: int = 4096) -> None:
        self._generations, self._kind, self._load, self._size = generations, kind, load, size
        self._lock = threading.Lock()
        self._entries: OrderedDict[K, V] = OrderedDict()
        self._at = -1

    def get(self, key: K) -> V | None:
        """The value, loaded on demand; absences are not kept."""
        generation = self._generations.now(self._kind)
        if generation != self._at:  # emptied first, then of this generation: what is found below is never older
            with self._lock:
                if generation != self._at:
                    self._entries.clear()
                    self._at = generation
        value = self._entries.get(key)
        if value is not None:
            with suppress(KeyError):  # another thread's newcomer pushed it out
                self._entries.move_to_end(key)
            return value
        value = self._load(key)
        if value is not None:
            with self._lock:
                if generation == self._at:
                    self._entries[key] = value
                    if len(self._entries) > self._size:
                        self._entries.popitem(last=False)
        return value


class Clients:
    """Registered clients by id, active or not; a disabled one is the caller's refusal."""

    def __init__(self, store: Store, generations: Generations) -> None:
        self._store = store
        self._cache: Cache[str, Client] = Cache(generations, "client", self._load)

    def get(self, client_id: str) -> Client | None:
        """The client or None."""
        return self._cache.get(client_id) if 0 < len(client_id) <= 256 else None

    def _load(self, client_id: str) -> Client | None:
        row = self._store.one(ClientRow, client_id=client_id)
        return None if row is None else from_json(row.document)


class LiveRing(PurposeRing):
    """Purpose keys that follow the store: an epoch of the ``data`` key may begin and end while this process serves.

    Opened at start; the root key is asked again only when the rows changed.
    """

    __slots__ = ("_at", "_generations", "_lock", "_root", "_store")

    def __init__(self, root: Sealer, store: Store, generations: Generations, suite: int = SUITE_AES_256_GCM) -> None:
        self._root, self._store, self._generations = root, store, generations
        self._lock = threading.Lock()
        self._at = generations.now(PURPOSE)
        opened = PurposeRing.open(root, store.find(PurposeKey))
        super().__init__(opened._current, opened._keys, suite)

    def close(self) -> None:
        """As the base."""
        self._root.close()

    def current(self, purpose: Purpose) -> tuple[int, bytes]:
        """As the base; new data keys stand under the epoch of at most 250 ms ago."""
        if purpose == "data":
            self._follow()
        return super().current(purpose)

    def latest(self, purpose: Purpose) -> tuple[int, bytes]:
        """Asks the store first."""
        self._generations.reread()
        self._follow()
        return super().current(purpose)

    def get(self, purpose: Purpose, version: int) -> bytes:
        """A version that is not known yet may be another node's new epoch; one that was destroyed is forgotten at once."""
        if purpose == "data":
            self._follow()
        try:
            return super().get(purpose, version)
        except MissingKey:
            self._generations.reread()
            self._follow()
            return super().get(purpose, version)

    def _follow(self) -> None:
        at = self._generations.now(PURPOSE)
        if at == self._at:
            return
        with self._lock:
            if at != self._at:
                self._exchange(self._root, self._store.find(PurposeKey))
                self._at = at


class SeenKeys:
    """The key that answers to a client were last encrypted to, by client id and algorithm."""

    def __init__(self, store: Store, generations: Generations) -> None:
        self._store = store
        self._cache: Cache[tuple[str, str], ClientKeySeen] = Cache(generations, "client_key", self._load)

    def get(self, place: tuple[str, str]) -> ClientKeySeen | None:
        """The row of ``(client_id, alg)`` or None."""
        return self._cache.get(place)

    def _load(self, place: tuple[str, str]) -> ClientKeySeen | None:
        return self._store.one(ClientKeySeen, client_id=place[0], alg=place[1])


CATALOGUE: Final = "catalogue"
APPROVED: Final = "approved"
_LONGEST_CODE: Final = 64


class Catalogue:
    """Attributes and service items as published. A department's drafts are not here: they change nothing until they are approved."""

    def __init__(self, store: Store, generations: Generations) -> None:
        self._store = store
        self._items: Cache[str, dict[int, tuple[str, ServiceItem | None]]] = Cache(
            generations, CATALOGUE, self._load_item
        )
        self._kinds: Cache[str, dict[str, AttributeKind]] = Cache(generations, CATALOGUE, self._load_kinds, size=1)

    def item(self, code: str) -> ServiceItem | None:
        """The approved version."""
        versions = self._versions(code)
        return next((item for state, item in versions.values() if state == APPROVED), None)

    def version(self, code: str, number: int) -> ServiceItem | None:
        """A version that is or was approved."""
        found = self._versions(code).get(number)
        return found[1] if found is not None else None

    def items(self, codes: Iterable[str]) -> dict[str, ServiceItem | None]:
        """Code → approved version, None where it has versions but none that is approved; unknown codes are left out (``release.plan``)."""
        return {code: self.item(code) for code in codes if self._versions(code)}

    def kind(self, code: str) -> AttributeKind | None:
        """The attribute, built in or added by the operator."""
        return built_in(code) or self._added().get(code)

    def kinds(self, codes: Iterable[str]) -> dict[str, AttributeKind]:
        """Those of ``codes`` that there are."""
        return {code: kind for code in codes if (kind := self.kind(code)) is not None}

    def all_kinds(self) -> Mapping[str, AttributeKind]:
        """Every attribute that is stored."""
        return {**BUILT_IN, **self._added()}

    def _versions(self, code: str) -> Mapping[int, tuple[str, ServiceItem | None]]:
        return (self._items.get(code) if 0 < len(code) <= _LONGEST_CODE else None) or {}

    def _added(self) -> Mapping[str, AttributeKind]:
        return self._kinds.get("") or {}

    def _load_item(self, code: str) -> dict[int, tuple[str, ServiceItem | None]] | None:
        """Every version with its state; what it says only where it is or was in force."""
        rows = self._store.find(ServiceItemRow, {"code": code})
        return {row.version: (row.state, _in_force(row)) for row in rows} or None

    def _load_kinds(self, _: str) -> dict[str, AttributeKind]:
        rows = self._store.find(AttributeRow, limit=10_000)
        return {row.code: msgspec.json.decode(row.document, type=AttributeKind) for row in rows}


def _in_force(row: ServiceItemRow) -> ServiceItem | None:
    return msgspec.json.decode(row.document, type=ServiceItem) if row.state in (APPROVED, "retired") else None


class SigningKeys:
    """The signing keys as of their generation: who signs, what is published, what verifies. Parsed once: an RSA key costs 50 ms."""

    def __init__(
        self,
        store: Store,
        generations: Generations,
        root: Sealer,
        clock: Clock,
        jwks_max_age_s: int,
        session_max_s: int,
        halted: Callable[[], bool] | None = None,
    ) -> None:
        self._store, self._root, self._clock, self._max_age_s = store, root, clock, jwks_max_age_s
        self._session_max_s = session_max_s
        self._halted = halted
        self._cache: Cache[str, SigningRing] = Cache(generations, "key", self._load, size=1)

    def signer(self, alg: str) -> Signer:
        """The active signer of ``alg``. Raises as :meth:`signers`."""
        return self.signers(alg)[0]

    def signers(self, *algs: str) -> tuple[Signer, ...]:
        """The active signer of each of ``algs`` for one answer; none for one that is not signed.

        Raises Unavailable when one is missing: never another algorithm in its place; and while ``halted``, whatever is asked for.
        """
        self.check_issuing()
        return tuple(self._signer(alg) for alg in algs)

    def check_issuing(self) -> None:
        """Raises Unavailable while nothing may leave the house: the log is in alarm, and its operator said to stop."""
        if self._halted is not None and self._halted():
            raise Unavailable("audit log (alarm)")

    def _signer(self, alg: str) -> Signer:
        try:
            return self._ring().signer(alg)
        except MissingKey:
            raise Unavailable(f"signing key for {alg}") from None

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Algorithms with an active key."""
        return tuple(sorted(self._ring().algs))

    def jwks(self) -> bytes:
        """The published key set, ready to send."""
        return self._ring().jwks

    def verifying(self) -> VerifyKeys:
        """The keys that a token of ours may bear now, for ``keys.jose.verify``."""
        return self._ring().verify_keys(self._clock())

    def of_hints(self) -> VerifyKeys:
        """The keys that an ``id_token_hint`` may bear now; retired ones are among them as long as a session may live, for hints alone."""
        return self._ring().hint_keys(self._clock())

    def retired(self, kid: str) -> bool:
        """Whether this was a key of ours once."""
        return kid in self._ring().retired

    def _ring(self) -> SigningRing:
        ring = self._cache.get("")
        assert ring is not None
        return ring

    def _load(self, _: str) -> SigningRing:
        return SigningRing.open(
            self._root,
            self._store.find(SigningKey),
            jwks_max_age_s=self._max_age_s,
            session_max_s=self._session_max_s,
            now=self._clock(),
        )
