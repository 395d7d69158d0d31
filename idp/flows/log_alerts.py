"""Alerts: the rules watch the log as it grows; what they find is an event itself, and stays open until somebody acknowledges it.

An alert and how far the rules have read move in one batch, so that none is raised twice; after a restart the windows are read again, silently.
"""

import threading
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import msgspec

from idp.audit.alerts import Alert, Rule, RulesError, Watcher, parse
from idp.audit.events import AlertAcknowledged, AlertRaised, record, vocabulary
from idp.audit.facets import KIND
from idp.config import Config, ConfigError
from idp.errors import Code, Refusal, Unavailable
from idp.flows.log_reading import event_by_id, events_between
from idp.flows.sequencer import head
from idp.parts import Parts
from idp.ports import Committed, Insert, Op, Write
from idp.records import Event, EventFacet, TreeHead

RAISED: Final = "alert.raised"
DONE: Final = "alert.acknowledged"
OUTCOMES: Final = ("handled", "harmless", "duplicate")
NAME: Final = "alerts"
BATCH: Final = 500
WARM: Final = 20_000
"""Events that are read again after a restart to fill the windows."""
TICK_S: Final = 1.0
PAGE: Final = 500


def starter() -> str:
    """The rules that come with the product."""
    return (files("idp.audit") / "alerts.toml").read_text(encoding="utf-8")


def load_rules(config: Config) -> dict[str, Rule]:
    """The configured rules, or the starter set. Raises ConfigError."""
    try:
        text = Path(config.log_alerts).read_text(encoding="utf-8") if config.log_alerts else starter()
        return parse(text, tuple(kind for kind in vocabulary() if not kind.startswith("alert.")))
    except (OSError, UnicodeDecodeError):
        raise ConfigError("IDP_LOG_ALERTS: the file can't be read") from None
    except RulesError as error:
        raise ConfigError(f"IDP_LOG_ALERTS: {error}") from None


class Watch:
    """One process's offer to watch. Raises ConfigError for bad rules."""

    def __init__(self, parts: Parts, trouble: Callable[[str], object] = print) -> None:
        self._parts, self._trouble = parts, trouble
        self._rules = load_rules(parts.config)
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
        start = self._position()
        if self._watcher is None:
            self._watcher = Watcher(self._rules)
            _heads(self._parts, self._watcher, max(0, start - WARM), start)
        end = min(start + BATCH, head(self._parts).size)
        if end <= start:
            return 0
        found = _heads(self._parts, self._watcher, start, end)
        writes: list[Write] = [_event(self._parts, alert) for alert in found]
        place = TreeHead(NAME, end, b"", 0, b"", self._parts.clock())
        if not isinstance(self._parts.store.commit([*writes, Insert(place, on_conflict="replace")]), Committed):
            raise Unavailable("database")
        for alert in found:
            self._trouble(f"ALERT {alert.severity}: {alert.rule} ({alert.group or 'all'}): {alert.count} events")
        return end - start

    def _position(self) -> int:
        """The next index to look at. The first time it is the log's end: what was before is history, not news."""
        found, size = self._parts.store.one(TreeHead, name=NAME), head(self._parts).size
        if found is None:
            place = TreeHead(NAME, size, b"", 0, b"", self._parts.clock())
            self._parts.store.commit([Insert(place, on_conflict="ignore")])
            return size
        return min(found.size, size)


def tried(parts: Parts, rules: dict[str, Rule], start: int, end: int) -> list[Alert]:
    """What the rules would have found in the recorded log; nothing is written. Raises Unavailable."""
    return _heads(parts, Watcher(rules), start, end)


def shown(parts: Parts, *, open_only: bool, limit: int) -> list[dict[str, Any]]:
    """The latest alerts, newest first, each with its outcome or None. Raises Unavailable."""
    outcomes = {told["alert"]: told["outcome"] for told in _of_kind(parts, DONE)}
    found = []
    for told in _of_kind(parts, RAISED):
        outcome = outcomes.get(told["id"])
        if not (open_only and outcome):
            found.append({**told, "outcome": outcome})
        if len(found) == limit:
            break
    return found


def acknowledge(parts: Parts, alert_id: str, outcome: str) -> None:
    """Record that somebody dealt with an alert. Raises Refusal(invalid_request) for what is no open alert, Unavailable."""
    event = event_by_id(parts, alert_id)
    known = {told["alert"] for told in _of_kind(parts, DONE)}
    if event.kind != RAISED or alert_id.lower() in known or outcome not in OUTCOMES:
        raise Refusal(Code.INVALID_REQUEST, "This is not an open alert.", reason="no_open_alert")
    fact = AlertAcknowledged(alert=event.id.hex(), outcome=outcome)
    done = parts.store.commit([record(fact, at=parts.clock(), entropy=parts.entropy)])
    if not isinstance(done, Committed):
        raise Unavailable("database")


def _heads(parts: Parts, watcher: Watcher, start: int, end: int) -> list[Alert]:
    found: list[Alert] = []
    for index, event in events_between(parts, start, end, gaps=True):
        try:
            told = msgspec.json.decode(event.head, type=dict[str, Any])
        except (ValueError, TypeError):  # spoilt by hand: the verifier names it
            continue
        found += watcher.see(index, told)
    return found


def _event(parts: Parts, alert: Alert) -> Insert:
    fact = AlertRaised(
        rule=alert.rule,
        severity=alert.severity,
        group=alert.group,
        count=alert.count,
        first=alert.first,
        last=alert.last,
    )
    return record(fact, at=parts.clock(), entropy=parts.entropy)


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
