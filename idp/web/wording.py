"""Plain words for what the protocol names: claims, scopes, problems, form errors. Lazy strings: they speak the language of the page.

Every text that a citizen may meet and that is not in a template stands here, so that both languages stay complete. Looked up by a
stable key; an unknown key is a programming error and raises KeyError.
"""

from typing import NamedTuple

from flask_babel import LazyString
from flask_babel import lazy_gettext as _

from idp.web.spans import wait_words


class Problem(NamedTuple):
    """What an error page says: a heading, what happened, what the citizen can do."""

    title: LazyString
    happened: LazyString
    todo: tuple[LazyString, ...]


CLAIMS: dict[str, LazyString] = {
    "name": _("Full name"),
    "family_name": _("Family name"),
    "given_name": _("Given name"),
    "middle_name": _("Middle name"),
    "nickname": _("Nickname"),
    "preferred_username": _("Preferred name for display"),
    "profile": _("Address of your profile page"),
    "picture": _("Portrait picture"),
    "website": _("Address of your website"),
    "gender": _("Gender"),
    "birthdate": _("Date of birth"),
    "zoneinfo": _("Time zone"),
    "locale": _("Preferred language"),
    "updated_at": _("When your information last changed"),
    "email": _("E-mail address"),
    "email_verified": _("Whether your e-mail address is confirmed"),
    "phone_number": _("Phone number"),
    "phone_number_verified": _("Whether your phone number is confirmed"),
    "address": _("Postal address"),
}
"""OpenID Connect Core §5.1, without ``sub``, which every service learns (see :data:`ALWAYS`)."""

SCOPES: dict[str, LazyString] = {
    "openid": _("Know that it is you"),
    "profile": _("Your name and other basic information"),
    "email": _("Your e-mail address"),
    "phone": _("Your phone number"),
    "address": _("Your postal address"),
    "offline_access": _("Access while you are away"),
}
"""OpenID Connect Core §5.4 and §11."""

ALWAYS: tuple[LazyString, ...] = (
    _("A number that stands for you at this department only. Other departments see another one."),
    _("That you have signed in, and how strongly you were checked."),
)

WORDS: dict[str, LazyString] = {
    "true": _("Yes"),
    "false": _("No"),
    "male": _("Male"),
    "female": _("Female"),
    "single": _("Single"),
    "married": _("Married"),
    "widowed": _("Widowed"),
    "divorced": _("Divorced"),
    "unstated": _("Not stated"),
}
"""Values that are words: how a boolean, a gender or a marital status is shown."""

LASTS: dict[str, LazyString] = {
    "lasting": _("Until I withdraw it"),
    "year": _("For one year"),
    "once": _("Only this time"),
}
"""How long a consent may last."""

CHANGES: dict[str, LazyString] = {
    "department": _("Department"),
    "titles.zh": _("Title in Chinese"),
    "titles.en": _("Title in English"),
    "purposes.zh": _("Purpose in Chinese"),
    "purposes.en": _("Purpose in English"),
    "retention_days": _("Days that the department keeps it"),
}
"""What can differ between two versions of a service item, besides the attributes that it needs."""

SOURCES: dict[str, LazyString] = {
    "self": _("Stated by you"),
    "staff": _("Entered by our staff"),
    "sample": _("Sample data"),
}
"""Where a value comes from; another word is the name of an outside source."""

VERIFIED: dict[bool, LazyString] = {
    True: _("The service is also told who stands for this and since when."),
    False: _("You stated this yourself, so the service is not told it as confirmed."),
}
"""Of what is asked for as verified: whether somebody else than the citizen stands for the value."""

_BACK = _("Go back to the service that you came from and start again.")
_HELP = _("If it happens again, tell the service the reference code below.")
LATER = _("Try again in a few minutes.")
"""Where it is known how long, :func:`again_in` is said instead."""

