"""Words for the codes that events hold: the one place where the console looks for what a stable word means. Lazy strings."""

from collections.abc import Mapping
from typing import Any, Final

from flask_babel import LazyString
from flask_babel import lazy_gettext as _

from idp.web.case_words import CASE_OUTCOMES, ORIGINS, REVEAL_CHOICES, RULE_REASONS, RULE_TITLES, SEVERITIES
from idp.web.console_words import FIELDS, FORMATS, GROUPS, KINDS, LOCKS, LOOKUP_REASONS, REASONS
from idp.web.reason_words import reason_words
from idp.web.wording import OBJECTION_KINDS, REVEAL_REASONS

Words = Mapping[str, LazyString]
_STAFF: Final = _("Staff")
_LINE: Final = _("Command line")
_SAMPLE: Final = _("Sample data of the demonstration")
_APPROVED: Final = _("Approved")
_ENDED: Final = _("Ended")

ROLES: Final[Words] = {
    "auditor": _("Auditor"),
    "approver": _("Approver"),
    "operator": _("Operator"),
}

SCOPES: Final[Words] = {
    "openid": _("Sign-in"),
    "profile": _("Basic information"),
    "email": _("E-mail address"),
    "phone": _("Phone number"),
    "address": _("Postal address"),
    "offline_access": _("Access while the citizen is away"),
}

AUTH_METHODS: Final[Words] = {
    "private_key_jwt": _("Signed with its own key"),
    "client_secret_basic": _("Secret, in the header"),
    "client_secret_post": _("Secret, in the form"),
    "none": _("None (public client, with PKCE)"),
}

METHODS: Final[Words] = {
    "pwd": _("Password"),
    "otp": _("One-time or recovery code"),
    "mfa": _("two factors"),
}
"""Of ``amr``, which names several."""

CODES: Final[Words] = {
    "invalid_request": _("The request is wrong"),
    "invalid_client": _("The client did not prove who it is"),
    "invalid_grant": _("Code or token is not valid"),
    "invalid_scope": _("The scope is not allowed"),
    "unauthorized_client": _("The client may not do this"),
    "unsupported_grant_type": _("Grant type not supported"),
    "unsupported_response_type": _("Response type not supported"),
    "access_denied": _("The citizen or the law said no"),
    "server_error": _("An error on our side"),
    "temporarily_unavailable": _("Not available at the moment"),
    "interaction_required": _("The citizen must be asked"),
    "login_required": _("The citizen must sign in"),
    "account_selection_required": _("The citizen must choose an account"),
    "consent_required": _("The citizen must consent"),
    "unmet_authentication_requirements": _("The level of assurance was not reached"),
    "request_not_supported": _("Signed requests are not supported"),
    "request_uri_not_supported": _("This request_uri is not supported"),
    "registration_not_supported": _("Self-issued registration is not offered"),
    "invalid_request_uri": _("The pushed request is not valid"),
    "invalid_request_object": _("The signed request is not valid"),
    "invalid_token": _("The token is not valid"),
    "insufficient_scope": _("The token allows too little"),
    "unsupported_token_type": _("Token type not supported"),
    "invalid_redirect_uri": _("The redirect address is not valid"),
    "invalid_client_metadata": _("The client's metadata is not valid"),
    "invalid_authorization_details": _("authorization_details is not valid"),
    "invalid_target": _("The resource is not ours"),
    "dropped": _("Left out, without an error"),
}
"""Wire codes (``idp.errors.Code``), and what stands in a client's list where there was no error."""

