"""What is said once something is done: title and text, by a stable key. Lazy strings."""

from flask_babel import LazyString
from flask_babel import lazy_gettext as _

DONE: dict[str, tuple[LazyString, LazyString]] = {
    "account_created": (_("Your account is ready"), _("You are signed in.")),
    "password_changed": (_("Your password is changed"), _("All other devices are signed out.")),
    "factor_always": (
        _("You are asked for the second step at every sign-in"),
        _("Your password alone opens nothing any more. Keep your recovery codes: they help if you lose your phone."),
    ),
    "factor_eased": (
        _("“Ask for the second step at every sign-in” is turned off"),
        _("We still ask for it when a service wants it, and before your own account opens."),
    ),
    "factor_removed": (_("The authenticator app is removed"), _("Your account is protected by the password alone.")),
    "sessions_ended": (_("Signed out there"), _("The chosen devices are signed out.")),
    "withdrawn": (_("The authorization is withdrawn"), _("The service was told. It has to ask you again.")),
    "deletion_waits": (
        _("Your account will be deleted"),
        _("You are signed out everywhere. To keep your account, sign in before that day."),
    ),
    "kept": (_("Your account stays"), _("Its deletion was cancelled because you signed in.")),
}
"""Title and text of ``change_done.html``, by a stable key."""
_ELSEWHERE = _(
    "All other devices are signed out, and services lose their access until you use them again. We told the addresses that you had."
)
CONTACT_DONE: dict[str, tuple[LazyString, LazyString]] = {
    "added": (
        _("Your e-mail address or phone number is added"),
        _("You can sign in with it. We told the addresses that you had."),
    ),
    "confirmed": (
        _("Your e-mail address or phone number is confirmed"),
        _("Codes and notices can be sent there from now on."),
    ),
    "replaced": (_("Your e-mail address or phone number is changed"), _ELSEWHERE),
    "removed": (_("Your e-mail address or phone number is removed"), _ELSEWHERE),
}
"""The same of an e-mail address or phone number, by what became of it (``authn.contacts.How``)."""
