"""Taking the answer of a search away: page by page, so that memory stays flat; the taking is recorded before the first line leaves."""

import csv
import io
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from idp.audit import siem
from idp.audit.events import ExportMade, record
from idp.audit.kinds import outcome_of
from idp.audit.search import Bad, Query, pairs
from idp.errors import Unavailable
from idp.flows.log_export import harmless
from idp.flows.log_leaves import leaf_of, prove
from idp.flows.log_reading import Pause, awaited, in_tree, place_of, rows_of
from idp.flows.log_search import Found, Page, search
from idp.flows.people import Caller, Person
from idp.flows.sequencer import head
from idp.flows.traces import Trace
from idp.parts import Parts
from idp.ports import Committed
from idp.records import Event, TreeHead

FORMS: Final = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl",
    "ocsf": "application/jsonl",
    "ecs": "application/jsonl",
    "proofs": "application/jsonl",
}
"""``ocsf``: OCSF 1.8; ``ecs``: Elastic Common Schema; ``proofs``: each event with its C2SP tlog-proof under the same signed checkpoint.

These three name an event's place in the tree: one that the tree signed at the beginning of the export does not hold yet is left out.
"""
IN_TREE: Final = ("ocsf", "ecs", "proofs")
PAGE: Final = 500
COLUMNS: Final = (
    "id", "at", "time", "kind", "kind_words", "outcome", "outcome_words", "client_id", "client_name",
    "person", "actor", "reference", "detail_words", "head",
)  # fmt: skip
"""``at``: microseconds since 1970 UTC; ``time``: the same in ISO 8601. What ends in ``words`` and ``name`` is for people and may change."""


@dataclass(frozen=True, slots=True)
class Words:
    """What an event's codes say, in the reader's language."""

    kind: str = ""
    outcome: str = ""
    client: str = ""
    detail: str = ""


Speak = Callable[[Found], Words]


def export(
    parts: Parts,
    caller: Caller,
    staff: Person,
    query: Query,
    form: str,
    trace: Trace | None = None,
    *,
    pause: Pause,
    speak: Speak = lambda _: Words(),
) -> Iterator[bytes]:
    """The lines of the whole answer, newest first. ``speak``: the words of a table. The event is committed before this returns.

    Where all events are newer than the signed tree, a form that names places waits for it. Raises Bad (also for a tree that does not come),
    Unavailable.
    """
    whole = msgspec.structs.replace(query, before="")
    first = search(parts, whole, caller.now, PAGE, trace)
    if form in IN_TREE and too_new(parts, first) and not awaited(parts, first.events[0].seq, pause):
        raise Bad({"form": "not_signed"})
    fact = ExportMade(events=-1, form=form, search=tuple(pairs(whole)), reference=caller.reference)
    told = record(fact, at=caller.now, entropy=parts.entropy, actor=staff.citizen)
    if not isinstance(parts.store.commit([told]), Committed):
        raise Unavailable("database")
    return _lines(parts, whole, caller.now, first, form, trace, speak)


def too_new(parts: Parts, page: Page) -> bool:
    """Whether the signed tree holds none of these events yet."""
    return bool(page.events) and not in_tree(parts, page.events[-1].seq)


def _lines(
    parts: Parts, query: Query, now: int, page: Page, form: str, trace: Trace | None, speak: Speak
) -> Iterator[bytes]:
    at = head(parts)
    if form == "csv":
        yield BOM_UTF8 + _sheet([COLUMNS])  # or a spreadsheet takes the words for another encoding
    while True:
        yield _bytes(parts, page.events, form, at, speak)
        if not page.more:
            return
        page = search(parts, msgspec.structs.replace(query, before=page.more), now, PAGE, trace)


def _bytes(parts: Parts, events: Sequence[Found], form: str, at: TreeHead, speak: Speak) -> bytes:
    if form == "csv":
        return _sheet([_row(event, speak(event)) for event in events])
    if form == "jsonl":
        return b"".join(msgspec.json.encode(event.head) + b"\n" for event in events)
    rows = rows_of(parts, tuple(event.seq for event in events))
    placed = ((place_of(parts, seq), rows[seq]) for event in events if (seq := event.seq) in rows)
    said = (_said(parts, index, row, form, at) for index, row in placed if index is not None and index < at.size)
    return b"".join(line + b"\n" for line in said)


def _said(parts: Parts, index: int, event: Event, form: str, at: TreeHead) -> bytes:
    if form != "proofs":
        return siem.line(form, index, event).encode()
    leaf = leaf_of(parts, event, index)
    return msgspec.json.encode({**leaf.document(), "proof": prove(parts, leaf, at).text()})


def _row(event: Found, words: Words) -> tuple[str, ...]:
    head = event.head
    client, *named = (str(head.get(name) or "") for name in ("client_id", "person", "actor", "reference"))
    codes = (event.kind, words.kind, outcome_of(event.kind), words.outcome, client, words.client, *named, words.detail)
    whole = msgspec.json.encode(head).decode()
    return (event.id, str(event.at), siem.instant(event.at), *map(harmless, codes), whole)


def _sheet(rows: list[tuple[str, ...]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode()