PROBLEMS: dict[str, Problem] = {
    "bad_request": Problem(
        _("This request cannot be used"),
        _("The service sent a request that is incomplete or wrong. Nothing about you was shared."),
        (_BACK, _HELP),
    ),
    "staff_address": Problem(
        _("The address of this page can't be read"),
        _("A part of the address or of the form is not text, or was given twice. Nothing was looked for."),
        (_("Go to the console's overview and search from there."),),
    ),
    "own_expired": Problem(
        _("This form is too old"),
        _("It was made for another sign-in, or too long ago. Nothing was changed."),
        (_("Load the page again, look at it as it is now, and send the form once more."),),
    ),
    "own_form": Problem(
        _("This form cannot be used"),
        _("A part of what was sent is missing or is not one of the choices offered. Nothing was changed."),
        (_("Load the page again and choose from what it offers."),),
    ),
    "staff_not_found": Problem(
        _("There is no such page in the console"),
        _("The address may be mistyped, or what it named is not there any more. Events are never removed."),
        (
            _("Check the address."),
            _("Search for the reference code, pseudonym or number with the field at the top of the page."),
        ),
    ),
    "staff_forbidden": Problem(
        _("Your role does not open this page"),
        _("The console opens each page to certain roles, and only after a sign-in with a second factor."),
        (
            _("Go on with the pages that your role opens."),
            _("If you need this page, ask whoever gives out the roles."),
        ),
    ),
    "unknown_client": Problem(
        _("This service is not registered"),
        _("A service that we do not know asked you to sign in. Nothing about you was shared."),
        (_("Check that you followed a link from an official page."), _HELP),
    ),
    "redirect_uri": Problem(
        _("This service cannot be reached safely"),
        _("The service asked us to send you to an address that is not registered. We have not sent you there."),
        (_BACK, _HELP),
    ),
    "client_disabled": Problem(
        _("This service is paused"),
        _("The service is not allowed to use this sign-in at present."),
        (_("Ask the department that runs it."),),
    ),
    "client_gone": Problem(
        _("This service is not registered any more"),
        _("It was removed, so it can't use this sign-in any more. Nothing was shared with it just now."),
        (_("Look for the service on an official page of its department."), _HELP),
    ),
    "expired": Problem(
        _("This page is too old"),
        _("You took longer than we may wait, or you have already finished this step."),
        (_BACK,),
    ),
    "expired_alone": Problem(
        _("This page is too old"),
        _("You took longer than we may wait, or you have already finished this step."),
        (_("Start again from the beginning."),),
    ),
    "staff_link": Problem(
        _("This page is too old"),
        _("The link that led here was used, or is older than we accept."),
        (_("Ask whoever gave you the link for another one."),),
    ),
    "used": Problem(
        _("This step is already done"),
        _("You have already finished this step, perhaps in another tab or with the back button."),
        (_BACK,),
    ),
    "cookies": Problem(
        _("Your browser did not send our cookie"),
        _("We need one cookie to know that all steps come from the same browser."),
        (_("Allow cookies for this site, then start again."), _("Use the same browser for every step.")),
    ),
    "cookies_lost": Problem(
        _("We can't read the cookies of your browser"),
        _(
            "Another website of the same domain set a cookie that makes all of them unreadable for us. Nobody can sign in like this."
        ),
        (
            _("Delete the cookies here. You may have to sign in again at other websites of the same domain."),
            _("Or delete that website's cookies in the settings of your browser."),
        ),
    ),
    "cookies_deleted": Problem(
        _("Your browser was asked to delete the cookies"),
        _("If you see the same message again, delete the cookies of this website in the settings of your browser."),
        (_("Go back to the service that you came from, or to our start page, and sign in again."),),
    ),
    "enrolled": Problem(
        _("Your authenticator app is set up"),
        _("The form was sent twice. The recovery codes were in the first answer and are not shown again."),
        (
            _("If you kept them, there is nothing to do."),
            _(
                "If you did not see them, sign in with the app. Then make new recovery codes, which take the place of those."
            ),
        ),
    ),
    "forbidden": Problem(
        _("You may not see this page"),
        _("Your account does not have the role that this page needs."),
        (_("Sign in with another account."),),
    ),
    "not_found": Problem(
        _("There is no such page"),
        _("The address may be mistyped, or the page has moved."),
        (_("Check the address."), _("Start from our home page.")),
    ),
    "method": Problem(
        _("This page cannot be used that way"),
        _("The address exists, but not for this kind of request."),
        (_("Start from our home page."),),
    ),
    "too_large": Problem(
        _("This request is too large"),
        _("What was sent is larger than we accept."),
        (_BACK,),
    ),
    "too_many": Problem(
        _("Too many attempts"),
        _("To protect accounts we answer only so many attempts in a time."),
        (LATER,),
    ),
    "flood": Problem(
        _("Too many requests from your network"),
        _("More requests came from your address than we can keep. Others may share it with you."),
        (LATER, _HELP),
    ),
    "server": Problem(
        _("Something went wrong on our side"),
        _("We could not finish what you asked for."),
        (LATER, _HELP),
    ),
    "unavailable": Problem(
        _("Not available just now"),
        _("A part that we depend on does not answer, so we stopped to be safe."),
        (LATER, _HELP),
    ),
    "account_disabled": Problem(
        _("This account cannot be used"),
        _("The account is suspended or closed."),
        (_("Contact the office that serves you and bring proof of who you are."),),
    ),
}

