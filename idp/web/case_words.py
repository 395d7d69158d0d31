"""Words of the staff's working rooms: origins and states of cases, how they end, steps, reveals. Lazy strings in the page's language."""

from flask_babel import LazyString
from flask_babel import lazy_gettext as _

ORIGINS: dict[str, LazyString] = {
    "alert": _("Alert"),
    "not_me": _("“This was not me”"),
    "object": _("Objection"),
    "event": _("Event"),
    "hand": _("By hand"),
}

CASE_STATES: dict[str, LazyString] = {
    "open": _("To be taken"),
    "assigned": _("In hand"),
    "closed": _("Closed"),
}

CASE_FILTERS: dict[str, LazyString] = {
    "open": _("Not closed"),
    "mine": _("Mine"),
    "closed": _("Closed"),
    "all": _("All"),
}

CASE_OUTCOMES: dict[str, LazyString] = {
    "handled": _("Dealt with"),
    "harmless": _("Harmless"),
    "duplicate": _("The same as another"),
    "upheld": _("The citizen was right, and we acted"),
    "explained": _("Nothing wrong, explained to the citizen"),
    "unfounded": _("What the citizen describes was not found"),
}

CASE_STEPS: dict[str, LazyString] = {
    "opened": _("opened the case"),
    "linked": _("put an event to it"),
    "assigned": _("assigned it"),
    "noted": _("wrote"),
    "asked": _("asked to see who it is"),
    "decided": _("decided about a request to see"),
    "approved": _("approved a request to see who it is"),
    "refused": _("refused a request to see who it is"),
    "closed": _("closed the case"),
    "reveal.seen": _("looked at what was revealed"),
    "objection.read": _("read the citizen's words"),
}

REVEAL_STATES: dict[str, LazyString] = {
    "waiting": _("Waits for a second person"),
    "approved": _("Approved"),
    "refused": _("Refused"),
    "ended": _("Ended with the case"),
    "over": _("Over"),
}

REVEAL_CHOICES: dict[str, LazyString] = {
    "identifiers": _("What they sign in with"),
    "name": _("Name"),
    "email": _("E-mail"),
    "phone_number": _("Phone number"),
    "address": _("Postal address"),
    "birthdate": _("Date of birth"),
    "places": _("Addresses and devices where they are signed in"),
}

SEVERITIES: dict[str, LazyString] = {
    "low": _("Low"),
    "medium": _("Medium"),
    "high": _("High"),
}

CASE_ERRORS: dict[str, LazyString] = {
    "words_missing": _("Write what you found or did"),
    "words_long": _("Write at most 2000 characters"),
    "case_outcome": _("Choose an outcome"),
    "case_assignee": _("Choose a member of staff"),
    "case_conflict": _("Somebody changed this meanwhile. Look at it as it is now, then try again"),
    "case_gone": _("The person was erased: nothing more is written about them"),
    "case_events": _("A case names at most fifty events"),
    "unknown_event": _("There is no such event in the log"),
    "reveal_fields": _("Choose what you need to see"),
    "reveal_words": _("Say in at most 500 characters why you need it"),
    "reveal_asked": _("There is nobody to see, or the case is closed"),
    "reveal_many": _("Very many of your requests wait already"),
    "reveal_over": _("The request is over, or was decided already"),
    "reveal_own": _("Another member of staff must decide about your request"),
    "exchange_conflict": _("The exchange was decided already"),
    "exchange_key": _("The receiving client has no key to encrypt to"),
    "no_open_alert": _("This alert was acknowledged already"),
    "rule_numbers": _("Enter whole numbers: 1 to 1000000 events within 1 second to 7 days"),
    "rule_count": _("Enter a whole number of events, 1 to 1000000"),
    "rule_within": _("Enter a whole number with its unit (s, min, h or d), 1 second to 7 days"),
    "rule_group": _("Choose at most four"),
    "rule_distinct": _("Choose something else than what it is counted for"),
    "rule_name": _("Enter a name of at most 60 letters, digits and hyphens"),
    "rule_taken": _("There is a rule of this name already"),
    "rule_full": _("There are a hundred rules of the console already. Write more into the file"),
    "rule_about": _("Say in at most 300 characters what it means"),
    "rule_reason": _("Choose a reason"),
    "rule_search": _(
        "No rule can look for this. Search by what happened, outcome, client, person, staff, session, grant or reference"
    ),
}
"""By reason of a Refusal, and by the words of the forms."""

