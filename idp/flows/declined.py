"""A refusal with what it leaves behind: events and the end of a family, to be committed before the answer goes out."""

from collections.abc import Sequence
from dataclasses import dataclass

from idp.audit.events import Fact, record
from idp.errors import Refusal
from idp.parts import Parts
from idp.ports import Update, Write
from idp.records import Grant
from idp.release.vault import Citizen


@dataclass(frozen=True, slots=True)
class Declined:
    """``writes`` empty: a plain refusal, recorded as such by whoever settles it."""

    refusal: Refusal
    writes: tuple[Write, ...] = ()


def declined(
    parts: Parts, refusal: Refusal, now: int, citizen: Citizen | None, *facts: Fact, first: Sequence[Write] = ()
) -> Declined:
    """``refusal`` with ``first`` and the events of ``facts``; ``now`` microseconds."""
    events = [record(fact, at=now, entropy=parts.entropy, person=citizen) for fact in facts]
    return Declined(refusal, (*first, *events))


def ended(grant: Grant, why: str, now: int) -> Update:
    """The end of a grant and of every token of it; nothing happens to one that has ended."""
    return Update(Grant, {"id": grant.id, "ended_at": None}, {"ended_at": now, "ended_why": why}, rows=None)
