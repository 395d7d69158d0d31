"""Facts of the security staff's own work: alerts, cases, reveals, changed rules. They are of the vocabulary of ``audit.events``.

Facts of a case bear no person: whoever is looked into does not read of it in a copy of their data before its time. Those of a reveal bear the
citizen, and ``told_from`` (microseconds UTC) says from when the citizen may read them.
"""

from idp.audit.events import Fact


class CaseOpened(Fact, frozen=True, kw_only=True):
    """Staff opened a case. ``origin``: alert, not_me, object, event or hand; ``event`` what it is about; ``objection`` the citizen's."""

    KIND = "case.opened"
    case: str
    origin: str
    event: str = ""
    objection: str = ""


class CaseLinked(Fact, frozen=True, kw_only=True):
    """Another event was put to a case."""

    KIND = "case.linked"
    case: str
    event: str


class CaseAssigned(Fact, frozen=True, kw_only=True):
    """A case was given to a member of staff (``to``, a pseudonym), or to nobody (empty)."""

    KIND = "case.assigned"
    case: str
    to: str


class CaseNoted(Fact, frozen=True, kw_only=True):
    """Words were added to a case; they are sealed in it."""

    KIND = "case.noted"
    case: str


class CaseClosed(Fact, frozen=True, kw_only=True):
    """A case was closed. ``outcome``: handled, harmless or duplicate; for an objection upheld, explained or unfounded."""

    KIND = "case.closed"
    case: str
    outcome: str


class RevealAsked(Fact, frozen=True, kw_only=True):
    """Staff asked to see these ``fields`` of a citizen for a case; ``reason`` a stable word, its words are sealed in the request."""

    KIND = "reveal.asked"
    reveal: str
    case: str
    fields: tuple[str, ...]
    reason: str
    told_from: int


class RevealDecided(Fact, frozen=True, kw_only=True):
    """A second person decided. ``state``: approved or refused."""

    KIND = "reveal.decided"
    reveal: str
    case: str
    state: str
    told_from: int


class RevealSeen(Fact, frozen=True, kw_only=True):
    """The asker looked: these ``fields`` were shown, this once."""

    KIND = "reveal.seen"
    reveal: str
    case: str
    fields: tuple[str, ...]
    reason: str
    told_from: int


class RuleChanged(Fact, frozen=True, kw_only=True):
    """An alert rule was switched on or off (``live``), or counts differently; ``count`` and ``within`` are what holds now (seconds); ``reason`` a
    stable word."""

    KIND = "rule.changed"
    rule: str
    live: bool
    count: int
    within: int
    reason: str = ""


class RuleWritten(Fact, frozen=True, kw_only=True):
    """Staff wrote an alert rule in the console: ``state`` made, rewritten, removed or restored; what it is now, but for its words. ``where``
    field=value; ``within`` seconds; ``reason`` a stable word."""

    KIND = "rule.written"
    rule: str
    state: str
    kinds: tuple[str, ...]
    where: tuple[str, ...]
    group: tuple[str, ...]
    count: int
    within: int
    severity: str
    reason: str
    distinct: str = ""


class AlertRaised(Fact, frozen=True, kw_only=True):
    """A rule was met by ``count`` events of one ``group`` (field=value pairs) from index ``first`` to ``last``. ``severity``: low, medium, high."""

    KIND = "alert.raised"
    rule: str
    severity: str
    group: str
    count: int
    first: int
    last: int


class AlertAcknowledged(Fact, frozen=True, kw_only=True):
    """Somebody dealt with an alert (its event's id). ``outcome``: handled, harmless or duplicate."""

    KIND = "alert.acknowledged"
    alert: str
    outcome: str
