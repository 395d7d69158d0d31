"""The checks of an authorization request, one by one: stage A (who and where), stage B (what)."""

import msgspec
import pytest

from clients.model import Client
from idp.errors import Refusal
from idp.protocol import authorize as law
from idp.protocol.params import Params, parse

CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # RFC 7636 appendix B
CLIENT = Client(
    client_id="tax",
    department_id="d",
    sector_id=b"s" * 16,
    created_at=0,
    redirect_uris=("https://rp.example/cb", "https://rp.example/cb?x=1"),
    scope=("openid", "profile", "email"),
    grant_types=("authorization_code",),
)
GOOD = {
    "client_id": "tax",
    "redirect_uri": "https://rp.example/cb",
    "response_type": "code",
    "scope": "openid profile",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


def client(**changes: object) -> Client:
    return msgspec.structs.replace(CLIENT, **changes)


def params(**changes: str | None) -> Params:
    return Params([(name, value) for name, value in {**GOOD, **changes}.items() if value is not None])


def refusal_of(asked: Params, of: Client = CLIENT) -> tuple[str, str]:
    with pytest.raises(Refusal) as refused:
        law.what(asked, of, "https://rp.example/cb")
    return refused.value.code.value, refused.value.reason


# Stage A ----------------------------------------------------------------------------------------------------------------


def test_rfc6749_4_1_2_1_the_client_is_known_and_not_disabled() -> None:
    assert law.known_client(CLIENT) is CLIENT
    for found, reason in ((None, "unknown_client"), (client(status="disabled"), "client_disabled")):
        with pytest.raises(Refusal) as refused:
            law.known_client(found)
        assert refused.value.reason == reason


@pytest.mark.parametrize("query", ["", "client_id=", "client_id=a&client_id=a", "client_id=a&client_id=b"])
def test_rfc6749_3_1_client_id_is_there_once(query: str) -> None:
    with pytest.raises(Refusal) as refused:
        law.client_id(parse(query))
    assert refused.value.code == "invalid_request"


@pytest.mark.parametrize("uri", ["https://rp.example/cb", "https://rp.example/cb?x=1"])
def test_rfc9700_2_1_a_registered_redirect_uri_matches_byte_for_byte(uri: str) -> None:
    assert law.redirect_uri(params(redirect_uri=uri), CLIENT) == uri


@pytest.mark.parametrize(
    "uri", [None, "https://rp.example/cb/", "https://RP.example/cb", "https://rp.example/cb?x=1&y=2", "x"]
)
def test_core_3_1_2_1_redirect_uri_is_there_and_registered(uri: str | None) -> None:
    with pytest.raises(Refusal):
        law.redirect_uri(params(redirect_uri=uri), CLIENT)


def test_rfc9101_5_request_and_request_uri_exclude_each_other() -> None:
    with pytest.raises(Refusal) as refused:
        law.one_carrier(params(request="x", request_uri="y"))
    assert refused.value.code == "invalid_request"


def test_rfc9101_10_5_a_client_that_signs_its_requests_sends_no_plain_ones() -> None:
    signing = client(require_signed_request_object=True)
    with pytest.raises(Refusal) as refused:
        law.signed_where_required(params(), signing)
    assert refused.value.code == "invalid_request_object"
    law.signed_where_required(params(request="x"), signing)
    law.signed_where_required(params(), CLIENT)


@pytest.mark.parametrize(
    ("asked", "mode"),
    [
        ({}, "query"),
        ({"response_mode": "fragment"}, "fragment"),
        ({"response_mode": "form_post"}, "form_post"),
        ({"response_mode": "web_message"}, "query"),
        ({"response_type": "id_token token"}, "fragment"),
        ({"response_type": "code token", "response_mode": "query"}, "query"),
        ({"response_type": None}, "query"),
    ],
)
def test_multiple_response_types_5_an_error_travels_as_asked_else_by_the_default(
    asked: dict[str, str], mode: str
) -> None:
    assert law.response_mode_of_errors(params(**asked)) == mode


# Stage B ----------------------------------------------------------------------------------------------------------------


def test_a_good_request_is_read_whole() -> None:
    asked = law.what(
        params(
            state="s",
            nonce="n",
            prompt="login consent",
            max_age="0",
            acr_values="urn:a urn:b",
            login_hint="li.wei",
            ui_locales="zh en",
            claims='{"userinfo": {"email": null}}',
            display="touch",
            unknown="ignored",
        ),
        CLIENT,
        "https://rp.example/cb",
    )
    assert asked.scope == ("openid", "profile")
    assert (asked.state, asked.nonce, asked.max_age, asked.response_mode) == ("s", "n", 0, "query")
    assert asked.prompt == {"login", "consent"}
    assert asked.acr_values == ("urn:a", "urn:b")
    assert asked.code_challenge == CHALLENGE
    assert "email" in asked.claims.userinfo
    assert "li.wei" not in repr(asked)


@pytest.mark.parametrize(
    ("changes", "code", "reason"),
    [
        ({"registration": "{}"}, "registration_not_supported", "registration_parameter"),
        ({"request_uri": "https://rp.example/request.jwt"}, "request_uri_not_supported", "request_uri_foreign"),
        ({"response_type": None}, "invalid_request", "response_type_missing"),
        ({"response_type": "token"}, "unsupported_response_type", "response_type_unsupported"),
        ({"response_type": "code id_token"}, "unsupported_response_type", "response_type_unsupported"),
        ({"response_type": "none"}, "unsupported_response_type", "response_type_unsupported"),
        ({"response_type": "CODE"}, "unsupported_response_type", "response_type_unsupported"),
        ({"response_mode": "web_message"}, "invalid_request", "response_mode_unsupported"),
        ({"scope": None}, "invalid_scope", "scope_without_openid"),
        ({"scope": "profile"}, "invalid_scope", "scope_without_openid"),
        ({"scope": "openid phone"}, "invalid_scope", "scope_not_registered"),
        ({"scope": 'openid "x"'}, "invalid_scope", "scope_malformed"),
        ({"scope": "openid  email"}, "invalid_scope", "scope_malformed"),
        ({"scope": "openid " + " ".join(f"s{i}" for i in range(100))}, "invalid_request", "scope_too_long"),
        ({"scope": "openid " + "s" * 4096}, "invalid_request", "scope_too_long"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request", "pkce_missing"),
        ({"code_challenge": None}, "invalid_request", "pkce_missing"),
        ({"code_challenge_method": None}, "invalid_request", "pkce_method"),
        ({"code_challenge_method": "plain"}, "invalid_request", "pkce_method"),
        ({"code_challenge_method": "s256"}, "invalid_request", "pkce_method"),
        ({"code_challenge": CHALLENGE + "="}, "invalid_request", "pkce_malformed"),
        ({"code_challenge": CHALLENGE[:-1]}, "invalid_request", "pkce_malformed"),
        ({"code_challenge": CHALLENGE[:-1] + "\n"}, "invalid_request", "pkce_malformed"),
        ({"prompt": "none login"}, "invalid_request", "prompt_none_with_others"),
        ({"prompt": "shout"}, "invalid_request", "prompt_unknown"),
        ({"max_age": "-1"}, "invalid_request", "max_age_malformed"),
        ({"max_age": "1.5"}, "invalid_request", "max_age_malformed"),
        ({"max_age": "+1"}, "invalid_request", "max_age_malformed"),
        ({"max_age": "１"}, "invalid_request", "max_age_malformed"),
        ({"max_age": "9" * 11}, "invalid_request", "max_age_malformed"),
        ({"claims": "{"}, "invalid_request", "claims_malformed"),
    ],
)
def test_each_check_refuses_with_its_registered_code(changes: dict[str, str | None], code: str, reason: str) -> None:
    assert refusal_of(params(**changes)) == (code, reason)


@pytest.mark.parametrize("name", ["state", "scope", "nonce", "response_type", "code_challenge", "prompt", "unknown"])
def test_rfc6749_3_1_no_parameter_twice(name: str) -> None:
    twice = Params([*GOOD.items(), (name, "a"), (name, "a")])
    assert refusal_of(twice) == ("invalid_request", "repeated_parameter")


@pytest.mark.parametrize("name", ["response_type", "scope", "prompt"])
def test_rfc6749_3_1_a_parameter_without_a_value_counts_as_omitted(name: str) -> None:
    assert parse(f"{name}=&a=b").one(name) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"response_types": ()}, "response_type_unregistered"),
        ({"grant_types": ("client_credentials",)}, "response_type_unregistered"),
    ],
)
def test_rfc6749_4_1_2_1_the_client_is_registered_for_the_code_flow(changes: dict[str, object], reason: str) -> None:
    assert refusal_of(params(), client(**changes)) == ("unauthorized_client", reason)