FIELD_ERRORS: dict[str, LazyString] = {
    "identifier_missing": _("Enter your account name, e-mail address or mobile number"),
    "identifier_invalid": _("Enter an e-mail address like name@example.cn, or a mobile number"),
    "contact_missing": _("Enter an e-mail address or mobile number"),
    "contact_own": _("This is confirmed for your account already"),
    "contact_many": _("You have ten already. Remove one first"),
    "contact_last": _("You can't remove this one yet. First add another one and enter the code that we send there"),
    "identifier_taken": _("This belongs to another account already"),
    "name_invalid": _("Enter a name of at most 80 characters"),
    "password_missing": _("Enter your password"),
    "password_new_missing": _("Enter a new password"),
    "credentials": _("The account or the password is not right"),
    "password_wrong": _("This is not your present password"),
    "password_short": _("The password is too short"),
    "password_long": _("The password is too long"),
    "password_weak": _("This password is easy to guess. Choose one that is longer or less common"),
    "password_breached": _("This password is in a list of stolen passwords. Choose another one"),
    "password_same": _("The new password must differ from the present one"),
    "password_personal": _("The password must not contain your name, e-mail address or phone number"),
    "password_differs": _("The two passwords are not the same"),
    "code_missing": _("Enter the code"),
    "code_wrong": _("This code is not right. Check it and try again"),
    "sent_code_wrong": _("This code is not right. If several messages came, use the code of the newest"),
    "code_expired": _("This code is too old. Ask for a new one"),
    "code_used": _("This code was used already. Wait for the next one"),
    "recovery_wrong": _("This recovery code is not right, or was used already"),
    "code_spent": _("This code was tried too often. Have a new one sent"),
    "busy": _("Very many people are signing in. Try again in a moment"),
    "saved_missing": _("Confirm that you have kept the codes"),
    "no_client_key": _(
        "This item needs sensitive information, and no service of the department can receive it encrypted yet"
    ),
    "draft_changed": _("This draft changed or was decided meanwhile. Look at it again"),
    "form_expired": _("This form is too old. Please send it again"),
    "date_invalid": _("Enter a day like 2026-11-23"),
    "objection_kind": _("Choose what is wrong"),
    "words_missing": _("Say in your words what you object to"),
    "words_long": _("Enter at most 2000 characters"),
    "value_characters": _(
        "This contains a character that can't be shown, such as a control character or one of a private font. Leave it out"
    ),
    "value_text": _("Enter at most 200 characters in one line"),
    "value_url": _("Enter an address that begins with https://"),
    "value_zone": _("Enter a time zone like Asia/Shanghai"),
    "value_language": _("Enter a language like zh-CN or en"),
    "delete_sure": _("Confirm that you want this"),
}
"""Messages for :func:`idp.web.theme.render`'s ``errors``, by a stable key."""


