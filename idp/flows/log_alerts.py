"""Alerts: the rules watch the log as it grows; what they find is an event itself, and stays open until somebody acknowledges it.

An alert and how far the rules have read move in one batch, so that none is raised twice; after a restart the windows are read again, silently.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec

from idp.audit.alerts import LATE, LATE_US, TRACED, Alert, Rule, Watcher
from idp.audit.cases import AlertAcknowledged, AlertRaised
from idp.audit.entry import unpack
from idp.audit.events import record
from idp.audit.facets import KIND
from idp.audit.travel import Place, Places
from idp.errors import Code, Refusal, Unavailable
from idp.flows import alert_rules, colleagues
from idp.flows.ids import raw_id
from idp.flows.log_health import WATCHED
from idp.flows.log_places import moved
from idp.flows.log_reading import event_by_id, events_between, found_by_id
from idp.flows.log_waiting import raising, tidy, waiting
from idp.flows.people import Person
from idp.flows.sequencer import head
from idp.parts import Parts
from idp.ports import Committed, Insert, Op, Write
from idp.records import AlertChange, AlertDone, Event, EventAddress, EventFacet, TreeHead
from idp.release.details import Months
from idp.release.vault import Citizen, KeyGone
from keys.errors import SealBroken

RAISED: Final = "alert.raised"
DONE: Final = "alert.acknowledged"
OUTCOMES: Final = ("handled", "harmless", "duplicate")
NAME: Final = WATCHED
BATCH: Final = 500
WARM: Final = 20_000
"""Events that are read again after a restart to fill the windows."""
TICK_S: Final = 1.0
PAGE: Final = 500
MAX_WORDS: Final = 2000
_NOTE: Final = ("alert", "note")


class Watch:
    """One process's offer to watch. Raises ConfigError for bad rules."""

    def __init__(self, parts: Parts, trouble: Callable[[str], object] = print, places: Places | None = None) -> None:
        """``places``: where networks are, for rules about travel; None: no event's address is opened."""
        self._parts, self._trouble, self._places = parts, trouble, places
        self._rules = alert_rules.load_rules(parts.config)
        self._rows: list[AlertChange] = []
        self._watcher: Watcher | None = None

    def run(self, stop: threading.Event, alive: Callable[[], bool] = lambda: True) -> None:
        """Watch until ``stop`` is set or ``alive`` says no; while another leads, wait for it to go."""
        while not stop.is_set() and alive():
            try:
                with self._parts.store.lead(NAME) as leader:
                    self._watcher = None
                    while leader and not stop.is_set() and alive():
                        if not self.step():
                            stop.wait(TICK_S)
            except Unavailable:
                pass  # the store is away: the events wait in it
            stop.wait(TICK_S)

    def step(self) -> int:
        """Look at the next events; how many. Raises Unavailable."""
        tidy(self._parts)
        place, rows = self._place(), alert_rules.rows(self._parts)
        start = place.size
        if self._watcher is None or rows != self._rows:
            rules = alert_rules.at_work(alert_rules.held(self._parts, self._rules, rows))
            self._watcher, self._rows = Watcher(rules), rows
            _heads(self._parts, self._watcher, max(0, start - WARM), start, places=self._places)
        end = min(start + BATCH, head(self._parts).size)
        if end <= start:
            return 0
        found = _heads(self._parts, self._watcher, start, end, self._parts.clock(), self._places)
        writes = [write for alert in found for write in _raised(self._parts, alert)]
        new = TreeHead(NAME, end, b"", 0, b"", self._parts.clock())
        if not isinstance(self._parts.store.commit([moved(place, new), *writes]), Committed):
            self._watcher = None  # another leader looked at them: what this one saw beyond its place is not its own
            return 0
        for alert in found:
            self._trouble(f"ALERT {alert.severity}: {alert.rule} ({alert.group or 'all'}): {alert.count} events")
        return end - start

    def _place(self) -> TreeHead:
        """Its size is the next index to look at. The first time it is the log's end: what was before is history, not news."""
        found, size = self._parts.store.one(TreeHead, name=NAME), head(self._parts).size
        if (
            found is None or found.size > size > 0
        ):  # cut, and accepted: what comes next is news, though the log was longer once
            self._parts.store.commit([moved(found, TreeHead(NAME, size, b"", 0, b"", self._parts.clock()))])
            found = self._parts.store.one(TreeHead, name=NAME)
        if found is None:
            raise Unavailable("database")
        return found


