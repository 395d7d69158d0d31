"""Which address an event came from, for those who look for it: keyed indexes beside the event, under a key of its month that is destroyed.

The row rides in the event's batch. Its key lives wrapped in the keyring, as a citizen's does, so that copies of the database tell nothing once the
month's key is gone; the owner's tag is keyed too, so that erasure finds a citizen's rows and nobody else does. Nothing of it stands in the event.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from idp.audit.networks import EXACT, NEAR, WIDE, labels
from idp.errors import Unavailable
from idp.parts import Parts
from idp.ports import Committed, Delete, Insert, Op
from idp.records import Event, EventAddress
from idp.release.vault import NOBODY, Citizen, KeyGone

TAG: Final = 16
DAY_US: Final = 86_400 * 1_000_000
STEP, STEPS = 500, 40
_CHINA: Final = timezone(timedelta(hours=8))
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def line(parts: Parts, told: Insert, remote: str, about: bytes = NOBODY) -> tuple[Insert, ...]:
    """The write that lets an event be found by the address ``remote``; none for what is no address. ``about``: the account concerned. Raises
    Unavailable."""
    event, found = told.record, labels(remote)
    assert isinstance(event, Event)
    number = month(event.at)
    if not found:
        return ()
    try:
        key = begun(parts, number)
    except KeyGone:  # a month that is over: the clock is wrong, and the key does not come back
        return ()
    return (Insert(row(key, event, found, about)),)


def begun(parts: Parts, number: int) -> Citizen:
    """A month's key, made with its first event, and asked for every two seconds, whomever it is for. Raises KeyGone when the month is over,
    Unavailable."""
    try:
        return parts.vault.lately(_name(number))
    except KeyGone:
        return parts.vault.of_house(_name(number))


def row(key: Citizen, event: Event, found: Mapping[str, bytes], about: bytes = NOBODY) -> EventAddress:
    """What is kept of an event's address, whose networks are ``found`` (size → label), under its month's key."""
    exact, near, wide = (mark(key, size, found[size]) for size in (EXACT, NEAR, WIDE))
    return EventAddress(event.id, month(event.at), event.at, _owner(key, about), exact, near, wide)


def line_of_refusal(parts: Parts, told: Insert, remote: str) -> tuple[Insert, ...]:
    """As :func:`line`, for the refusal of a client: none while the keyring can't be reached, as the refusal itself needs nothing of it."""
    try:
        return line(parts, told, remote)
    except Unavailable:
        return ()


def mark(key: Citizen, size: str, label: bytes) -> bytes:
    """The index of a network of one size under a month's key."""
    return key.tag(b"address " + size.encode() + b"\x00" + label)


def key_of(parts: Parts, number: int) -> Citizen | None:
    """A month's key; None before its first event and after its end. Raises Unavailable."""
    try:
        return parts.vault.citizen(_name(number))
    except KeyGone:
        return None


def month(at: int) -> int:
    """The month of an instant, as 202611, in China's time."""
    moment = (_EPOCH + timedelta(microseconds=at)).astimezone(_CHINA)
    return moment.year * 100 + moment.month


def months(since: int, until: int) -> Iterator[int]:
    """The months that a window touches, the newest first."""
    number, last = month(until), month(since)
    while number >= last:
        yield number
        number = number - 1 if number % 100 > 1 else number - 89


def forget(parts: Parts, account_id: bytes, now: int) -> list[Delete]:
    """The writes that take a citizen's rows away."""
    kept = [(number, key_of(parts, number)) for number in months(oldest(parts, now), now)]
    return [
        Delete(EventAddress, {"month": number, "owner": _owner(key, account_id)})
        for number, key in kept
        if key is not None
    ]


def expire(parts: Parts, now: int) -> int:
    """Destroy the keys of months that are over, then their rows; how many rows went. Raises Unavailable."""
    first, gone = month(oldest(parts, now)), 0
    for _ in range(STEPS):
        rows = parts.store.find(EventAddress, {"month": Op("<", first)}, order=("month",), limit=STEP)
        if not rows:
            break
        for number in {row.month for row in rows}:
            if parts.keyring.get(_name(number)) is not None:
                parts.keyring.erase(_name(number))
            parts.vault.forget(_name(number))
        done = parts.store.commit([Delete(EventAddress, {"event_id": Op("in", tuple(row.event_id for row in rows))})])
        gone += done.rows[0] if isinstance(done, Committed) else 0
        if len(rows) < STEP:
            break
    return gone


def end_again(parts: Parts, now: int) -> list[int]:
    """Destroy the keys of months that are over and whose rows are gone, where an older copy of the keyring brought them back; which."""
    first, over = parts.store.find(Event, order=("seq",), limit=1), month(oldest(parts, now))
    past = [number for number in (months(first[0].at, now) if first else ()) if number < over]
    back = [number for number in past if parts.keyring.get(_name(number)) is not None]
    for number in back:
        parts.keyring.erase(_name(number))
        parts.vault.forget(_name(number))
    return back


def oldest(parts: Parts, now: int) -> int:
    """The oldest instant whose month is kept."""
    return max(0, now - parts.config.log_address_days * DAY_US)


def _owner(key: Citizen, account_id: bytes) -> bytes:
    return key.tag(b"owner\x00" + account_id)


def _name(number: int) -> bytes:
    """What stands for a month where the keyring has an account: sixteen readable bytes, which no account has."""
    return f"addresses-{number:06d}".encode()
