"""Plain words of the citizen's own copy: what happened in their account."""

from flask_babel import LazyString
from flask_babel import lazy_gettext as _

COPY_EVENTS: dict[str, LazyString] = {
    "account.created": _("The account was made"),
    "account.changed": _("The account was changed"),
    "account.password_changed": _("The password was set"),
    "account.factor_enrolled": _("A second factor was set up"),
    "account.factor_removed": _("A second factor was removed"),
    "account.factor_always": _("You asked for the second step at every sign-in"),
    "account.factor_eased": _("You asked for the second step no longer at every sign-in"),
    "account.factor_missing": _("Your staff account has no second factor"),
    "account.recovery_code_used": _("A recovery code was used"),
    "account.one_time_sent": _("A code was sent"),
    "account.copy_taken": _("A copy was taken"),
    "account.attribute_corrected": _("Information was corrected"),
    "account.contact_changed": _("An e-mail address or phone number to sign in with was changed"),
    "session.started": _("Signed in"),
    "session.stepped_up": _("A second factor was proved"),
    "session.refused": _("A sign-in failed"),
    "session.throttled": _("Too many attempts"),
    "session.ended": _("Signed out"),
    "logout.delivered": _("A service was told of the sign-out"),
    "consent.given": _("You gave an authorization"),
    "consent.informed": _("You were informed of what the law orders"),
    "consent.denied": _("You refused an authorization"),
    "consent.withdrawn": _("You withdrew an authorization"),
    "identifier.exchanged": _("Two services were allowed to match their records about you"),
    "attributes.released": _("Your information was told"),
    "code.issued": _("You were sent back to a service"),
    "code.redeemed": _("A service received your sign-in"),
    "token.refreshed": _("A service renewed its access"),
    "token.revoked": _("A service gave up its access"),
    "objection.opened": _("You opened a case"),
    "objection.read": _("Security staff read your case"),
    "objection.closed": _("Security staff answered your case"),
    "erasure.asked": _("You asked to delete the account"),
    "erasure.cancelled": _("The deletion was cancelled"),
    "reveal.asked": _("Security staff asked to see your data"),
    "reveal.decided": _("A second member of staff decided about it"),
    "reveal.seen": _("Security staff looked at your data"),
    "search.person": _("Security staff looked up whose account this is"),
}
"""What happened in an account, by the event's kind, for its owner's copy; a kind that is not here in the words of staff."""

COPY_LOCKS: dict[str, LazyString] = {
    "disabled": _("The account was locked"),
    "active": _("The account was let on again"),
}
"""What an ``account.changed`` of the state says, by its value."""
