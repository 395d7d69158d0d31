"""Alert rules over the log: what is searched for, how many, how soon, of whom. Pure: events in the log's order in, alerts out."""

import tomllib
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from idp.audit.travel import Place, Travel, impossible

SECOND = 1_000_000
MAX_RULES = 200
MAX_COUNT = 1_000_000
MAX_WITHIN = 7 * 86_400
MAX_GROUPED = 4
MAX_GROUPS = 10_000
"""Groups that a rule remembers at once; the longest silent is forgotten first."""
MAX_SEEN = 100_000
"""Events of a group that a rule remembers beyond those that it needs."""
MAX_TRAVELLERS = 100_000
"""Groups of which a rule about travel remembers the last place."""
TRACED: Mapping[str, str] = {"address": "exact", "network": "near", "block": "wide"}
"""Fields that stand beside an event, not in it: keyed indexes of where it came from. Who reads the log adds them to the head; an alert does not
tell them, as they would stay for ever."""
HOURS, LATE = "hours", "late"
DERIVED = frozenset((*TRACED, HOURS, LATE))
"""Fields that are worked out: ``hours`` working or off (Monday to Friday, 8 to 18 in China; holidays are not known), ``late`` true where an event
was seen more than ``LATE_US`` after it happened."""
LATE_US = 60 * SECOND
SEALED = "sealed"
_ALARM, _ALERT = "audit.alarmed", "alert"
"""The log's alarm, and its field that names the alert which it is by itself."""
Severity = Literal["low", "medium", "high"]
_FIELD = "abcdefghijklmnopqrstuvwxyz_"


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One rule, field for field the file's. ``within`` seconds; ``where`` values as they stand in an event's head; ``travel``: it counts those
    who could not have come from where they were before, instead of all."""

    about: str
    kind: tuple[str, ...]
    count: int
    within: int
    severity: Severity
    where: Mapping[str, str | int | bool] = {}
    group: tuple[str, ...] = ()
    distinct: str | None = None
    travel: Travel | None = None


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that was met: by how many events of which group, from index ``first`` to ``last``; ``at`` the last one's time."""

    rule: str
    severity: str
    group: str
    count: int
    first: int
    last: int
    at: int


class RulesError(ValueError):
    """The file of rules can't be used; the text says which rule and why."""


def parse(text: str, kinds: Sequence[str]) -> dict[str, Rule]:
    """Rules by name. ``kinds``: those that there are. Raises RulesError."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RulesError(f"not TOML: {error}") from None
    if len(tables) > MAX_RULES:
        raise RulesError(f"more than {MAX_RULES} rules")
    found = {}
    for name, table in tables.items():
        try:
            found[name] = msgspec.convert(table, Rule)
        except msgspec.ValidationError as error:
            raise RulesError(f"{name}: {error}") from None
        _judge(name, found[name], kinds)
    return found


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What was changed at a rule of the file: switched off, or other numbers (None: the file's)."""

    live: bool = True
    count: int | None = None
    within: int | None = None


def changed(rule: Rule, change: Change) -> Rule:
    """A rule with the numbers of a change."""
    return msgspec.structs.replace(rule, count=change.count or rule.count, within=change.within or rule.within)


