"""What is due next: each check by itself, their order, and the same reasons as errors of prompt=none."""

from typing import Any

import msgspec
import pytest

from idp.errors import Code
from idp.protocol.acr import ONE_FACTOR, TWO_FACTORS
from idp.protocol.claims_request import parse
from idp.protocol.interaction import (
    GRACE_S,
    Consent,
    CreateAccount,
    Deny,
    Facts,
    Issue,
    SelectAccount,
    SignIn,
    Step,
    StepUp,
    due,
    refusal,
    silently,
)
from idp.protocol.request import AuthorizeRequest

SECOND = 1_000_000
NOW = 1_767_225_600 * SECOND
ME, OTHER = b"m" * 16, b"o" * 16
PLAIN = AuthorizeRequest(
    client_id="tax", redirect_uri="https://rp.example/cb", response_mode="query", scope=("openid",)
)
IN = Facts(now=NOW, account_id=ME, acr=ONE_FACTOR, auth_at=NOW - 100 * SECOND, consent=None)
OUT = Facts(now=NOW)


def asking(**changes: Any) -> AuthorizeRequest:
    return msgspec.structs.replace(PLAIN, **changes)


def facts(**changes: Any) -> Facts:
    return msgspec.structs.replace(IN, **changes)


def prompting(*values: str) -> AuthorizeRequest:
    return asking(prompt=frozenset(values))


ESSENTIAL_2 = asking(claims=parse(f'{{"id_token": {{"acr": {{"essential": true, "values": ["{TWO_FACTORS}"]}}}}}}'))
ESSENTIAL_1 = asking(claims=parse(f'{{"id_token": {{"acr": {{"essential": true, "value": "{ONE_FACTOR}"}}}}}}'))
ESSENTIAL_X = asking(claims=parse('{"id_token": {"acr": {"essential": true, "values": ["urn:gold"]}}}'))
WISH_2 = asking(claims=parse(f'{{"id_token": {{"acr": {{"values": ["{TWO_FACTORS}"]}}}}}}'))