def again_in(seconds: int) -> LazyString:
    """What can be done about a refusal that ends by itself."""
    return _("Try again in about %(time)s.", time=LazyString(wait_words, seconds))


def too_many(seconds: int, rule: str = "") -> LazyString:
    """The message of a form that was tried too often, whoever was meant; by the ``rule`` of its refusal where that says more."""
    time = LazyString(wait_words, seconds)
    if rule == "codes":
        return _("You have asked for ten codes within an hour. You can ask for another in about %(time)s", time=time)
    return _("Too many attempts. Try again in about %(time)s", time=time)


GO_ON: LazyString = _("Go on")

TOLD_KINDS: dict[str, LazyString] = {
    "attributes.released": _("Your information was told"),
    "consent.given": _("You gave an authorization"),
    "consent.informed": _("You were informed of what the law orders"),
    "consent.denied": _("You refused an authorization"),
    "consent.withdrawn": _("You withdrew an authorization"),
    "identifier.exchanged": _("Two services were allowed to match their records about you"),
    "reveal.seen": _("Security staff looked at your data"),
}
"""What a line of *Who saw my data* is about, by the event's kind."""

TOLD_REASONS: dict[str, LazyString] = {
    "attributes.released": _("You authorized it"),
    "consent.given": _("The service asked for it and you allowed it"),
    "consent.informed": _("The law orders it"),
    "consent.denied": _("The service asked for it and you cancelled"),
    "consent.withdrawn": _("You took it back"),
    "identifier.exchanged": _("An exchange between two departments that we approved"),
}

REVEAL_REASONS: dict[str, LazyString] = {
    "takeover": _("Somebody else may have used the account"),
    "objection": _("To answer an objection"),
    "misuse": _("A service or an account may have been misused"),
    "contact": _("The person must be reached"),
    "order": _("An authority ordered it by law"),
}
"""Why security staff asked to see who somebody is; citizens read the same words."""

REVEAL_FIELDS: dict[str, LazyString] = {
    "identifiers": _("Names, addresses and numbers that you sign in with"),
    "places": _("Addresses and devices where you are signed in"),
}
"""What staff may see beside claims, by the words of ``flows.reveals.FIELDS``."""

STAFF = _("Security staff")

TOLD_BY_LAW: dict[bool, LazyString] = {
    True: _("The law orders it"),
    False: _("Some of it the law orders, the rest you authorized"),
}
"""Why something was told for an item with a statutory basis: all of it, or a part."""

TOLD_WAYS: dict[str, LazyString] = {
    "userinfo": _("The service asked our server for it"),
    "id_token": _("It was in the proof of your sign-in"),
}
"""By which way something was told, by the event's ``via``."""

TOLD_HEADS: tuple[LazyString, ...] = (
    _("When"),
    _("Event"),
    _("Department"),
    _("Service"),
    _("Service item"),
    _("What"),
    _("Why"),
    _("By which way"),
    _("In the log"),
)
IN_LOG: dict[bool, LazyString] = {True: _("Yes"), False: _("Not yet in the log")}

OBJECTION_KINDS: dict[str, LazyString] = {
    "not_me": _("This was not me"),
    "object": _("I object to this use of my data"),
}

OBJECTION_OUTCOMES: dict[str, LazyString] = {
    "upheld": _("You were right, and we acted"),
    "explained": _("We found nothing wrong, and explain it"),
    "unfounded": _("We could not find what you describe"),
}

KEEPERS: dict[str, LazyString] = {
    "self": _("You said so yourself; no office confirmed it"),
    "staff": _("The office that registered you"),
    "sample": _("Sample data of the demonstration"),
    "police": _("The police's household register"),
    "civil-affairs": _("The civil affairs bureau"),
    "social-security": _("The social security bureau"),
}
"""Whom to ask about a value, by its source; another source is shown under its own name."""