def written(name: str, rule: Rule) -> str:
    """A rule as it would stand in the file (TOML)."""
    values = {field: value for field, value in msgspec.to_builtins(rule).items() if value not in (None, [], {}, ())}
    return "\n".join([f"[{_toml_key(name)}]", *(f"{field} = {_toml(value)}" for field, value in values.items())]) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_toml_key(key)} = {_toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return msgspec.json.encode(value).decode()


def _toml_key(name: str) -> str:
    plain = name.replace("-", "").replace("_", "")
    return name if plain.isascii() and plain.isalnum() else _toml(name)


def faults(rule: Rule, kinds: Sequence[str]) -> dict[str, str]:
    """What a rule can't be used with: field → what is wrong; empty for one that can. ``kinds``: those that there are."""
    found = {}
    unknown = [kind for kind in rule.kind if kind not in kinds]
    if unknown or not rule.kind:
        found["kind"] = f"there is no kind {unknown[0] if unknown else ''}"
    for name, most in (("count", MAX_COUNT), ("within", MAX_WITHIN)):
        if not 1 <= getattr(rule, name) <= most:
            found[name] = "count must be 1 to 1000000, within 1 second to 7 days"
    for name, fields in (("group", rule.group), ("where", rule.where), ("distinct", (rule.distinct or "person",))):
        if any(not field or set(field) - set(_FIELD) for field in fields) or (
            name == "group" and len(fields) > MAX_GROUPED
        ):
            found[name] = "fields are words of an event's head, at most four of them group"
    if rule.travel is not None and (not rule.travel.sane() or not rule.group or rule.distinct or rule.count != 1):
        found["travel"] = "travel needs a speed and a distance above 0, a group, and a count of 1"
    return found


def _judge(name: str, rule: Rule, kinds: Sequence[str]) -> None:
    for trouble in faults(rule, kinds).values():
        raise RulesError(f"{name}: {trouble}")


class _Window:
    """Events of one group, the oldest first, and how often each value of theirs is among them: so that counting different ones costs the same for
    however many."""

    __slots__ = ("events", "most", "values")

    def __init__(self, most: int) -> None:
        self.most, self.events, self.values = most, deque[tuple[int, int, str | None]](), dict[str, int]()

    def add(self, at: int, index: int, value: str | None) -> None:
        """``value`` None: nothing but the event is counted."""
        if len(self.events) == self.most:
            self._forget()
        self.events.append((at, index, value))
        if value is not None:
            self.values[value] = self.values.get(value, 0) + 1

    def only_after(self, at: int) -> None:
        """Forget what is too old."""
        while self.events and self.events[0][0] <= at:
            self._forget()

    def clear(self) -> None:
        """Begin anew."""
        self.events.clear()
        self.values.clear()

    def _forget(self) -> None:
        value = self.events.popleft()[2]
        if value is not None:
            left = self.values[value] = self.values[value] - 1
            if not left:
                del self.values[value]


class Watcher:
    """The rules at work. Remembers of each group what lies within its window; one owner, events in the log's order."""

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self._rules = rules
        self._seen: dict[str, OrderedDict[str, _Window]] = {name: OrderedDict() for name in rules}
        self._silent: dict[tuple[str, str], int] = {}
        """Rule and group → until when it stays silent."""
        self._last: dict[str, OrderedDict[str, tuple[int, int, Place]]] = {
            n: OrderedDict() for n, r in rules.items() if r.travel
        }
        """Of rules about travel: group → when it was seen lastly, at which index and where."""
        self._by_kind: dict[str, list[str]] = {}
        for name, rule in rules.items():
            for kind in rule.kind:
                self._by_kind.setdefault(kind, []).append(name)

    def traced(self, kind: str) -> bool:
        """Whether a rule asks where events of this kind came from."""
        return any(set(TRACED) & set(_fields(self._rules[name])) for name in self._by_kind.get(kind, ()))

    def placed(self, kind: str) -> bool:
        """Whether a rule asks in which place events of this kind happened."""
        return any(self._rules[name].travel for name in self._by_kind.get(kind, ()))

    def see(self, index: int, head: Mapping[str, Any], place: Place | None = None) -> list[Alert]:
        """The alerts that this event completes; ``place``: where it happened, if that is known. A head that is not ours in form completes none."""
        kind, at = head.get("kind"), head.get("at")
        if not isinstance(kind, str) or not isinstance(at, int):
            return []
        head = {**head, HOURS: hours(at)}
        found = (self._see(name, index, at, head, place) for name in self._by_kind.get(kind, ()))
        return [alert for alert in found if alert is not None]

    def _see(self, name: str, index: int, at: int, head: Mapping[str, Any], place: Place | None) -> Alert | None:
        rule = self._rules[name]
        if any(head.get(field) != value for field, value in rule.where.items()):
            return None
        if rule.count == 1 and head.get("kind") == _ALARM and head.get(_ALERT):
            return None  # it was told when it was sounded
        if any(field in TRACED and field not in head for field in _fields(rule)):
            return None
        group = " ".join(f"{field}={_word(head.get(field))}" for field in rule.group)
        met = (
            self._count(name, group, index, at, head)
            if rule.travel is None
            else self._travelled(name, group, index, at, place)
        )
        if met is None or self._silent.get((name, group), -1) > at:
            return None
        self._silence(name, group, at + rule.within * SECOND, at)
        told = " ".join(f"{field}={SEALED if field in TRACED else _word(head.get(field))}" for field in rule.group)
        count, first = met
        if rule.travel is None:
            self._seen[name][group].clear()
        return Alert(rule=name, severity=rule.severity, group=told, count=count, first=first, last=index, at=at)

    def _count(self, name: str, group: str, index: int, at: int, head: Mapping[str, Any]) -> tuple[int, int] | None:
        """How many events of the window meet the rule, and the first one's index; None while they are too few."""
        rule, window = self._rules[name], self._window(name, group)
        window.add(at, index, _word(head.get(rule.distinct)) if rule.distinct else None)
        window.only_after(at - rule.within * SECOND)
        count = len(window.values) if rule.distinct else len(window.events)
        return None if count < rule.count else (count, window.events[0][1])

    def _travelled(self, name: str, group: str, index: int, at: int, place: Place | None) -> tuple[int, int] | None:
        """The two ends of a journey that nobody makes, and the first one's index; events without a known place are no end of one."""
        rule, seen = self._rules[name], self._last[name]
        if place is None or rule.travel is None:
            return None
        before = seen.get(group)
        if before is None or before[0] <= at:
            seen[group] = at, index, place
            seen.move_to_end(group)
            if len(seen) > MAX_TRAVELLERS:
                seen.popitem(last=False)
        if before is None or abs(at - before[0]) >= rule.within * SECOND:
            return None
        return (2, before[1]) if impossible(before[2], place, at - before[0], rule.travel) else None

    def _window(self, name: str, group: str) -> _Window:
        groups = self._seen[name]
        window = groups.get(group)
        if window is None:
            # A window holds what a rule needs to be met, and a little more for those that count different values.
            count = self._rules[name].count
            window = groups[group] = _Window(max(count, min(20 * count, MAX_SEEN)))
        groups.move_to_end(group)
        if len(groups) > MAX_GROUPS:
            groups.popitem(last=False)
        return window

    def _silence(self, name: str, group: str, until: int, at: int) -> None:
        if len(self._silent) > MAX_GROUPS:
            self._silent = {key: end for key, end in self._silent.items() if end > at}
        self._silent[name, group] = until


def hours(at: int) -> str:
    """``working`` or ``off``: when something happened (microseconds), in China's time."""
    day, second = divmod(at // SECOND + 8 * 3600, 86_400)
    weekday = (day + 3) % 7  # 1970-01-01 was a Thursday
    return "working" if weekday < 5 and 8 * 3600 <= second < 18 * 3600 else "off"


def _fields(rule: Rule) -> list[str]:
    return [*rule.group, *rule.where, *([rule.distinct] if rule.distinct else [])]


def _word(value: object) -> str:
    """A value as it stands in a group: one word, of bounded length."""
    text = "" if value is None else str(value)
    return "".join(c if c.isprintable() and c not in " =" else "?" for c in text[:128])
