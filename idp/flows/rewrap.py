"""A new epoch of the ``data`` key while serving: begin it, wrap every living citizen's data key anew, then destroy the epoch before.

Each step is a compare-and-swap, so that two at once are harmless and a killed one is taken up where it stopped. A process that makes a citizen while
an epoch begins looks at the epoch after it kept the key (``release.vault``), so that none is left behind.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from idp.audit.events import PurposeKeyMoved, record
from idp.caches import bump
from idp.errors import Code, Refusal, Unavailable
from idp.parts import Parts
from idp.ports import Committed, Insert, Update
from idp.records import KeyringEntry, PurposeKey
from keys.errors import SealBroken
from keys.model import ACTIVE, RETIRED, RETIRING
from keys.ports import Sealer
from keys.purpose import new_purpose_key
from keys.sealed import rewrap_data_key, wrapped_version

BATCH = 25
TRIES = 5

Progress = Callable[[int, int], None]
"""``progress(done, total)``: keys that stand under the new epoch, of all."""


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What a run did: the epoch now, citizens' keys in all, those wrapped anew, those that do not open, epochs kept and destroyed."""

    epoch: int
    total: int
    rewrapped: int
    unreadable: int
    kept: tuple[int, ...]
    destroyed: tuple[int, ...]


def rewrap(
    parts: Parts, root: Sealer, progress: Progress, *, destroy_old: bool = False, drop_unreadable: bool = False
) -> Rewrapped:
    """Begin an epoch, or take up one that was begun; ``destroy_old`` at 100 %: what opens only with the epoch before is gone for ever.

    ``drop_unreadable``: destroy it although keys are there that do not open (a backup can't bring them back then). Raises Refusal where they
    are and that was not said; Unavailable.
    """
    epoch = _begun(parts, root)
    done = unreadable = 0
    for _ in range(TRIES):
        changed, unreadable, total = _sweep(parts, epoch, progress)
        done += changed
        if not changed:
            break
    else:
        raise Unavailable("keyring")
    old = tuple(row.version for row in _rows(parts) if row.state == RETIRING)
    if not destroy_old:
        return Rewrapped(epoch, total, done, unreadable, old, ())
    if unreadable and not drop_unreadable:
        text = (
            f"{unreadable} keys do not open, and the old epoch may be needed to repair them from a backup of the keyring; "
            "it is kept. --drop-unreadable gives them up."
        )
        raise Refusal(Code.SERVER_ERROR, text, reason="unreadable_keys")
    return Rewrapped(epoch, total, done, unreadable, (), tuple(v for v in old if _destroyed(parts, v)))


def _begun(parts: Parts, root: Sealer) -> int:
    """The version of the epoch to move to: a new one, or the last one while its predecessor still is kept."""
    for _ in range(TRIES):
        rows = _rows(parts)
        active = next(row.version for row in rows if row.state == ACTIVE)
        if any(row.state == RETIRING for row in rows):
            return active
        now, version = parts.clock(), max(row.version for row in rows) + 1
        fresh = new_purpose_key(root, "data", version, parts.entropy, now)
        turn = Update(PurposeKey, {"purpose": "data", "version": active, "state": ACTIVE}, {"state": RETIRING})
        fact = PurposeKeyMoved(purpose="data", version=version, state=ACTIVE)
        event = record(fact, at=now, entropy=parts.entropy)
        if isinstance(parts.store.commit([Insert(fresh), turn, event, *bump("purpose")]), Committed):
            return version
    raise Unavailable("key epoch")


def _sweep(parts: Parts, epoch: int, progress: Progress) -> tuple[int, int, int]:
    """(wrapped anew, unreadable, all). Told of progress batch by batch, in few commits, so that whoever serves gets its turn."""
    total = sum(len(batch) for batch in _batches(parts))
    done = changed = unreadable = 0
    parts.ring.latest("data")
    for batch in _batches(parts):
        swaps, broken = _anew(parts, batch, epoch)
        changed += parts.keyring.swap_keys(swaps) if swaps else 0
        unreadable += broken
        done += len(batch)
        progress(done, max(total, done))
    return changed, unreadable, done


def _anew(parts: Parts, batch: Sequence[KeyringEntry], epoch: int) -> tuple[list[tuple[bytes, bytes, bytes]], int]:
    """The swaps of those that stand under another epoch, and how many don't open."""
    swaps, broken = [], 0
    for entry in batch:
        try:
            if wrapped_version(entry.wrapped) != epoch or entry.wrapped[0] != parts.ring.suite:
                fresh = rewrap_data_key(parts.ring, parts.entropy, entry.account_id, entry.wrapped)
                swaps.append((entry.account_id, entry.wrapped, fresh))
        except SealBroken:
            broken += 1
    return swaps, broken


def _destroyed(parts: Parts, version: int) -> bool:
    """Overwrite the wrapped epoch key; whether this run did. What the keyring's files still hold of it is scrubbed with it."""
    row = next(row for row in _rows(parts) if row.version == version)
    where = {"purpose": "data", "version": version, "state": RETIRING}
    end = Update(PurposeKey, where, {"state": RETIRED, "wrapped": bytes(len(row.wrapped))})
    fact = PurposeKeyMoved(purpose="data", version=version, state=RETIRED)
    event = record(fact, at=parts.clock(), entropy=parts.entropy)
    done = isinstance(parts.store.commit([end, event, *bump("purpose")]), Committed)
    parts.keyring.destroy(parts.entropy(16))  # of no one: scrubs the store's files
    return done


def _rows(parts: Parts) -> list[PurposeKey]:
    return parts.store.find(PurposeKey, {"purpose": "data"}, order=("version",))


def _batches(parts: Parts) -> Iterator[list[KeyringEntry]]:
    after = b""
    while batch := parts.keyring.all(after, BATCH):
        yield batch
        after = batch[-1].account_id