RULE_TITLES: dict[str, LazyString] = {
    "guessing-at-many-accounts": _("Guessing at many accounts"),
    "names-tried-that-are-nobodys": _("Names tried that nobody has"),
    "one-address-many-names": _("One address, many names"),
    "guessing-at-one-account": _("Guessing at one account"),
    "second-factor-guessed-at": _("Second factor guessed at"),
    "code-replayed": _("Code came a second time"),
    "refresh-token-reused": _("Used refresh token came again"),
    "client-credentials-guessed": _("A client's secret guessed at"),
    "burst-of-releases": _("Burst of releases"),
    "one-citizen-read-often": _("One citizen read often"),
    "factors-removed": _("Second factors removed"),
    "key-activated-in-an-emergency": _("Key activated in an emergency"),
    "log-taken-away": _("Log exported"),
    "log-not-whole": _("Log not whole"),
    "witness-disagrees": _("Witness disagrees"),
    "one-address-many-accounts": _("One address, many accounts"),
    "one-network-many-failures": _("One network, many failures"),
    "one-address-many-clients": _("One address, many clients"),
    "account-from-many-blocks": _("Account signs in from far apart"),
    "impossible-travel": _("Impossible travel"),
    "releases-outside-working-hours": _("Releases outside working hours"),
    "staff-without-second-factor": _("Staff without a second factor"),
    "staff-made": _("Staff made or removed"),
    "log-behind": _("Log behind"),
}
"""Names of the rules that come with the product; another rule is shown by its own name."""

RULE_REASONS: dict[str, LazyString] = {
    "incident": _("Something happened"),
    "gap": _("Something was not noticed"),
    "noise": _("Too many alerts about nothing"),
    "trial": _("To try it out"),
}
"""By the words of ``idp.audit.rule_draft.REASONS``."""

STARTER_RULES: dict[str, LazyString] = {
    "guessing-at-many-accounts": _(
        "Wrong passwords at many accounts in a short time: a list of passwords or of stolen credentials is being tried."
    ),
    "names-tried-that-are-nobodys": _("Many names that no account has: a list from elsewhere is being tried."),
    "one-address-many-names": _("Addresses that try many names were slowed down, again and again."),
    "guessing-at-one-account": _("Many wrong passwords at one account."),
    "second-factor-guessed-at": _("Many wrong one-time codes at one account: whoever tries knows the password."),
    "code-replayed": _(
        "An authorization code came twice with its owner's full proof: it was stolen on its way, or the client is broken."
    ),
    "refresh-token-reused": _("A used refresh token came again: the family was ended, one of two holders is a thief."),
    "client-credentials-guessed": _("A client's secret is being guessed, or its configuration is wrong."),
    "burst-of-releases": _("One department's client takes personal data far faster than citizens come."),
    "one-citizen-read-often": _("One citizen's data is released again and again."),
    "factors-removed": _(
        "Second factors of several accounts were removed: a help desk is being talked into it, or an insider is at work."
    ),
    "key-activated-in-an-emergency": _("A signing key was activated before its time."),
    "log-taken-away": _("The audit log was exported."),
    "log-not-whole": _(
        "The audit log is not what was signed and remembered. It is told at once, also while the log stands still and while this rule is off."
    ),
    "witness-disagrees": _("A witness saw another log of our name."),
    "one-address-many-accounts": _(
        "One address fails at many accounts: passwords are being sprayed, or stolen ones tried."
    ),
    "one-network-many-failures": _(
        "Neighbouring addresses fail again and again, each seldom enough not to be slowed down."
    ),
    "one-address-many-clients": _("One address is refused as many different clients: secrets are being tried."),
    "account-from-many-blocks": _(
        "One account signs in from networks far apart within an hour: it may be shared or stolen. Somebody on the move meets it too."
    ),
    "impossible-travel": _(
        "One account signed in from two places, too far apart for the time between: two people use it. VPNs and roaming phones meet it too."
    ),
    "releases-outside-working-hours": _("A client takes much personal data at night or at the weekend."),
    "staff-without-second-factor": _(
        "A member of staff has had no second factor for a day or more: nothing but a password stands before the role."
    ),
    "staff-made": _("Somebody's roles changed: they became staff, or are none any more."),
    "log-behind": _(
        "Events got their leaf, or were looked at, over a minute after they happened: the sequencer or the watch lags or stood still."
    ),
}
"""What the rules that come with the product mean; a rule of another file is shown in that file's words."""
