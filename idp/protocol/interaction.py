"""What is due next in an authorization: ordered, named checks over what is known; the first that asks for something wins.

The same answer, and the same reason, gives the page of an interactive request and the error of ``prompt=none`` (OpenID Connect Core §3.1.2.6).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from idp.errors import Code, Refusal
from idp.protocol import acr
from idp.protocol import second_factor as factor_rule
from idp.protocol.request import AuthorizeRequest

SECOND: Final = 1_000_000
GRACE_S: Final = 300
"""A sign-in made inside this interaction counts for ``max_age`` at least so long, so that reading the consent page doesn't ask again."""

SKEW_S: Final = 60
"""How far the clocks of two nodes may lie apart."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """Identifier and password. Reasons: no_session, prompt_login, max_age, other_account, switch."""

    reason: str


@dataclass(frozen=True, slots=True)
class SelectAccount:
    """Which account? (``prompt=select_account``)"""

    reason: str = "prompt_select_account"


@dataclass(frozen=True, slots=True)
class CreateAccount:
    """A new account first (``prompt=create``)."""

    reason: str = "prompt_create"


@dataclass(frozen=True, slots=True)
class StepUp:
    """The second factor. Reasons: those of ``second_factor.due``. ``enrolled`` False: there is none yet, and there must be."""

    reason: str
    enrolled: bool = True


@dataclass(frozen=True, slots=True)
class Consent:
    """The citizen's word. Reasons: first, changed, prompt_consent, not_remembered."""

    reason: str


@dataclass(frozen=True, slots=True)
class Deny:
    """An error to the client."""

    code: Code
    reason: str


@dataclass(frozen=True, slots=True)
class Issue:
    """Nothing more to ask. ``acr`` is what the client is told."""

    acr: str


