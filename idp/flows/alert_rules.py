"""Which alert rules there are: those of the file, with what staff changed at them, and those that staff wrote in the console.

The file is never written. What staff do is a row, its event rides in the same batch, and the watch reads the rows at each step. Of a rule in the file
and one of the console under the same name the file's is at work.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec

from idp.audit.alerts import MAX_COUNT, MAX_WITHIN, Change, Rule, RulesError, changed, parse
from idp.audit.cases import RuleChanged, RuleWritten
from idp.audit.events import Fact, record, vocabulary
from idp.audit.rule_draft import REASONS
from idp.audit.search import Bad
from idp.config import Config, ConfigError
from idp.errors import Code, Refusal
from idp.flows import colleagues
from idp.flows.people import Caller, Person
from idp.parts import Parts
from idp.ports import Committed, Insert, Update, Write
from idp.records import AlertChange
from keys.errors import SealBroken

MOST: Final = 100
"""Rules of the console at once; so many times as many with the removed ones."""
KEPT: Final = 7
ROWS: Final = 1000
ON, OFF, REMOVED = 1, 0, -1
_PLACE: Final = ("alert_rule", "text")


@dataclass(frozen=True, slots=True)
class Held:
    """One rule. ``written``: as its file or who wrote it has it; ``rule``: as it counts; ``own``: of the console; ``state`` ON, OFF or REMOVED;
    ``version`` 0 and ``since`` 0: nobody changed it."""

    name: str
    written: Rule
    rule: Rule
    own: bool
    state: int
    version: int
    since: int

    @property
    def changed(self) -> bool:
        """Whether it is not as it was written."""
        return self.rule != self.written or self.state != ON


def starter() -> str:
    """The rules that come with the product."""
    return (files("idp.audit") / "alerts.toml").read_text(encoding="utf-8")


def kinds() -> tuple[str, ...]:
    """Kinds of events that a rule may watch: all but those that tell of alerts."""
    return tuple(kind for kind in vocabulary() if not kind.startswith("alert."))


def fields() -> dict[str, frozenset[str]]:
    """Kind → the fields of its events."""
    return {kind: frozenset(vocabulary()[kind].__struct_fields__) for kind in kinds()}


def load_rules(config: Config) -> dict[str, Rule]:
    """The configured rules, or the starter set. Raises ConfigError."""
    try:
        text = Path(config.log_alerts).read_text(encoding="utf-8") if config.log_alerts else starter()
        return parse(text, kinds())
    except (OSError, UnicodeDecodeError):
        raise ConfigError("IDP_LOG_ALERTS: the file can't be read") from None
    except RulesError as error:
        raise ConfigError(f"IDP_LOG_ALERTS: {error}") from None


def rows(parts: Parts) -> list[AlertChange]:
    """What staff did to rules. Raises Unavailable."""
    return parts.store.find(AlertChange, order=("rule",), limit=ROWS)


def held(parts: Parts, written: Mapping[str, Rule], done: Sequence[AlertChange]) -> dict[str, Held]:
    """Every rule by name: those of the file, then the console's. One that does not open is none."""
    by_name = {row.rule: row for row in done}
    found = {name: _of_file(name, rule, by_name.get(name)) for name, rule in written.items()}
    for row in done:
        rule = _opened(parts, row) if row.rule not in written else None
        if rule is not None:
            found[row.rule] = Held(row.rule, rule, rule, True, row.live, row.version, row.changed_at)
    return found


def there(parts: Parts) -> dict[str, Held]:
    """:func:`held` as of now. Raises ConfigError, Unavailable."""
    return held(parts, load_rules(parts.config), rows(parts))


def at_work(found: Mapping[str, Held]) -> dict[str, Rule]:
    """Those that are switched on."""
    return {name: one.rule for name, one in found.items() if one.state == ON}


def make(parts: Parts, caller: Caller, staff: Person, name: str, rule: Rule, reason: str) -> None:
    """Write a new rule. Raises Bad for a name that is taken, or when there are very many; Refusal."""
    done = rows(parts)
    if name in load_rules(parts.config) or any(row.rule == name for row in done):
        raise Bad({"name": "rule_taken"})
    if _full(done) or sum(row.sealed is not None for row in done) >= KEPT * MOST:
        raise Bad({"name": "rule_full"})
    row = AlertChange(name, ON, None, None, 1, caller.now, _sealed(parts, name, 1, rule))
    _commit(parts, caller, staff, Insert(row), _written(name, rule, "made", reason, caller))


def rewrite(parts: Parts, caller: Caller, staff: Person, one: Held, rule: Rule, reason: str) -> None:
    """Let a rule of the console, as it was looked at, be another. Raises Refusal when it was changed meanwhile."""
    _put(parts, caller, staff, one, rule, one.state, _written(one.name, rule, "rewritten", reason, caller))


