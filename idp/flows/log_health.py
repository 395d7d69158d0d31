"""How the audit log does, in numbers that the database tells: for metrics and health, whoever keeps it."""

from idp.flows.log_memory import ALARM
from idp.flows.log_reading import COSIGNED
from idp.flows.sequencer import SECOND, head
from idp.parts import Parts
from idp.ports import Op
from idp.records import Event, EventPending, Generation, TreeHead

Measure = tuple[str, float]
"""What it means, and the value."""


def alarm(parts: Parts) -> bool:
    """Whether there is an alarm that nobody accepted. Raises Unavailable."""
    known = parts.store.one(Generation, kind=ALARM)
    return known is not None and known.n != 0


def lag(parts: Parts) -> int:
    """Committed events that have no leaf yet. Raises Unavailable."""
    after = parts.store.count(Event, {"seq": Op(">", head(parts).last_seq)})
    return max(after, parts.store.count(EventPending))


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
    if parts.config.log_witnesses:
        seen = parts.store.one(TreeHead, name=COSIGNED)
        age = (at - seen.at) / SECOND if seen is not None else float("inf")
        told["idp_audit_witnessed_age_seconds"] = ("Since a witness cosigned a checkpoint", age)
    return told