Step = SignIn | SelectAccount | CreateAccount | StepUp | Consent | Deny | Issue


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known. Times in microseconds.

    ``account_id`` None: nobody is signed in. ``acr``, ``auth_at``: the session's. ``staff``: has a role. ``factor``: has a second factor;
    ``factor_always``: chose to be asked for it always; ``second_factor_wanted``: the client's registration. ``expected``: accounts that hints
    accept. ``fresh``: signed in within this interaction; ``selected``, ``switching``: its account page. ``consent``: the reason to ask for
    consent, None when it is given.
    """

    now: int
    account_id: bytes | None = None
    acr: str = ""
    auth_at: int = 0
    staff: bool = False
    factor: bool = False
    factor_always: bool = False
    second_factor_wanted: bool = False
    expected: tuple[bytes, ...] | None = None
    fresh: bool = False
    selected: bool = False
    switching: bool = False
    consent: str | None = "first"

    def __repr__(self) -> str:
        return "Facts(…)"


def essential_acr_possible(request: AuthorizeRequest, _: Facts) -> Step | None:
    """No level that we have would do (OIDC Core §5.5.1.1; Unmet Authentication Requirements §3)."""
    if not acr.obtainable(request.essential_acr, acr.TWO_FACTORS):
        return Deny(Code.UNMET_AUTHENTICATION_REQUIREMENTS, "acr_unknown")
    return None


def account_to_create(request: AuthorizeRequest, facts: Facts) -> Step | None:
    """Initiating User Registration §4; who signs in instead, or wants to, has answered it."""
    return CreateAccount() if "create" in request.prompt and not (facts.fresh or facts.switching) else None


def signed_in(_: AuthorizeRequest, facts: Facts) -> Step | None:
    """OIDC Core §3.1.2.3."""
    return SignIn("no_session") if facts.account_id is None else None


def no_other_wanted(_: AuthorizeRequest, facts: Facts) -> Step | None:
    """On the account page the citizen chose another account."""
    return SignIn("switch") if facts.switching else None


def expected_account(_: AuthorizeRequest, facts: Facts) -> Step | None:
    """``id_token_hint`` and a requested ``sub`` name this account (OIDC Core §3.1.2.1, §3.1.2.2): ask once, then refuse."""
    if facts.expected is None or facts.account_id in facts.expected:
        return None
    return Deny(Code.LOGIN_REQUIRED, "other_account") if facts.fresh else SignIn("other_account")


def prompt_login(request: AuthorizeRequest, facts: Facts) -> Step | None:
    """``prompt=login``: credentials again, whatever session there is (OIDC Core §3.1.2.1)."""
    return SignIn("prompt_login") if "login" in request.prompt and not facts.fresh else None


def young_enough(request: AuthorizeRequest, facts: Facts) -> Step | None:
    """``max_age``: the sign-in is younger (OIDC Core §3.1.2.1); 0 always asks."""
    if request.max_age is None:
        return None
    limit_s = max(request.max_age, GRACE_S) if facts.fresh else request.max_age
    return None if -SKEW_S * SECOND <= facts.now - facts.auth_at < limit_s * SECOND else SignIn("max_age")


def account_selected(request: AuthorizeRequest, facts: Facts) -> Step | None:
    """``prompt=select_account`` (OIDC Core §3.1.2.1); a sign-in here has chosen."""
    return SelectAccount() if "select_account" in request.prompt and not (facts.selected or facts.fresh) else None


def second_factor(request: AuthorizeRequest, facts: Facts) -> Step | None:
    """The role, the citizen's own choice, the client's registration or the request wants it."""
    holder = factor_rule.Holder(facts.staff, facts.factor, facts.factor_always)
    reason = factor_rule.due(facts.acr, holder, factor_wanted(request, facts.second_factor_wanted))
    return StepUp(reason, enrolled=facts.factor) if reason is not None else None


def factor_wanted(request: AuthorizeRequest, by_client: bool) -> factor_rule.Wanted:
    """Who wants a second factor in this request. ``acr_values`` is a wish, never an error: no page, no step up (OIDC Core §3.1.2.1)."""
    wish = () if request.silent else request.voluntary_acr
    return factor_rule.Wanted(client=by_client, essential=request.essential_acr, voluntary=wish)


def essential_acr(request: AuthorizeRequest, facts: Facts) -> Step | None:
    """One of the essential levels is reached, or the request fails: a factor that would reach it was asked for before (OIDC Core §5.5.1.1)."""
    if acr.holds(facts.acr, request.essential_acr):
        return None
    return Deny(Code.UNMET_AUTHENTICATION_REQUIREMENTS, "acr_unmet")


def consented(_: AuthorizeRequest, facts: Facts) -> Step | None:
    """OIDC Core §3.1.2.4."""
    return Consent(facts.consent) if facts.consent is not None else None


CHECKS: Final[tuple[Callable[[AuthorizeRequest, Facts], Step | None], ...]] = (
    essential_acr_possible,
    account_to_create,
    signed_in,
    no_other_wanted,
    account_selected,
    expected_account,
    prompt_login,
    young_enough,
    second_factor,
    essential_acr,
    consented,
)


def due(request: AuthorizeRequest, facts: Facts) -> Step:
    """The next step."""
    for check in CHECKS:
        step = check(request, facts)
        if step is not None:
            return step
    return Issue(acr.told(facts.acr, request.essential_acr or request.voluntary_acr))


_SILENT: Final[dict[type[Step], Code]] = {
    SignIn: Code.LOGIN_REQUIRED,
    SelectAccount: Code.ACCOUNT_SELECTION_REQUIRED,
    CreateAccount: Code.INTERACTION_REQUIRED,
    StepUp: Code.INTERACTION_REQUIRED,
    Consent: Code.CONSENT_REQUIRED,
}
_TEXT: Final[dict[Code, str]] = {
    Code.LOGIN_REQUIRED: "The person has to sign in.",
    Code.ACCOUNT_SELECTION_REQUIRED: "The person has to choose an account.",
    Code.INTERACTION_REQUIRED: "The person has to take another step.",
    Code.CONSENT_REQUIRED: "The person has to agree first.",
    Code.UNMET_AUTHENTICATION_REQUIREMENTS: "The requested authentication level is not met.",
    Code.ACCESS_DENIED: "The person did not agree.",
}


def refusal(code: Code, reason: str) -> Refusal:
    """A decision as the client's error; the text tells nothing about the person."""
    return Refusal(code, _TEXT[code], reason=reason)


def silently(step: SignIn | SelectAccount | CreateAccount | StepUp | Consent) -> Refusal:
    """What a page would have asked, as the error of ``prompt=none`` (OIDC Core §3.1.2.6)."""
    return refusal(_SILENT[type(step)], step.reason)
