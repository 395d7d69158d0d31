"""What kinds of events there are for who looks for one: groups to choose from, and how each ended. Pure.

Both follow from the kind alone, so that the index by kind answers for them.
"""

from typing import Final

DONE, REFUSED, WATCH = "done", "refused", "watch"
OUTCOMES: Final = (DONE, REFUSED, WATCH)
"""It happened; it was refused; it happened and is worth a look."""

GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "sign-in": ("session", "logout"),
    "accounts": ("account", "erasure", "objection"),
    "authorizations": ("authorization", "consent", "code"),
    "tokens": ("token",),
    "releases": ("attributes", "comparison", "exchange", "identifier"),
    "clients": ("client", "department", "item", "attribute_kind"),
    "cases": ("case", "reveal", "alert", "rule"),
    "house": (),
}
"""Group → first words of its kinds; the last takes whatever no other does."""

_HOUSE: Final = "house"
REFUSALS: Final = frozenset(
    {
        "session.refused",
        "session.throttled",
        "authorization.refused",
        "consent.denied",
        "code.misused",
        "token.refused",
        "client.registration_refused",
        "attributes.withheld",
        "comparison.bounded",
    }
)
_WATCH: Final = frozenset(
    {
        "code.replayed",
        "token.refresh_replayed",
        "account.factor_removed",
        "account.factor_eased",
        "account.factor_missing",
        "account.recovery_code_used",
        "account.contact_changed",
        "account.erased",
        "objection.opened",
        "client.disabled",
        "client.secret_replaced",
        "client.key_changed",
        "seal.failed",
        "alert.raised",
        "reveal.asked",
        "reveal.seen",
        "rule.changed",
        "rule.written",
        "key.escrowed",
        "store.restored",
        "audit.alarmed",
        "audit.accepted",
        "audit.purged",
    }
)


def group_of(kind: str) -> str:
    """The group of a kind, known or not."""
    first = kind.partition(".")[0]
    return next((group for group, words in GROUPS.items() if first in words), _HOUSE)


def outcome_of(kind: str) -> str:
    """How what a kind tells of ended."""
    return REFUSED if kind in REFUSALS else WATCH if kind in _WATCH else DONE
