"""The Protocols that flows lean on, each with its contract in prose. Implementations are chosen in ``idp.app`` alone."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, Protocol, TypeVar

from msgspec import Struct

from idp.records import Event, KeyringEntry

Record = (
    Struct  # a row value: idp.records.Record, or a row of the keys room (SigningKey, PurposeKey), which knows no idp
)
R = TypeVar("R", bound=Struct)
Q = TypeVar("Q", bound=Struct)

Entropy = Callable[[int], bytes]
"""``entropy(n)`` gives n bytes from a cryptographic source."""

Clock = Callable[[], int]
"""``clock()`` gives the present as integer microseconds since 1970 UTC."""


@dataclass(frozen=True, slots=True)
class Op:
    """A condition other than equality in a ``where``: ``<``, ``<=``, ``>``, ``>=``, ``!=`` or ``in`` (a tuple)."""

    sign: str
    value: Any


@dataclass(frozen=True, slots=True)
class Add:
    """In ``values`` of an :class:`Update`: the column's present value plus ``n``."""

    n: int


@dataclass(frozen=True, slots=True)
class Insert:
    """Insert one row. A row that exists already (primary or unique key) is a conflict, or replaced/ignored as ``on_conflict`` says.

    ``on_conflict``: ``fail``; ``replace`` (every column but the primary key and ``created_at`` takes the new value); ``ignore``.
    """

    record: Struct
    on_conflict: str = "fail"


@dataclass(frozen=True, slots=True)
class InsertMany:
    """Insert rows of one kind in one statement; those that exist already are left as they are, or get what stands in the column ``add`` added.

    No key twice. On SQLite each length makes a statement of its own.
    """

    records: Sequence[Struct]
    add: str = ""


@dataclass(frozen=True, slots=True)
class Update:
    """Change the rows that meet ``where``; ``rows`` is the count it must have (None: any)."""

    kind: type[Struct]
    where: Mapping[str, Any]
    values: Mapping[str, Any]
    rows: int | None = 1


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the rows that meet ``where``; ``rows`` is the count it must have (None: any)."""

    kind: type[Struct]
    where: Mapping[str, Any]
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Holds:
    """Change nothing, but conflict unless exactly one row meets ``where``, and keep it so until the batch is committed."""

    kind: type[Struct]
    where: Mapping[str, Any]


Write = Insert | InsertMany | Update | Delete | Holds


@dataclass(frozen=True, slots=True)
class Committed:
    """Every write of the batch is durable. ``rows``: the count each write touched."""

    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Nothing was written: the write at ``index`` did not have its row count or met a unique key."""

    index: int


class Leads(Protocol):
    """Whether this process leads, as of now."""

    def __bool__(self) -> bool: ...


class Store(Protocol):
    """Durable, shared truth (SQL).

    A ``where`` maps column names to a value (equality; None means IS NULL) or an :class:`Op`.
    *Reads* see every batch committed before they began. *A batch* (``commit``) is all or none, serialised against other batches on the same
    rows; when it answers ``Committed`` its rows survive the death of the process and of the machine; when it answers ``Conflict`` or raises,
    nothing of it is there. Raises ``idp.errors.Unavailable`` when the database can't be reached, is locked beyond the wait, or is full.
    """

    def one(self, kind: type[R], /, **where: Any) -> R | None:
        """The single row that meets ``where`` or None. More than one row is a programming error (AssertionError)."""

    def pair(self, kind: type[R], other: type[Q], via: str, /, **where: Any) -> tuple[R, Q | None] | None:
        """As :meth:`one`, with the row of ``other`` whose primary key the column ``via`` of the found row holds (None: there is none): one
        trip, one moment."""

    def find(
        self, kind: type[R], where: Mapping[str, Any] | None = None, *, order: Sequence[str] = (), limit: int = 1000
    ) -> list[R]:
        """Rows that meet ``where``; ``order`` column names, ``-`` in front for descending."""

    def count(self, kind: type[Struct], where: Mapping[str, Any] | None = None) -> int:
        """How many rows meet ``where``."""

    def commit(self, writes: Sequence[Write]) -> Committed | Conflict:
        """Write the batch: all or none, in order."""

    def unsequenced(self, after: int, limit: int) -> list[Event]:
        """At most ``limit`` committed events that the log's tree does not hold, by ``seq``; one that committed before another began comes first.

        ``after``: the highest ``seq`` in the tree, which alone decides where commits come one after the other; elsewhere ``EventPending`` does.
        """

    def part_off(self, month: int) -> bool:
        """Let events that come from now on be kept apart as those of ``month`` (yyyymm), where the database has partitions; whether that began now.

        No event is refused by it, and none waits for longer than a fifth of a second; a month that is over begins no more.
        """

    def lead(self, name: str) -> AbstractContextManager[Leads]:
        """Try to be the one process that does ``name``; true inside when leader, until exit or death. Never waits. Asked again, it says whether that
        is still so: what holds the place may have ended."""

    def check(self) -> None:
        """Raise ``Unavailable`` when the schema is unknown or the database does not answer."""

    def backup(self, target: str) -> None:
        """Write a consistent copy to the file ``target`` while serving."""

    def close(self) -> None:
        """Release connections."""