def tried(parts: Parts, rules: dict[str, Rule], start: int, end: int) -> list[Alert]:
    """What the rules would have found in the recorded log; nothing is written. Raises Unavailable."""
    return _heads(parts, Watcher(rules), start, end)


def shown(parts: Parts, *, open_only: bool, limit: int) -> list[dict[str, Any]]:
    """The latest alerts, newest first, each with its outcome or None. Raises Unavailable."""
    outcomes = {told["alert"]: told["outcome"] for told in _of_kind(parts, DONE)}
    rows = {
        row.alert_id.hex(): row.outcome for row in parts.store.find(AlertDone, order=("-created_at",), limit=10_000)
    }
    found: list[dict[str, Any]] = []
    for told in _raised_lately(parts):
        outcome = rows.get(told["id"]) or outcomes.get(told["id"])
        if not (open_only and outcome):
            found.append({**told, "outcome": outcome})
        if len(found) == limit:
            break
    return found


def acknowledge(parts: Parts, alert_id: str, outcome: str, words: str = "", staff: Person | None = None) -> None:
    """Record that somebody (``staff``; None: at the command line) dealt with an alert, once, with a note. Raises Refusal(invalid_request) for what is
    no open alert, Unavailable."""
    event = event_by_id(parts, alert_id)
    if event.kind != RAISED or outcome_of(parts, alert_id) or outcome not in OUTCOMES or len(words) > MAX_WORDS:
        raise _not_open()
    rights = [colleagues.holds(staff, colleagues.LOOKS)] if staff else []
    writes = acknowledging(parts, event, outcome, words, staff, parts.clock())
    if not isinstance(parts.store.commit([*rights, *writes]), Committed):
        raise _not_open()


def acknowledging(parts: Parts, alert: Event, outcome: str, words: str, staff: Person | None, now: int) -> list[Write]:
    """The batch that acknowledges an alert; its row is there once, so that of two who do it one does. The note ends with the person whom the
    alert is about."""
    keeper = _keeper(parts, alert) or parts.vault.nobody()
    sealed = keeper.seal(*_NOTE, alert.id, 0, words.strip().encode()) if words.strip() else None
    row = AlertDone(alert.id, outcome, staff.citizen.pseudonym if staff else None, sealed, now)
    fact = AlertAcknowledged(alert=alert.id.hex(), outcome=outcome)
    told = record(fact, at=now, entropy=parts.entropy, actor=staff.citizen if staff else None)
    return [Insert(row), told]


def outcome_of(parts: Parts, alert_id: str) -> str | None:
    """What became of an alert; None while it is open."""
    row = parts.store.one(AlertDone, alert_id=bytes.fromhex(alert_id))
    if row is not None:
        return row.outcome
    return next((str(told["outcome"]) for told in _of_kind(parts, DONE) if told["alert"] == alert_id.lower()), None)


def note_of(parts: Parts, alert_id: bytes) -> tuple[AlertDone, str] | None:
    """Who acknowledged an alert, and the note; None when nobody did, or only an older version."""
    row = parts.store.one(AlertDone, alert_id=alert_id)
    if row is None:
        return None
    return row, _note(parts, row) if row.sealed else ""


def _note(parts: Parts, row: AlertDone) -> str:
    alert, sealed = found_by_id(parts, row.alert_id.hex()), row.sealed or b""
    keeper, nobody = _keeper(parts, alert) if alert else None, parts.vault.nobody()
    plain = keeper.opens(*_NOTE, row.alert_id, 0, sealed) if keeper else None
    if plain is not None:
        return plain.decode()
    # About nobody, or written before notes were sealed under their person's key; of whom was erased nothing opens, as it should be.
    if alert and about(alert) and keeper is None:
        return (nobody.opens(*_NOTE, row.alert_id, 0, sealed) or b"").decode()
    try:
        return nobody.open(*_NOTE, row.alert_id, 0, sealed).decode()
    except SealBroken:
        return ""