VALUES: Final[Mapping[str, Words]] = {
    "acr": {"urn:yimen:acr:1": _("One factor"), "urn:yimen:acr:2": _("Two factors")},
    "by": {
        "citizen": _("The citizen"),
        "staff": _STAFF,
        "approver": _("Approver"),
        "cli": _LINE,
        "username": _("Account name"),
        "email": _("E-mail address"),
        "phone": _("Phone number"),
        "other": _("Something else"),
    },
    "channel": {"email": _("E-mail address"), "phone": _("Phone number")},
    "code": CODES,
    "endpoint": {
        "token": _("Tokens"),
        "introspect": _("Introspection"),
        "revoke": _("Revocation"),
        "par": _("Pushed requests"),
        "userinfo": _("Data of the citizen"),
    },
    "factor": {"totp": _("Authenticator app"), "recovery_codes": _("Recovery codes")},
    "fields": REVEAL_CHOICES,
    "form": {**FORMATS, "zip": _("Archive with proofs"), "html": _("Web page")},
    "how": {
        "sign-up": _("By signing up"),
        "cli": _LINE,
        "staff-link": _("By a link for staff"),
        "sample": _SAMPLE,
        "change": _("Changed by its owner"),
        "reset": _("With a code sent to its owner"),
        "dynamic": _("By the client itself"),
        "asked": _("The citizen asked for it"),
        "order": _("By order"),
        "restored": _("Again, after a copy was restored"),
        "added": _("Added"),
        "confirmed": _("Confirmed"),
        "replaced": _("Replaced"),
        "set": _("Set"),
        "removed": _("Taken back"),
        "typed": _("Typed"),
        "event": _("From an event"),
    },
    "lasts": {"lasting": _("Until it is withdrawn"), "year": _("For one year"), "once": _("Only this time")},
    "origin": ORIGINS,
    "outcome": {**CASE_OUTCOMES, "sent": _("Delivered"), "dead": _("Given up")},
    "purpose": {
        "sign-up": _("Signing up"),
        "reset": _("A new password"),
        "verify": _("Confirming an address"),
        "staff": _("Account for staff"),
        "data": _("Citizens' data"),
    },
    "severity": SEVERITIES,
    "size": {"exact": _("One address"), "near": _("Its network"), "wide": _("Its wider network")},
    "stage": {"page": _("The citizen, on a page"), "client": _("The client")},
    "state": {
        "approved": _APPROVED,
        "rejected": _("Rejected"),
        "refused": _("Refused"),
        "retired": _("Retired"),
        "proposed": _("Proposed"),
        "ended": _ENDED,
        "kept": _("Kept"),
        "made": _("Written"),
        "rewritten": _("Written anew"),
        "restored": _("Put back"),
        "shared": _("Shared"),
        "removed": _("Removed"),
        "next": _("Next in line"),
        "active": _("In use"),
        "retiring": _("Leaving use"),
        "ok": _("Cosigns"),
        "away": _("Can't be reached"),
        "disagrees": _("Saw another log"),
    },
    "token": {
        "access_token": _("Access token"),
        "refresh_token": _("Refresh token"),
        "grant": _("The whole authorization"),
    },
    "via": {
        "userinfo": _("The client asked the server"),
        "id_token": _("In the proof of sign-in"),
        "consent": _("Not offered on the consent page"),
    },
    "what": {
        "identifier": _("Name to sign in with"),
        "locale": _("Language"),
        "roles": _("Roles"),
        "status": _("State"),
        "attributes": _("Data"),
        "everything": _("Everything"),
        "history": _("Who saw the data"),
    },
    "why": {
        "logout": _("Signed out"),
        "citizen": _("Ended by its owner"),
        "password_changed": _("The password changed"),
        "contact_changed": _("An address to sign in with was taken away"),
        "factor_reset": _("The second factor changed"),
        "staff": _("Ended by staff"),
        "disabled": _("The account was locked"),
        "superseded": _("A new session took its place"),
        "erasure_asked": _("The citizen asked to be erased"),
        "erased": _("The account was erased"),
        "restored": _("Restored from a copy"),
    },
    "word": OBJECTION_KINDS,
    "true": {"True": _("Yes"), "False": _("No")},
}
"""Field of an event → its words."""

OPERATORS: Final[Words] = {
    **REASONS,
    "lost": _("Lost"),
    "stolen": _("Stolen"),
    "broken": _("Broken"),
    "court-order": _("Order of a court"),
    "authority": _("Order of an authority"),
    "deceased": _("The citizen has died"),
    "duplicate": _("The same as another"),
    "mistake": _("Made by mistake"),
    "maintenance": _("Maintenance"),
    "retired": _("Not used any more"),
    "other": _("Another reason"),
    "restored": _("Restored from a copy"),
    "failover": _("Another database took over"),
}
"""Why an operator or staff did something."""

OF_KIND: Final[Mapping[tuple[str, str], Words]] = {
    ("reveal.asked", "reason"): REVEAL_REASONS,
    ("reveal.seen", "reason"): REVEAL_REASONS,
    ("search.person", "reason"): LOOKUP_REASONS,
    ("session.ended", "reason"): OPERATORS,
    ("token.revoked", "reason"): OPERATORS,
    ("account.changed", "reason"): OPERATORS,
    ("account.factor_removed", "reason"): OPERATORS,
    ("account.erased", "reason"): OPERATORS,
    ("client.removed", "reason"): OPERATORS,
    ("client.disabled", "reason"): OPERATORS,
    ("client.enabled", "reason"): OPERATORS,
    ("audit.accepted", "reason"): OPERATORS,
    ("account.contact_changed", "how"): {**VALUES["how"], "removed": _("Removed")},
    ("alert.raised", "rule"): RULE_TITLES,
    ("rule.changed", "rule"): RULE_TITLES,
    ("rule.changed", "reason"): RULE_REASONS,
    ("rule.written", "reason"): RULE_REASONS,
    ("rule.written", "kinds"): KINDS,
    ("rule.written", "group"): FIELDS,
    ("rule.written", "distinct"): FIELDS,
    ("account.factor_missing", "lacks"): {"second_factor": _("A second factor"), "passkey": _("A passkey")},
    ("session.throttled", "rule"): {
        "account": _("Too many tries at one account"),
        "factor": _("Too many tries at one second factor"),
        "address": _("Too many tries from one address"),
    },
    ("audit.purged", "group"): {
        "session": GROUPS["sign-in"],
        "account": GROUPS["accounts"],
        "erasure": _("Erasures"),
    },
    ("account.changed", "value"): {**ROLES, "active": _("Active"), "disabled": _("Locked")},
}
"""Kind and field → words, where a field means something else in another event."""

SEVERAL: Final = {
    "amr": METHODS,
    "scope": SCOPES,
    "fields": REVEAL_CHOICES,
    "value": ROLES,
    "roles": ROLES,
    "search": FIELDS,
}
"""Fields that name several at once."""


def event_words(kind: str, head: Mapping[str, Any]) -> LazyString | str:
    """What an event says in a few words; the kind itself for one that the house does not know."""
    lock = LOCKS.get(str(head.get("value"))) if (kind, head.get("what")) == ("account.changed", "status") else None
    return lock or KINDS.get(kind, kind)


def code_words(kind: str, name: str, value: str) -> LazyString | None:
    """What one code in field ``name`` of an event of ``kind`` says; None for an identifier, a number, or what has no words."""
    own = OF_KIND.get((kind, name)) or SEVERAL.get(name) or VALUES.get(name)
    if own is not None:
        return own.get(value)
    if name == "reason":
        return reason_words(value)
    return VALUES["true"].get(value)