def switch(parts: Parts, caller: Caller, staff: Person, one: Held, state: int, reason: str) -> None:
    """Switch a rule of the console on (also a removed one: put back) or off, or remove it. Raises Refusal; Bad where there are
    too many to put one back."""
    if one.state == REMOVED != state and _full(rows(parts)):
        raise Bad({"": "rule_full"})
    if REMOVED in (state, one.state):
        fact: Fact = _written(one.name, one.rule, "removed" if state == REMOVED else "restored", reason, caller)
    else:
        fact = _changed(one.name, state == ON, one.rule.count, one.rule.within, reason, caller)
    _put(parts, caller, staff, one, one.rule, state, fact)


def change(
    parts: Parts, caller: Caller, staff: Person, one: Held, *, live: bool, count: int, within: int, reason: str
) -> None:
    """Switch a rule of the file on or off, or let it count otherwise, as it was looked at. Raises Refusal."""
    if one.own or not (1 <= count <= MAX_COUNT and 1 <= within <= MAX_WITHIN) or (one.written.travel and count != 1):
        raise Refusal(Code.INVALID_REQUEST, "There is no such rule, or it can't count so.", reason="rule_numbers")
    numbers = {
        "count": None if count == one.written.count else count,
        "within": None if within == one.written.within else within,
    }
    row = AlertChange(one.name, int(live), numbers["count"], numbers["within"], one.version + 1, caller.now)
    _commit(parts, caller, staff, _over(one, row), _changed(one.name, live, count, within, reason, caller))


def _full(done: Sequence[AlertChange]) -> bool:
    return sum(row.sealed is not None and row.live != REMOVED for row in done) >= MOST


def _put(parts: Parts, caller: Caller, staff: Person, one: Held, rule: Rule, state: int, fact: Fact) -> None:
    if not one.own:
        raise Refusal(Code.INVALID_REQUEST, "A rule of the file is changed in the file.", reason="rule_numbers")
    version = one.version + 1
    row = AlertChange(one.name, state, None, None, version, caller.now, _sealed(parts, one.name, version, rule))
    _commit(parts, caller, staff, _over(one, row), fact)


def _over(one: Held, row: AlertChange) -> Write:
    """The row in the place of the one that was looked at."""
    values = {name: value for name, value in msgspec.structs.asdict(row).items() if name != "rule"}
    return Update(AlertChange, {"rule": one.name, "version": one.version}, values) if one.version else Insert(row)


def _commit(parts: Parts, caller: Caller, staff: Person, write: Write, fact: Fact) -> None:
    told = record(fact, at=caller.now, entropy=parts.entropy, actor=staff.citizen)
    done = parts.store.commit([colleagues.holds(staff, colleagues.LOOKS), write, told])
    if not isinstance(done, Committed):
        raise Refusal(Code.INVALID_REQUEST, "The rule was changed meanwhile; look again.", reason="case_conflict")


def _written(name: str, rule: Rule, state: str, reason: str, caller: Caller) -> RuleWritten:
    return RuleWritten(
        rule=name,
        state=state,
        kinds=rule.kind,
        where=tuple(f"{field}={value}" for field, value in rule.where.items()),
        group=rule.group,
        distinct=rule.distinct or "",
        count=rule.count,
        within=rule.within,
        severity=rule.severity,
        reason=_known(reason),
        reference=caller.reference,
    )


def _changed(name: str, live: bool, count: int, within: int, reason: str, caller: Caller) -> RuleChanged:
    return RuleChanged(
        rule=name, live=live, count=count, within=within, reason=_known(reason), reference=caller.reference
    )


def _known(reason: str) -> str:
    if reason not in REASONS:
        raise Refusal(Code.INVALID_REQUEST, "A change of a rule needs one of the known reasons.", reason="rule_reason")
    return reason


def _of_file(name: str, rule: Rule, row: AlertChange | None) -> Held:
    if row is None:
        return Held(name, rule, rule, False, ON, 0, 0)
    if row.sealed is not None:  # written in the console before the file had one of this name
        return Held(name, rule, rule, False, ON, row.version, 0)
    made = Change(live=bool(row.live), count=row.count, within=row.within)
    return Held(name, rule, changed(rule, made), False, ON if made.live else OFF, row.version, row.changed_at)


def _sealed(parts: Parts, name: str, version: int, rule: Rule) -> bytes:
    return parts.vault.nobody().seal(*_PLACE, name, version, msgspec.json.encode(rule))


def _opened(parts: Parts, row: AlertChange) -> Rule | None:
    if row.sealed is None:
        return None
    try:
        plain = parts.vault.nobody().open(*_PLACE, row.rule, row.version, row.sealed)
        return msgspec.json.decode(plain, type=Rule)
    except (SealBroken, msgspec.DecodeError):
        return None
