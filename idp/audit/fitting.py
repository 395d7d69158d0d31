"""Whether an event's stored row fits its entry, and its columns what the sealed head says. Pure."""

from typing import Final

import msgspec

from idp.audit.entry import unpack
from idp.audit.verify import Row, entry_of
from idp.records import Event


class _Columns(msgspec.Struct):
    """What of a head stands in columns too, to be searched by."""

    id: str
    at: int
    kind: str
    client_id: str | None = None
    person: str | None = None


_HEAD: Final = msgspec.json.Decoder(_Columns)


def row_of(event: Event) -> Row:
    """The event as the verifier takes it. Raises ValueError, TypeError for fields that we did not write."""
    digests = [field.digest for field in unpack(event.fields)] if event.fields else []
    return Row(event.salt, event.head, digests, event.entry)


def check_columns(row: Event) -> None:
    """That the columns say what the sealed head says: nothing is hidden from a search. Raises ValueError."""
    said, person = _HEAD.decode(row.head), row.actor.hex() if row.actor else None
    if (row.id.hex(), row.at, row.kind, row.client_id, person) != (
        said.id,
        said.at,
        said.kind,
        said.client_id,
        said.person,
    ):
        raise ValueError("a column was altered")


def fits(event: Event) -> bool:
    """Whether head, salt and digests make the entry, and the columns say what the head says."""
    try:
        check_columns(event)
        return entry_of(row_of(event)) == event.entry
    except (ValueError, TypeError, AttributeError):  # its parts can't even be read
        return False
