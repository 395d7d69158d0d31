"""How the audit log does, in numbers that the database tells: for metrics and health, whoever keeps it."""

from idp.audit.alerts import LATE_US
from idp.flows.log_accepted import accepted
from idp.flows.log_reading import COSIGNED, events_between
from idp.flows.log_waiting import alarm
from idp.flows.sequencer import SECOND, Damaged, head
from idp.parts import Parts
from idp.ports import Op
from idp.records import Event, EventPending, TreeHead

WATCHED = "alerts"
"""The head up to which the rules have looked."""
Measure = tuple[str, float]
"""What it means, and the value."""


def lag(parts: Parts) -> int:
    """Committed events that have no leaf yet. Raises Unavailable."""
    after = parts.store.count(Event, {"seq": Op(">", head(parts).last_seq)})
    return max(after, parts.store.count(EventPending))


def unwatched(parts: Parts) -> int | None:
    """When the oldest event happened that no rule has looked at (microseconds); None when the rules have looked at all. Raises Unavailable."""
    tree, seen = head(parts), parts.store.one(TreeHead, name=WATCHED)
    start = min(seen.size, tree.size) if seen is not None else 0
    try:
        found = next(events_between(parts, start, min(start + 1, tree.size), gaps=True), None)
    except Damaged:
        found = None
    if found is not None:
        return found[1].at
    waiting = parts.store.find(Event, {"seq": Op(">", tree.last_seq)}, order=("seq",), limit=1)
    return waiting[0].at if waiting else None


def standing(parts: Parts) -> int | None:
    """The same, when it is so long ago that the watch or the sequencer stands still, so that no rule can tell it. Raises Unavailable."""
    at = unwatched(parts)
    return at if at is not None and parts.clock() - at > LATE_US else None


def measures(parts: Parts) -> dict[str, Measure]:
    """Name → measure. Raises Unavailable."""
    now, at = head(parts), parts.clock()
    told: dict[str, Measure] = {
        "idp_audit_sequence_lag": ("Committed events that are not in the log's tree yet", lag(parts)),
        "idp_audit_tree_size": ("Events in the log's tree", now.size),
        "idp_audit_checkpoint_age_seconds": (
            "Since the newest checkpoint was signed; an idle log signs every ten minutes",
            (at - now.at) / SECOND if now.note else 0.0,
        ),
        "idp_audit_alarm": ("1 while the log is not what was signed and remembered", float(alarm(parts))),
    }
    but = accepted(parts)
    told["idp_audit_accepted_rows"] = (
        "Events of the log that are not as they were written and were accepted",
        len(but.let_in) + len(but.amiss) or float(bool(but.what)),
    )
    oldest = unwatched(parts)
    told["idp_audit_unwatched_seconds"] = (
        "Age of the oldest event that no alert rule has looked at yet",
        0.0 if oldest is None else max(0.0, (at - oldest) / SECOND),
    )
    if parts.config.log_witnesses:
        seen = parts.store.one(TreeHead, name=COSIGNED)
        age = (at - seen.at) / SECOND if seen is not None else float("inf")
        told["idp_audit_witnessed_age_seconds"] = ("Since a witness cosigned a checkpoint", age)
    return told
