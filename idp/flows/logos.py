"""Logos of clients, fetched once when registered; those that could not be had are tried again by the worker, a few times.

Nothing is kept for it but what there is: a client that names a logo and has none, and the lines of its own error list, which say how often and when
it was tried. The worker walks over the clients step by step, so that it never reads all of them at once.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from clients.documents import fetch_logo
from clients.errors import ClientError
from clients.model import Client, from_json
from clients.outbound import Outbound
from clients.refusals import tame
from idp.errors import Unavailable
from idp.flows.error_list import DROPPED, KEPT, logo_lost
from idp.parts import Parts
from idp.ports import Committed, Holds, Insert, Op
from idp.records import ClientLogo, ClientRefusal, ClientRow
from keys.wire import length_prefixed

BACKOFF_S: Final = (60, 600, 3600, 6 * 3600, 24 * 3600)
"""Waiting times before the second, third … try; after the last one it is given up."""
HELD_S: Final = 60
"""How long a try is its taker's alone: longer than it can last, and no longer than the shortest wait."""
STEP: Final = 200
_SECOND: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class State:
    """``tries`` that failed; ``next_at`` (microseconds): the next one, None where the logo is there or was given up."""

    fetched: bool
    tries: int
    next_at: int | None


def keep(
    parts: Parts, client: Client, version: int, now: int, reference: str = "", outbound: Outbound | None = None
) -> bool:
    """One try, as good as it goes: pages do without a logo that can't be had, and the client's list says why. Whether it is there now.

    ``version``: of the row that names it; where that changed meanwhile, it is another's logo. ``outbound``: another than registration's, which
    tells by no time what it met.
    """
    if client.logo_uri is None:
        return False
    try:
        png = fetch_logo(outbound or parts.registration_outbound, client.logo_uri)
    except ClientError as error:
        with suppress(Unavailable):
            parts.store.commit(logo_lost(parts, client, error, now, reference))
        return False
    same = Holds(ClientRow, {"client_id": client.client_id, "version": version})
    done = parts.store.commit([same, Insert(ClientLogo(client.client_id, png, now), on_conflict="replace")])
    return isinstance(done, Committed)


def again(parts: Parts, client: Client, version: int, now: int) -> bool | None:
    """One of the worker's tries, where it is still due and nobody else makes it: a list read before another try ended, or by another leader, finds it
    taken, so that its end counts once. Whether the logo is there now; None: nothing was tried."""
    stands = state(parts, client)
    if stands is None or stands.next_at is None or stands.next_at > now:
        return None
    this = length_prefixed(client.client_id.encode(), str(version).encode(), str(stands.tries).encode())
    if not parts.volatile.claim("logo-try", this, HELD_S):
        return None
    return keep(parts, client, version, now, outbound=parts.outbound)


def state(parts: Parts, client: Client) -> State | None:
    """How it stands with the logo that a client names; None where it names none."""
    if client.logo_uri is None:
        return None
    if parts.store.count(ClientLogo, {"client_id": client.client_id}):
        return State(True, 0, None)
    rows = parts.store.find(ClientRefusal, {"client_id": client.client_id}, order=("-at",), limit=KEPT)
    named = tame(client.logo_uri)
    failed = [r.at for r in rows if r.code == DROPPED and r.reason.startswith("logo_") and r.registered == named]
    return State(False, len(failed), next_try(len(failed), failed[0] if failed else client.created_at))


def next_try(failed: int, last: int) -> int | None:
    """When to try after ``failed`` tries, the ``last`` one at that time (microseconds); None: given up."""
    waits = (BACKOFF_S[0], *BACKOFF_S)
    return last + waits[failed] * _SECOND if failed < len(waits) else None


def due(parts: Parts, after: str, now: int) -> tuple[list[tuple[Client, int]], str]:
    """One step of the walk: the clients among the next ones whose logo may be tried now, each with its row's version; where the next step begins
    (empty: over again)."""
    rows = parts.store.find(ClientRow, {"client_id": Op(">", after)}, order=("client_id",), limit=STEP)
    found = []
    for row in rows:
        client = from_json(row.document)
        stands = state(parts, client) if client.active else None
        if stands is not None and stands.next_at is not None and stands.next_at <= now:
            found.append((client, row.version))
    return found, rows[-1].client_id if len(rows) == STEP else ""