@pytest.mark.parametrize(
    ("request_", "known", "expected"),
    [
        # sessions
        (PLAIN, OUT, SignIn("no_session")),
        (PLAIN, IN, Issue(ONE_FACTOR)),
        # prompt=login (Core §3.1.2.1)
        (prompting("login"), IN, SignIn("prompt_login")),
        (prompting("login"), facts(fresh=True), Issue(ONE_FACTOR)),
        # max_age
        (asking(max_age=101), IN, Issue(ONE_FACTOR)),
        (asking(max_age=100), IN, SignIn("max_age")),
        (asking(max_age=0), facts(auth_at=NOW), SignIn("max_age")),
        (asking(max_age=0), facts(auth_at=NOW, fresh=True), Issue(ONE_FACTOR)),
        (asking(max_age=0), facts(auth_at=NOW - (GRACE_S - 1) * SECOND, fresh=True), Issue(ONE_FACTOR)),
        (asking(max_age=0), facts(auth_at=NOW - GRACE_S * SECOND, fresh=True), SignIn("max_age")),
        (asking(max_age=10_000), facts(auth_at=NOW + SECOND), Issue(ONE_FACTOR)),
        (asking(max_age=10_000), facts(auth_at=NOW + 3600 * SECOND), SignIn("max_age")),
        # hints
        (PLAIN, facts(expected=(ME, OTHER)), Issue(ONE_FACTOR)),
        (PLAIN, facts(expected=(OTHER,)), SignIn("other_account")),
        (PLAIN, facts(expected=()), SignIn("other_account")),
        (PLAIN, facts(expected=(OTHER,), fresh=True), Deny(Code.LOGIN_REQUIRED, "other_account")),
        # accounts
        (prompting("select_account"), IN, SelectAccount()),
        (prompting("select_account"), OUT, SignIn("no_session")),
        (prompting("select_account"), facts(selected=True), Issue(ONE_FACTOR)),
        (prompting("select_account"), facts(fresh=True), Issue(ONE_FACTOR)),
        (PLAIN, facts(switching=True), SignIn("switch")),
        (prompting("create"), OUT, CreateAccount()),
        (prompting("create"), IN, CreateAccount()),
        (prompting("create"), facts(fresh=True), Issue(ONE_FACTOR)),
        (prompting("create"), facts(switching=True), SignIn("switch")),
        (prompting("create"), Facts(now=NOW, switching=True), SignIn("no_session")),
        # second factor
        (PLAIN, facts(staff=True, factor=True), StepUp("staff")),
        (PLAIN, facts(staff=True), StepUp("staff", enrolled=False)),
        (PLAIN, facts(staff=True, acr=TWO_FACTORS), Issue(TWO_FACTORS)),
        (PLAIN, facts(second_factor_wanted=True, factor=True), StepUp("client")),
        (PLAIN, facts(second_factor_wanted=True), Issue(ONE_FACTOR)),
        (PLAIN, facts(second_factor_wanted=True, factor=True, acr=TWO_FACTORS), Issue(TWO_FACTORS)),
        (PLAIN, facts(factor_always=True, factor=True), StepUp("always")),
        (PLAIN, facts(factor_always=True), Issue(ONE_FACTOR)),
        (PLAIN, facts(factor_always=True, factor=True, acr=TWO_FACTORS), Issue(TWO_FACTORS)),
        (prompting("none"), facts(factor_always=True, factor=True), StepUp("always")),
        (prompting("login"), facts(factor_always=True, factor=True), SignIn("prompt_login")),
        (PLAIN, facts(consent="first", factor_always=True, factor=True), StepUp("always")),
        # acr
        (ESSENTIAL_2, facts(factor=True), StepUp("essential_acr")),
        (ESSENTIAL_2, IN, Deny(Code.UNMET_AUTHENTICATION_REQUIREMENTS, "acr_unmet")),
        (ESSENTIAL_2, facts(acr=TWO_FACTORS), Issue(TWO_FACTORS)),
        (ESSENTIAL_2, OUT, SignIn("no_session")),
        (ESSENTIAL_1, facts(acr=TWO_FACTORS), Issue(ONE_FACTOR)),
        (ESSENTIAL_X, OUT, Deny(Code.UNMET_AUTHENTICATION_REQUIREMENTS, "acr_unknown")),
        (ESSENTIAL_X, facts(acr=TWO_FACTORS), Deny(Code.UNMET_AUTHENTICATION_REQUIREMENTS, "acr_unknown")),
        (WISH_2, facts(factor=True), StepUp("acr_values")),
        (WISH_2, IN, Issue(ONE_FACTOR)),
        (asking(acr_values=(TWO_FACTORS,)), facts(factor=True), StepUp("acr_values")),
        (asking(acr_values=(TWO_FACTORS,)), IN, Issue(ONE_FACTOR)),
        (asking(acr_values=(TWO_FACTORS, ONE_FACTOR)), facts(factor=True), Issue(ONE_FACTOR)),
        (asking(acr_values=("urn:gold",)), facts(factor=True), Issue(ONE_FACTOR)),
        (asking(acr_values=(TWO_FACTORS,), prompt=frozenset({"none"})), facts(factor=True), Issue(ONE_FACTOR)),
        # consent
        (PLAIN, facts(consent="first"), Consent("first")),
        (prompting("login"), facts(consent="first"), SignIn("prompt_login")),
        (PLAIN, facts(consent="first", staff=True, factor=True), StepUp("staff")),
    ],
)
def test_core_3_1_2_3_and_4_the_first_check_that_asks_wins(
    request_: AuthorizeRequest, known: Facts, expected: Step
) -> None:
    assert due(request_, known) == expected


@pytest.mark.parametrize(
    ("step", "code"),
    [
        (SignIn("no_session"), "login_required"),
        (SignIn("max_age"), "login_required"),
        (SelectAccount(), "account_selection_required"),
        (CreateAccount(), "interaction_required"),
        (StepUp("client"), "interaction_required"),
        (Consent("changed"), "consent_required"),
    ],
)
def test_core_3_1_2_6_the_same_reason_is_the_error_of_prompt_none(
    step: SignIn | SelectAccount | CreateAccount | StepUp | Consent, code: str
) -> None:
    refused = silently(step)
    assert (refused.code.value, refused.reason) == (code, step.reason)


def test_error_texts_tell_nothing_about_the_person() -> None:
    assert refusal(Code.LOGIN_REQUIRED, "other_account").public == refusal(Code.LOGIN_REQUIRED, "no_session").public