def test_rfc7591_2_a_client_keeps_to_its_response_modes() -> None:
    strict = client(response_modes=("form_post",))
    assert refusal_of(params(response_mode="fragment"), strict) == ("invalid_request", "response_mode_unregistered")
    assert law.what(params(response_mode="form_post"), strict, "x").response_mode == "form_post"


@pytest.mark.parametrize(
    ("asked", "granted"), [("openid future", ("openid",)), ("openid email openid", ("openid", "email"))]
)
def test_core_3_1_2_1_unknown_scopes_are_ignored_and_doubles_count_once(asked: str, granted: tuple[str, ...]) -> None:
    assert law.what(params(scope=asked), CLIENT, "x").scope == granted


def test_core_11_offline_access_is_ignored_where_no_refresh_token_can_follow() -> None:
    offline = client(scope=("openid", "offline_access"))
    assert law.what(params(scope="openid offline_access"), offline, "x").scope == ("openid",)
    assert law.what(params(scope="openid offline_access"), CLIENT, "x").scope == ("openid",)
    refreshing = client(scope=("openid", "offline_access"), grant_types=("authorization_code", "refresh_token"))
    assert law.what(params(scope="openid offline_access"), refreshing, "x").scope == ("openid", "offline_access")


def test_rfc9700_2_1_1_only_a_confidential_client_may_be_freed_of_pkce() -> None:
    without = params(code_challenge=None, code_challenge_method=None)
    assert law.what(without, client(require_pkce=False), "x").code_challenge is None
    public = client(require_pkce=False, token_endpoint_auth_method="none")
    assert refusal_of(without, public) == ("invalid_request", "pkce_missing")


def test_registration_2_defaults_of_the_client_stand_in_for_what_is_not_asked() -> None:
    strict = client(default_max_age=60, default_acr_values=("urn:b",))
    assert law.what(params(), strict, "x").max_age == 60
    assert law.what(params(max_age="10"), strict, "x").max_age == 10
    assert law.what(params(), strict, "x").acr_values == ("urn:b",)
    assert law.what(params(acr_values="urn:a"), strict, "x").acr_values == ("urn:a",)


@pytest.mark.parametrize(
    ("always", "own", "was_pushed", "refused"),
    [(False, False, False, False), (True, False, False, True), (False, True, False, True), (True, True, True, False)],
)
def test_rfc9126_5_6_pushing_can_be_required_of_one_client_or_of_all(
    always: bool, own: bool, was_pushed: bool, refused: bool
) -> None:
    of = client(require_pushed_authorization_requests=own)
    if not refused:
        law.pushed_where_required(of, always=always, was_pushed=was_pushed)
        return
    with pytest.raises(Refusal) as no:
        law.pushed_where_required(of, always=always, was_pushed=was_pushed)
    assert no.value.code == "invalid_request"
