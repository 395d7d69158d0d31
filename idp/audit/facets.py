"""What the log is searched by: the lines of its index that one event gives. Pure.

Every line is exact: a facet, a value as bytes, the event's ``seq``. Lines of one value stand in the order of ``seq``, so that a search reads as many
as it shows. Personal fields give none: they are sealed.
"""

from collections.abc import Iterator

import msgspec

from idp.records import Event

ID, PERSON, STAFF, KIND, CLIENT, SESSION, REFERENCE = "id", "person", "staff", "kind", "client", "session", "reference"
GRANT, ITEM, DEPARTMENT = "grant", "item", "department"
FACETS = (ID, PERSON, STAFF, KIND, CLIENT, SESSION, REFERENCE, GRANT, ITEM, DEPARTMENT)
TOLD = "told"
TELLING = frozenset(
    [
        "attributes.released",
        "consent.given",
        "consent.informed",
        "consent.denied",
        "consent.withdrawn",
        "identifier.exchanged",
        "reveal.seen",
    ]
)
"""What a citizen reads on *Who saw my data*: found by itself, so that their sign-ins are not read with it."""


class _Item(msgspec.Struct):
    """A service item that a release or a consent names."""

    code: str = ""


class _Head(msgspec.Struct):
    """What of a head is searched by; fields of single kinds may be missing."""

    actor: str | None = None
    session: str | None = None
    reference: str | None = None
    grant: str | None = None
    department: str | None = None
    item: str | None = None
    items: tuple[_Item, ...] = ()


_DECODER = msgspec.json.Decoder(_Head)


def facets(event: Event) -> Iterator[tuple[str, bytes]]:
    """``(facet, value)`` pairs: the event's id and kind; the person concerned (again under ``told`` where something was told about them) and the
    staff who acted, by pseudonym; client; session; reference; grant; service items; department."""
    yield ID, event.id
    yield KIND, event.kind.encode()
    if event.actor is not None:
        yield PERSON, event.actor
        if event.kind in TELLING:
            yield TOLD, event.actor
    try:
        head = _DECODER.decode(event.head)
        staff = bytes.fromhex(head.actor or "")
    except ValueError:  # not written by us: in the tree by an operator's word alone, and the verifier names it
        return
    if staff:
        yield STAFF, staff
    yield from ((facet, text.encode()) for facet, text in _texts(event, head) if text)


def _texts(event: Event, head: _Head) -> Iterator[tuple[str, str | None]]:
    yield CLIENT, event.client_id
    yield SESSION, head.session
    yield REFERENCE, head.reference
    yield GRANT, head.grant
    yield DEPARTMENT, head.department
    yield from ((ITEM, code) for code in sorted({head.item or "", *(item.code for item in head.items)}))
