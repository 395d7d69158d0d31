"""Guessing made slow, for everyone but the owner: soft delays that grow, per account and per address, over every path that proves something.

One counter per account whatever name, path or session was used (the account's id; the blind index of a name that nobody has). A browser that
signed in before has a counter of its own, so that strangers' failures never keep a citizen out. Nothing is ever locked for good: after a
hundred failures in a row a stranger has one try a day (SP 800-63B §3.2.2), and a sign-in or a reset by the owner clears the count.
"""

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from idp.ports import Bump, Forget, Put, Verb, Volatile

DAY_S: Final = 86400
ACCOUNT_WINDOW_S: Final = 30 * DAY_S
ADDRESS_WINDOW_S: Final = 600
FREE_TRIES: Final = 5
ADDRESS_TRIES: Final = 60
"""Failures from one address within its window; offices share addresses."""
LONGEST_DELAY_S: Final = 900
LAST_TRIES: Final = 100
KNOWN_S: Final = 90 * DAY_S
_ACCOUNT, _KNOWN, _FACTOR, _ADDRESS = "failures-account", "failures-known", "failures-factor", "failures-address"
_RULES: Final = {_ACCOUNT: "account", _KNOWN: "account", _FACTOR: "factor", _ADDRESS: "address"}


@dataclass(frozen=True, slots=True)
class Throttled:
    """Refused before looking. ``rule`` account, factor, address or codes (so many were asked for)."""

    rule: str
    retry_after_s: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try under way: its counters, to be given back by :func:`succeeded` or left standing as a failure."""

    keys: tuple[tuple[str, bytes], ...]


def delay_s(failures: int) -> int:
    """Seconds between tries after so many failures in a row: none for the first five, doubling to fifteen minutes, then a day from the hundredth."""
    if failures < FREE_TRIES:
        return 0
    if failures >= LAST_TRIES:
        return DAY_S
    return int(min(2 << min(failures - FREE_TRIES, 16), LONGEST_DELAY_S))


def network(address: str) -> bytes:
    """The unit that is counted: an IPv4 address or an IPv6 /64 (one subscriber); mapped IPv4 counts as IPv4."""
    try:
        ip = ip_address(address)
    except ValueError:
        return b"?"
    if isinstance(ip, IPv6Address):
        return ip.ipv4_mapped.packed if ip.ipv4_mapped else ip_network((ip, 64), strict=False).network_address.packed
    return ip.packed


def enter(
    volatile: Volatile, subject: bytes, remote: str, *, known: bytes | None = None, factor: bool = False
) -> Attempt | Throttled:
    """Count a try before it is judged, so that many at once are no way round; or refuse it without counting.

    ``subject``: account id or blind index. ``known``: the hash of a browser that signed in to this account before. ``factor``: a one-time or
    recovery code, which has a counter that only a proved code clears (a right password doesn't).
    """
    attempt = Attempt(_counters(subject, network(remote), known, factor))
    for (kind, key), count in zip(attempt.keys, volatile.several(_counting(attempt, 1)), strict=True):
        throttled = _judged(volatile, kind, key, count - 1)
        if throttled is not None:
            undecided(volatile, attempt)
            return throttled
    return attempt


def succeeded(attempt: Attempt) -> list[Verb]:
    """What is left to do when the try was right: its account counters begin anew; the address keeps its other failures."""
    verbs: list[Verb] = []
    for kind, key in attempt.keys:
        if kind == _ADDRESS:
            verbs.append(Bump(kind, key, ADDRESS_WINDOW_S, -1))
        else:
            verbs += (Forget(kind, key), Forget(kind + "-gate", key))
    return verbs


def undecided(volatile: Volatile, attempt: Attempt) -> None:
    """The try was no failure (a first proof was right and another is due, or nothing was judged): take it off the counts, clear none."""
    volatile.several(_counting(attempt, -1))


def clear(volatile: Volatile, account_id: bytes) -> None:
    """The owner proved the account by other means (a reset by code): strangers' failures are forgotten, those of codes are not."""
    volatile.several((Forget(_ACCOUNT, account_id), Forget(_ACCOUNT + "-gate", account_id)))


def remembering(browser: bytes, account_id: bytes, password_changed_at: int) -> Verb:
    """That this browser signed in to this account. It ends with the next change of password."""
    return Put("known-browser", browser + account_id, password_changed_at.to_bytes(8, "big"), KNOWN_S)


def is_known(volatile: Volatile, browser: bytes, account_id: bytes, password_changed_at: int) -> bool:
    """Whether the browser signed in to the account since its password was set."""
    return volatile.peek("known-browser", browser + account_id) == password_changed_at.to_bytes(8, "big")


def _counters(subject: bytes, place: bytes, known: bytes | None, factor: bool) -> tuple[tuple[str, bytes], ...]:
    own = ((_KNOWN, known + subject),) if known is not None else ((_ACCOUNT, subject), (_ADDRESS, place))
    return (*own, (_FACTOR, subject)) if factor else own


def _counting(attempt: Attempt, by: int) -> list[Verb]:
    return [Bump(k, key, ADDRESS_WINDOW_S if k == _ADDRESS else ACCOUNT_WINDOW_S, by) for k, key in attempt.keys]


def _judged(volatile: Volatile, kind: str, key: bytes, before: int) -> Throttled | None:
    """How long to wait, when so many failures were counted before."""
    wait = (ADDRESS_WINDOW_S if before >= ADDRESS_TRIES else 0) if kind == _ADDRESS else delay_s(before)
    if not wait or (kind != _ADDRESS and volatile.claim(kind + "-gate", key, wait)):
        return None
    return Throttled(_RULES[kind], wait)