class Keyring(Protocol):
    """Citizens' wrapped data keys and pseudonyms, in a store of their own.

    ``put`` is durable when it returns and raises ``FileExistsError`` for a known account; ``whose`` finds the
    entry of a pseudonym; ``destroy`` leaves no copy in the store's files
    (secure delete) and answers whether there was one. ``erase`` destroys too and leaves a mark without key or pseudonym, so that ``put`` refuses
    the account for ever, ``get`` and ``all`` pass over it, and ``erased`` tells a lawful end from a lost key. ``swap_key`` replaces a wrapped key
    if it still is the old one, ``swap_keys`` many ``(account_id, old, new)`` in one commit, each for itself: how many it did. Raises
    ``Unavailable`` as the Store does.
    """

    def put(self, entry: KeyringEntry) -> None: ...
    def get(self, account_id: bytes) -> KeyringEntry | None: ...
    def whose(self, pseudonym: bytes) -> KeyringEntry | None: ...
    def swap_key(self, account_id: bytes, old_wrapped: bytes, new_wrapped: bytes) -> bool: ...
    def swap_keys(self, swaps: Sequence[tuple[bytes, bytes, bytes]]) -> int: ...
    def destroy(self, account_id: bytes) -> bool: ...
    def erase(self, account_id: bytes) -> None: ...
    def erased(self, account_id: bytes) -> bool: ...
    def all(self, after: bytes = b"", limit: int = 1000) -> list[KeyringEntry]: ...
    def check(self) -> None: ...
    def backup(self, target: str) -> None: ...
    def close(self) -> None: ...


class Consumed(Enum):
    """The three answers of a single use."""

    FRESH = "fresh"
    REPLAYED = "replayed"
    UNKNOWN = "unknown"


class Put(NamedTuple):
    """:meth:`Volatile.put` among :meth:`Volatile.several`."""

    kind: str
    key: bytes
    value: bytes
    ttl_s: int


class Bump(NamedTuple):
    """:meth:`Volatile.bump` among :meth:`Volatile.several`; ``by`` is not 0."""

    kind: str
    key: bytes
    window_s: int
    by: int = 1


class Forget(NamedTuple):
    """:meth:`Volatile.forget` among :meth:`Volatile.several`."""

    kind: str
    key: bytes


Verb = Put | Bump | Forget


class Volatile(Protocol):
    """What may be lost without loss of safety: pushed requests, interactions, rate windows.

    Keys are (kind, key): both are hashed by the implementation, values are opaque bytes (sealed by the caller where personal). Every entry
    expires after ``ttl_s``. Each verb is atomic over all processes. ``birth`` is the moment (microseconds) this store last began empty (new file,
    restart without its data, flush): proofs issued before it are refused by whoever relies on the store's memory. Raises ``Unavailable``.
    """

    def put(self, kind: str, key: bytes, value: bytes, ttl_s: int) -> None:
        """Store or replace."""

    def peek(self, kind: str, key: bytes) -> bytes | None:
        """Read without change."""

    def take(self, kind: str, key: bytes) -> bytes | None:
        """Read and remove: of many at once one gets the value."""

    def consume(self, kind: str, key: bytes) -> tuple[Consumed, bytes | None]:
        """Fresh with the value once, then replayed until it would have expired; unknown otherwise."""

    def claim(self, kind: str, key: bytes, ttl_s: int) -> bool:
        """True for the first to name this key within ``ttl_s``, False for all others."""

    def settle(self, kind: str, key: bytes, value: bytes, ttl_s: int) -> bytes:
        """Store where nothing is; what stands there: of different values at once all callers hear the first."""

    def bump(self, kind: str, key: bytes, window_s: int, by: int = 1) -> int:
        """Add to the counter of the fixed window that began at the first bump; the new count. ``by=0`` reads."""

    def forget(self, kind: str, key: bytes) -> None:
        """Remove; nothing happens when absent."""

    def several(self, verbs: Sequence[Verb]) -> list[int]:
        """These verbs in one journey, in their order, each as atomic as alone; the counts of the bumps. Where it raises, some may be done."""

    def birth(self) -> int:
        """When this store began empty, in microseconds UTC."""

    def sweep(self) -> int:
        """Remove what has expired where the store does not do so by itself; the count."""

    def check(self) -> None: ...
    def close(self) -> None: ...


class Memory(Protocol):
    """One small text outside of the database, which whoever restores or rewrites the database does not bring back with it.

    ``change`` is atomic over processes and durable when it returns; ``decide`` gets what is there ("" for nothing) and answers what shall be; what it
    raises leaves the text as it was. Both raise ``OSError``.
    """

    def read(self) -> str: ...
    def change(self, decide: Callable[[str], str]) -> str: ...


class Notifier(Protocol):
    """Sends one notice. Raises OSError when it could not; the caller retries from the durable outbox."""

    def send(self, channel: str, to: str, subject: str, body: str) -> None: ...


class Hasher(Protocol):
    """Password hashing behind a bounded queue. Raises ``Unavailable('password queue')`` when the queue is full."""

    def hash(self, password: str) -> str:
        """PHC string."""

    def verify(self, phc: str | None, password: str) -> bool:
        """None does the same work against a dummy and answers False (no account, no password)."""

    def stale(self, phc: str) -> bool:
        """Made with other parameters than today's."""

    def close(self) -> None:
        """End what works for it, once the last password is hashed."""