def about(alert: Event) -> bytes | None:
    """The pseudonym of whom an alert's group names."""
    words = str(msgspec.json.decode(alert.head, type=dict[str, Any]).get("group") or "").split(" ")
    return next((raw_id(word.partition("=")[2]) for word in words if word.startswith("person=")), None)


def _keeper(parts: Parts, alert: Event) -> Citizen | None:
    """Whose key seals words about an alert; None when it is about nobody, or about somebody who was erased."""
    pseudonym = about(alert)
    try:
        return parts.vault.whose(pseudonym) if pseudonym else None
    except KeyGone:
        return None


def _not_open() -> Refusal:
    return Refusal(Code.INVALID_REQUEST, "This is not an open alert.", reason="no_open_alert")


def _heads(
    parts: Parts, watcher: Watcher, start: int, end: int, now: int | None = None, places: Places | None = None
) -> list[Alert]:
    """``now``: when the events are seen for the first time; None for those that were recorded before."""
    found: list[Alert] = []
    for first in range(start, end, BATCH):
        several = list(events_between(parts, first, min(first + BATCH, end), gaps=True))
        months: Months = {}
        networks = networks_of(parts, [event.id for _, event in several if watcher.traced(event.kind)])
        for index, event in several:
            try:
                told = msgspec.json.decode(event.head, type=dict[str, Any])
            except (ValueError, TypeError):  # spoilt by hand: the verifier names it
                continue
            late = {LATE: True} if now is not None and now - event.at > LATE_US else {}
            place = _place(parts, event, places, months) if places is not None and watcher.placed(event.kind) else None
            found += watcher.see(index, {**told, **late, **networks.get(event.id, {})}, place)
    return found


def _place(parts: Parts, event: Event, places: Places, months: Months) -> Place | None:
    """Where an event happened; None when nobody knows, or its details are gone. The address is opened here alone, and leaves with this call. Raises
    Unavailable."""
    try:
        sealed = next((f.sealed for f in unpack(event.fields) if f.name == "address"), b"") if event.fields else b""
        if event.actor is None or not sealed:
            return None
        citizen = parts.vault.whose(event.actor)
        plain = citizen.open_event(event.kind, event.at, event.id, "address", sealed, months)
        return places.of(plain[16:].decode())  # behind the field's salt
    except (KeyGone, SealBroken, ValueError):
        return None


def networks_of(parts: Parts, ids: Sequence[bytes]) -> dict[bytes, dict[str, str]]:
    """Event → where it came from, as keyed indexes; nothing for those that can't be found by address."""
    rows = parts.store.find(EventAddress, {"event_id": Op("in", tuple(ids))}, limit=len(ids)) if ids else []
    return {row.event_id: {field: getattr(row, size).hex() for field, size in TRACED.items()} for row in rows}


def _raised(parts: Parts, alert: Alert) -> list[Write]:
    fact = AlertRaised(
        rule=alert.rule,
        severity=alert.severity,
        group=alert.group,
        count=alert.count,
        first=alert.first,
        last=alert.last,
    )
    return raising(parts, fact)[1]


def _raised_lately(parts: Parts) -> Iterator[dict[str, Any]]:
    """The heads of all alerts, those that wait for their leaf first; each part the newest first."""
    waits = {name.hex(): event for name, (event, _) in reversed(waiting(parts).items())}
    yield from (msgspec.json.decode(event.head) for event in waits.values())
    yield from (told for told in _of_kind(parts, RAISED) if told["id"] not in waits)


def _of_kind(parts: Parts, kind: str) -> Iterator[dict[str, Any]]:
    """The heads of all events of a kind, newest first, by the log's index."""
    before = 2**63 - 1
    where: dict[str, Any] = {"facet": KIND, "value": kind.encode()}
    while lines := parts.store.find(EventFacet, {**where, "seq": Op("<", before)}, order=("-seq",), limit=PAGE):
        for line in lines:
            event = parts.store.one(Event, seq=line.seq)
            if event is not None and event.kind == kind:
                yield msgspec.json.decode(event.head)
        before = lines[-1].seq
