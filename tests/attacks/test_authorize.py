"""Attacks on the authorization request and its redirect URI."""

from typing import Any
from urllib.parse import urlencode

import pytest
from werkzeug.test import Client as Browser

from idp.ports import Update
from idp.records import Account, Grant, Session
from keys.jose import mint
from keys.subjects import subject
from tests.attacks.authorize_ground import answer, error_page, rows
from tests.journeys.test_authorize import query, sign_in
from tests.kit.house import ISSUER, PASSWORD, REDIRECT, Form, House

FORM = "application/x-www-form-urlencoded"
TWO = "urn:yimen:acr:2"


def knock(house: House, app: Any, browser: Any = None, **changes: str) -> Any:
    """One GET /authorize, not followed."""
    return (browser or house.browser()).get("/authorize", query_string=query(app, **changes), base_url=ISSUER)


def signed_in_and_consented(house: House, app: Any) -> Browser:
    """Someone who would get a code at once: what is refused here is refused by the check alone."""
    browser = house.signed_in(house.citizen())
    house.submit(browser, house.authorize(browser, app), decision="allow")
    return browser


def attack(house: House, uri: str, **metadata: Any) -> None:
    app = house.register(**metadata)
    browser = house.signed_in(house.citizen())
    before = rows(house)
    response = knock(house, app, browser, redirect_uri=uri)
    error_page(house, response)
    assert f'href="{uri}' not in response.text
    assert rows(house) == before


@pytest.mark.attack("A001")
@pytest.mark.parametrize(
    "uri",
    [
        "https://tax.example@evil.example/callback",
        "https://tax.example/callback@evil.example",
        "https://a@b@tax.example/callback",
        "https:evil.example",
        "http://localhost:80@evil.example/",
        "https://tax.example:@evil.example/callback",
        "//tax.example/callback",
    ],
)
def test_userinfo_in_a_redirect_uri(house: House, uri: str) -> None:
    """Several at-signs, missing slashes: compared byte for byte (RFC 9700 §2.1)."""
    attack(house, uri)


@pytest.mark.attack("A002")
@pytest.mark.parametrize(
    "uri",
    [
        "https://tax.example.evil.tld/callback",
        "https://evil-tax.example/callback",
        "https://tax.example/callback.evil.tld",
        "https://tax.example/callbackx",
        "https://tax.example/callbac",
        "https://tax.example",
    ],
)
def test_prefix_and_suffix_of_a_registered_uri(house: House, uri: str) -> None:
    """A longer or shorter host or path is another one (RFC 9700 §4.1)."""
    attack(house, uri)


@pytest.mark.attack("A003")
@pytest.mark.parametrize(
    "uri", ["https://taxxexample/callback", "https://tax.exampleZcallback", "https://*.example/callback", ".*"]
)
def test_a_registered_uri_is_no_pattern(house: House, uri: str) -> None:
    """Dot and star match themselves alone (RFC 9700 §4.1.3)."""
    attack(house, uri)


@pytest.mark.attack("A004")
@pytest.mark.parametrize(
    "uri",
    [
        REDIRECT + "/../x",
        REDIRECT + "/",
        REDIRECT + "?a=b",
        REDIRECT + "#",
        REDIRECT + ";x",
        REDIRECT + "%2f..%2fx",
        "https://tax.example/%63allback",
        "https://tax.example/%252e%252e/callback",
        "https://tax.example/./callback",
        "https://tax.example//callback",
    ],
)
def test_paths_that_a_browser_would_resolve(house: House, uri: str) -> None:
    """Traversal, encodings, added parts: every string but the registered one is refused (RFC 9700 §2.1)."""
    attack(house, uri)


@pytest.mark.attack("A004")
def test_the_identical_string_still_works(house: House) -> None:
    """The registered string itself passes, with its query as it is (RFC 6749 §3.1.2)."""
    odd = "https://tax.example/callback?x=%2f..&y"
    app = house.register(redirect_uris=[odd])
    response = knock(house, app, redirect_uri=odd, prompt="none")
    assert response.headers["Location"].startswith(odd + "&error=login_required")


@pytest.mark.attack("A005")
@pytest.mark.parametrize(
    "uri",
    [
        "https://tax.example\\callback",
        "https:\\\\tax.example/callback",
        "https://tax.example/call\tback",
        "https://tax.example/callback\r\nX-Planted: 1",
        "https://tax.example/callback\u2028",
        "\ufeffhttps://tax.example/callback",
        " https://tax.example/callback",
        "https://TAX.example/callback",
        "https://tаx.example/callback",
        "https://xn--tx-7lc.example/callback",
        "https://[::1/callback",
        "https://[v1.x]:99999/callback",
        "https://tax.example:0x50/callback",
    ],
)
def test_characters_that_parsers_disagree_about(house: House, uri: str) -> None:
    """Backslash, tab, CR and LF, invisible signs, look-alikes, broken IPv6: a page, never a crash, never in a header (RFC 9700 §4.1)."""
    app = house.register()
    response = knock(house, app, redirect_uri=uri)
    error_page(house, response)
    assert all("Planted" not in name + value for name, value in response.headers)


@pytest.mark.attack("A005", "A013")
@pytest.mark.parametrize("raw", ["%00", "https://tax.example/callback%00", "%ff%fe", "%ed%a0%80", "%c0%af"])
def test_bytes_that_are_no_text(house: House, raw: str) -> None:
    """NUL and invalid UTF-8 in a parameter end on a page (RFC 6749 appendix B)."""
    app = house.register()
    path = f"/authorize?client_id={app.id}&redirect_uri={raw}&response_type=code&scope=openid"
    error_page(house, house.request("GET", path))


@pytest.mark.attack("A006")
@pytest.mark.parametrize(
    ("native", "registered", "uri", "passes"),
    [
        (False, "http://127.0.0.1/cb", "http://127.0.0.1:9999/cb", False),
        (True, "http://127.0.0.1/cb", "http://127.0.0.1:9999/cb", True),
        (True, "http://127.0.0.1/cb", "http://127.0.0.1:99999/cb", False),
        (True, "http://127.0.0.1/cb", "http://localhost:9999/cb", False),
        (True, "http://localhost/cb", "http://localhost:9999/cb", False),
        (True, "http://127.0.0.1/cb", "http://127.0.0.2:9999/cb", False),
        (True, "http://127.0.0.1/cb", "https://127.0.0.1:9999/cb", False),
        (True, "http://127.0.0.1/cb", "http://127.0.0.1:9999/other", False),
        (True, "http://127.0.0.1/cb", "http://127.0.0.1:80@evil.example/cb", False),
    ],
)
def test_the_free_port_of_loopback(house: House, native: bool, registered: str, uri: str, passes: bool) -> None:
    """Only a native client's literal loopback address may vary its port (RFC 8252 §7.3)."""
    app = house.public(application_type="native" if native else "web", redirect_uris=[registered])
    response = knock(house, app, redirect_uri=uri, prompt="none")
    if passes:
        assert response.headers["Location"].startswith(uri + "?error=login_required")
    else:
        error_page(house, response)


@pytest.mark.attack("A008")
@pytest.mark.parametrize("mode", ["", "query", "fragment", "form_post", "bogus"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"response_type": "token"},
        {"response_type": ""},
        {"scope": ""},
        {"prompt": "none"},
        {"code_challenge": ""},
        {"request_uri": "https://x"},
    ],
)
def test_no_error_travels_to_an_unproven_uri(house: House, mode: str, changes: dict[str, str]) -> None:
    """Whatever else is wrong, an unregistered URI gets nothing (RFC 6749 §4.1.2.1)."""
    app = house.register()
    error_page(
        house, knock(house, app, redirect_uri="https://evil.example/cb", response_mode=mode, **changes), "evil.example"
    )


@pytest.mark.attack("A008")
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": ""}, "invalid_request"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"request_uri": "https://tax.example/r"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
    ],
)
@pytest.mark.parametrize("mode", ["query", "fragment"])
def test_the_registered_uri_still_gets_its_errors(house: House, changes: dict[str, str], error: str, mode: str) -> None:
    """After the URI is proven, errors go to the client with state and iss (OIDC Core §3.1.2.6)."""
    fields = answer(knock(house, house.register(), response_mode=mode, **changes))
    assert (fields["error"], fields["state"]) == (error, "st")


@pytest.mark.attack("A008")
@pytest.mark.parametrize(
    "client_id", ["nobody", "", "x" * 5000, "'; DROP TABLE clients;--", "<script>alert(1)</script>"]
)
def test_an_unknown_client_leads_nowhere(house: House, client_id: str) -> None:
    """No redirect for a client that is not registered (RFC 6749 §4.1.2.1)."""
    error_page(house, knock(house, house.register(), client_id=client_id), "<script>alert", "DROP TABLE")


@pytest.mark.attack("A009")
def test_a_missing_redirect_uri_is_not_guessed(house: House) -> None:
    """redirect_uri is required, however many are registered (OIDC Core §3.1.2.1)."""
    for uris in ([REDIRECT], [REDIRECT, "https://tax.example/other"]):
        app = house.register(redirect_uris=uris)
        error_page(house, knock(house, app, redirect_uri=""))


@pytest.mark.attack("A010")
@pytest.mark.parametrize(
    "uri", ["javascript:alert(1)//tax.example/callback", "data:text/html,x", "vbscript:x", "other.app:/cb"]
)
def test_schemes_that_run_or_belong_to_others(house: House, uri: str) -> None:
    """Such a URI is never a link and never a target (RFC 9700 §4.11)."""
    app = house.register()
    response = knock(house, app, redirect_uri=uri)
    error_page(house, response, uri)


@pytest.mark.attack("A011")
@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_who_and_where_may_not_come_twice(house: House, name: str, method: str) -> None:
    """Two clients or two targets: a page, even when both values are equal (RFC 6749 §3.1)."""
    good = query(house.register())
    for second in (good[name], "other"):
        twice = urlencode([*good.items(), (name, second)])
        if method == "GET":
            error_page(house, house.request("GET", f"/authorize?{twice}"))
        else:
            error_page(house, house.request("POST", "/authorize", data=twice, content_type=FORM))


@pytest.mark.attack("A011")
@pytest.mark.parametrize(
    "name", ["scope", "state", "nonce", "response_type", "code_challenge", "prompt", "max_age", "claims", "login_hint"]
)
def test_other_parameters_twice_are_the_clients_error(house: House, name: str) -> None:
    """A repeated parameter is invalid_request, and a repeated state is not echoed (RFC 6749 §3.1)."""
    good = {
        "prompt": "login",
        "max_age": "1",
        "claims": "{}",
        "login_hint": "x",
        "nonce": "n",
        **query(house.register()),
    }
    twice = urlencode([*good.items(), (name, good[name])])
    fields = answer(house.request("GET", f"/authorize?{twice}"))
    assert fields["error"] == "invalid_request"
    assert fields.get("state") == (None if name == "state" else "st")


@pytest.mark.attack("A012")
def test_a_post_is_read_from_its_body_alone(house: House) -> None:
    """Parameters of the query neither add to the body nor replace it; a conflict counts as sent twice (RFC 6749 §3.1)."""
    app = house.register()
    good = query(app, prompt="none")
    split = {k: v for k, v in good.items() if k != "redirect_uri"}
    path = f"/authorize?{urlencode({'redirect_uri': REDIRECT})}"
    error_page(house, house.request("POST", path, data=urlencode(split), content_type=FORM))
    conflict = house.request("POST", "/authorize?state=other", data=urlencode(good), content_type=FORM)
    assert answer(conflict)["error"] == "invalid_request"
    conflict = house.request("POST", "/authorize?client_id=other", data=urlencode(good), content_type=FORM)
    error_page(house, conflict)
    browser = house.browser()
    added = browser.post("/authorize?scope=openid&claims=%5B", data=good, base_url=ISSUER)
    assert answer(house.follow(browser, added))["error"] == "login_required"


@pytest.mark.attack("A012")
@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "text/plain"])
def test_a_post_of_another_media_type(house: House, kind: str) -> None:
    """Only form data is read (OIDC Core §3.1.2.1)."""
    body = urlencode(query(house.register()))
    error_page(house, house.request("POST", "/authorize", data=body, content_type=kind))


@pytest.mark.attack("A013")
@pytest.mark.parametrize("state", ["x" * 4096, "\u202etxt.exe", "状态", "a\tb", "💡" * 1000])
def test_state_up_to_4_kb_comes_back_as_it_was(house: House, state: str) -> None:
    """Byte-exact, in errors too (RFC 6749 §4.1.2)."""
    assert answer(knock(house, house.register(), state=state, prompt="none"))["state"] == state


@pytest.mark.attack("A013")
@pytest.mark.parametrize("name", ["state", "nonce", "login_hint", "redirect_uri", "client_id", "unknown"])
def test_values_too_long_are_refused_whole(house: House, name: str) -> None:
    """Never truncated, never an error of ours (RFC 9700 §4)."""
    error_page(house, knock(house, house.register(), **{name: "x" * 100_000}))


@pytest.mark.attack("A013")
def test_bytes_outside_ascii_in_the_query_line(house: House) -> None:
    """A query that is not percent-encoded would come back changed: it is refused (RFC 3986 §2)."""
    app = house.register()
    environ = {"QUERY_STRING": urlencode(query(app, state="")) + "&state=\xe7\x8a\xb6"}
    error_page(house, house.browser().open("/authorize", base_url=ISSUER, environ_overrides=environ))


@pytest.mark.attack("A014")
@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"])
def test_other_methods_on_the_endpoint(house: House, method: str) -> None:
    """405 with Allow; nobody gets a code by looking (RFC 9110 §9.3.2)."""
    app = house.register()
    browser = house.signed_in(house.citizen())
    house.code(browser, app)
    before = rows(house)
    response = browser.open(
        "/authorize", method=method, query_string=query(app), base_url=ISSUER, headers={"X-HTTP-Method-Override": "GET"}
    )
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, POST")
    assert rows(house) == before


@pytest.mark.attack("A014")
def test_looking_at_an_interaction_answers_nobody(house: House) -> None:
    """HEAD on the dispatcher would issue a code that no browser sees (GitHub 2019; RFC 9110 §9.3.2)."""
    app = house.register()
    browser = house.signed_in(house.citizen())
    house.code(browser, app)
    path = browser.post("/authorize", data=query(app), base_url=ISSUER).headers["Location"]
    before = rows(house)
    response = browser.head(path, base_url=ISSUER)
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, OPTIONS")
    assert rows(house) == before
    assert browser.post(path, data={"_method": "GET"}, base_url=ISSUER).status_code == 405


@pytest.mark.attack("A015")
@pytest.mark.parametrize(
    "kind",
    [
        "token",
        "id_token",
        "none",
        "code token",
        "code id_token",
        "id_token token",
        "code id_token token",
        "code code",
        "Code",
        "device",
    ],
)
def test_no_token_in_any_url(house: House, kind: str) -> None:
    """Only the code flow (RFC 9700 §2.1.2)."""
    app = house.register()
    browser = house.signed_in(house.citizen())
    house.code(browser, app)
    for mode in ("", "query", "fragment"):
        fields = answer(knock(house, app, browser, response_type=kind, response_mode=mode))
        assert fields["error"] == "unsupported_response_type"
        assert not {"code", "access_token", "id_token"} & set(fields)


@pytest.mark.attack("A017")
@pytest.mark.parametrize(
    ("scope", "error"),
    [
        ("openid phone", "invalid_scope"),
        ('openid "', "invalid_scope"),
        (" ".join(["openid", *(f"s{i}" for i in range(120))]), "invalid_request"),
        ("openid " + "openid " * 120, "invalid_request"),
    ],
)
def test_scopes_beyond_the_registration_or_beyond_measure(house: House, scope: str, error: str) -> None:
    """Refused, nothing granted (RFC 6749 §3.3)."""
    app = house.register(scope="openid profile")
    assert answer(knock(house, app, scope=scope))["error"] == error


@pytest.mark.attack("A017")
def test_twenty_thousand_scopes(house: House) -> None:
    """Over 4 kB ends before anything is split (RFC 6749 §3.3)."""
    error_page(house, knock(house, house.register(), scope="openid " + "a " * 20_000))


@pytest.mark.attack("A018")
@pytest.mark.parametrize("asked", [{"prompt": "login"}, {"max_age": "0"}])
def test_a_session_does_not_stand_in_for_a_fresh_sign_in(house: House, asked: dict[str, str]) -> None:
    """Credentials are asked again, also after a reload, and auth_time is new (OIDC Core §3.1.2.1)."""
    account = house.citizen(password=PASSWORD)
    app, browser = house.register(), house.signed_in(account)
    house.code(browser, app)
    house.clock.advance(10)
    page = house.authorize(browser, app, **asked)
    for _ in range(2):
        page = browser.get(page.request.path, base_url=ISSUER)
        assert 'id="sign-in"' in page.text
    assert "code" in answer(sign_in(house, browser, page))
    assert house.parts.store.find(Grant, order=("-created_at",))[0].auth_at == house.clock()


@pytest.mark.attack("A018")
def test_a_sign_in_elsewhere_does_not_count_for_prompt_login(house: House) -> None:
    """Another tab's sign-in is not one for this request (OIDC Core §3.1.2.1)."""
    house.citizen(password=PASSWORD)
    app, browser = house.register(), house.browser()
    waiting = house.authorize(browser, app, prompt="login")
    sign_in(house, browser, house.authorize(browser, app))
    again = browser.get(waiting.request.path, base_url=ISSUER)
    assert 'id="sign-in"' in again.text


@pytest.mark.attack("A018")
@pytest.mark.parametrize("value", ["-1", "1e3", "0x10", "99999999999", "NaN", "1 ", "١"])
def test_max_age_is_a_number_of_seconds(house: House, value: str) -> None:
    """Never a silent default (OIDC Core §3.1.2.1)."""
    assert answer(knock(house, house.register(), max_age=value))["error"] == "invalid_request"


@pytest.mark.attack("A018")
def test_a_huge_max_age_is_just_long(house: House) -> None:
    """Ten digits are no overflow (OIDC Core §3.1.2.1)."""
    app = house.register()
    browser = house.signed_in(house.citizen())
    house.code(browser, app)
    assert "code" in answer(knock(house, app, browser, max_age="9999999999"))


@pytest.mark.attack("A019")
def test_prompt_none_leaks_nothing_and_skips_nothing(house: House) -> None:
    """No page, no consent row; stranger, other account and unknown hint look alike (OIDC Core §3.1.2.6)."""
    app = house.register()
    stranger = answer(knock(house, app, prompt="none", login_hint="li.wei"))
    account = house.citizen()
    known = answer(knock(house, app, prompt="none", login_hint="li.wei"))
    assert stranger == known and stranger["error"] == "login_required"
    browser = house.signed_in(account)
    before = rows(house)
    for changes in ({}, {"scope": "openid profile"}):
        response = knock(house, app, browser, prompt="none", **changes)
        assert answer(response)["error"] == "consent_required"
        assert response.data == b""
        assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
    assert rows(house) == before


@pytest.mark.attack("A020")
def test_hints_of_another_person(house: House) -> None:
    """Silently login_required, else the person is asked; a hint signs nobody in (OIDC Core §3.1.2.2)."""
    other = house.citizen("zhang.min", password=PASSWORD)
    mine = house.citizen("li.wei", password=PASSWORD)
    app = house.register()
    theirs = house.signed_in(other)
    hint = house.redeem(app, house.code(theirs, app)).get_json()["id_token"]
    browser = house.signed_in(mine)
    house.code(browser, app)
    assert answer(knock(house, app, browser, prompt="none", id_token_hint=hint))["error"] == "login_required"
    assert answer(knock(house, app, prompt="none", id_token_hint=hint))["error"] == "login_required"
    page = house.authorize(browser, app, id_token_hint=hint)
    assert 'id="sign-in"' in page.text and "zhang" not in page.text
    house.clock.advance(1)
    refused = answer(sign_in(house, browser, page, "li.wei"))
    assert refused["error"] == "login_required"


@pytest.mark.attack("A020")
def test_hints_that_are_not_our_id_tokens_for_this_client(house: House) -> None:
    """Forged, altered, another client's, an access token: invalid_request (OIDC Core §3.1.2.1)."""
    app, elsewhere = house.register(), house.register("social", redirect_uris=[REDIRECT])
    browser = house.signed_in(house.citizen())
    tokens = house.redeem(app, house.code(browser, app)).get_json()
    foreign = house.redeem(elsewhere, house.code(browser, elsewhere)).get_json()["id_token"]
    head, body, signature = tokens["id_token"].split(".")
    unsigned = f"eyJhbGciOiJub25lIn0.{body}."
    for hint in ("x", unsigned, f"{head}.{body}.{signature[::-1]}", foreign, tokens["access_token"]):
        assert answer(knock(house, app, browser, id_token_hint=hint, prompt="none"))["error"] == "invalid_request"


@pytest.mark.attack("A020")
def test_a_logout_token_is_no_hint(house: House) -> None:
    """Signed by us for this client, but no ID token (Back-Channel Logout §2.4)."""
    app = house.register()
    browser = house.signed_in(house.citizen())
    house.code(browser, app)
    sub = subject(house.parts.ring, 1, house.parts.store.find(Grant)[0].account_id, app.client.sector_id)
    claims = {"iss": ISSUER, "aud": app.id, "sub": sub, "iat": house.clock.seconds, "jti": "j", "events": {}}
    token = mint(house.parts.keys.signer("ES256"), "logout+jwt", claims)
    assert answer(knock(house, app, browser, id_token_hint=token, prompt="none"))["error"] == "invalid_request"


@pytest.mark.attack("A018")
def test_an_older_session_of_the_same_person_does_not_count_as_the_fresh_one(house: House) -> None:
    """Freshness is this sign-in's, not the account's (OIDC Core §3.1.2.1)."""
    account = house.citizen(password=PASSWORD)
    _, old = house.session(account)
    app = house.register()
    house.code(house.signed_in(account), app, scope="openid")
    house.clock.advance(5)
    browser = house.browser()
    page = house.authorize(browser, app, prompt="login")
    form = Form.of(page.text)
    fields = {**form.hidden, "username": "li.wei", "password": PASSWORD}
    path = browser.post(form.action, data=fields, base_url=ISSUER).headers["Location"]
    browser.set_cookie("__Host-yimen-session", old, domain="id.example", secure=True)
    assert 'id="sign-in"' in browser.get(path, base_url=ISSUER).text


@pytest.mark.attack("A021")
def test_a_level_is_not_reached_by_leaving_the_parameter_out(house: House) -> None:
    """acr tells the truth of the session, whatever was asked (OIDC Core §5.5.1.1)."""
    app = house.register()
    browser = house.signed_in(house.citizen())
    asked = f'{{"id_token": {{"acr": {{"essential": true, "values": ["{TWO}"]}}}}}}'
    assert answer(knock(house, app, browser, claims=asked))["error"] == "unmet_authentication_requirements"
    assert (
        answer(knock(house, app, browser, claims=asked, prompt="none"))["error"] == "unmet_authentication_requirements"
    )
    house.code(browser, app)
    for wish in ({}, {"acr_values": TWO}):
        knock(house, app, browser, **wish)
    assert {grant.acr for grant in house.parts.store.find(Grant)} == {"urn:yimen:acr:1"}


@pytest.mark.attack("A021")
def test_staff_without_their_second_factor_get_no_code(house: House) -> None:
    """A session with one factor is not enough for a member of staff, silently or not (SP 800-63B §2.2)."""
    app, account = house.register(), house.citizen()
    browser = house.signed_in(account)
    house.code(browser, app)
    house.parts.store.commit([Update(Account, {"id": account}, {"roles": "auditor"})])
    before = house.parts.store.find(Grant)
    assert answer(knock(house, app, browser, prompt="none"))["error"] == "interaction_required"
    assert knock(house, app, browser).headers["Location"].startswith("/authorize/")
    assert house.parts.store.find(Grant) == before


@pytest.mark.attack("A022")
@pytest.mark.parametrize(
    "text",
    ['"><img src=x onerror=alert(1)>', "</form><script>alert(1)</script>", "'onmouseover=alert(1) x='"],
)
def test_markup_in_state_and_hints(house: House, text: str) -> None:
    """Escaped on every page, exact in the form, no inline script allowed (Form Post Response Mode §4)."""
    app = house.register()
    browser = house.signed_in(house.citizen())
    house.code(browser, app)
    posted = knock(house, app, browser, response_mode="form_post", state=text)
    assert Form.of(posted.text).hidden["state"] == text
    hinted = house.authorize(house.browser(), app, login_hint=text, ui_locales=text, state=text)
    refused = knock(house, app, redirect_uri=text, scope=text)
    for page in (posted, hinted, refused):
        assert text not in page.text
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy


@pytest.mark.attack("A023")
@pytest.mark.parametrize("mode", ["query", "fragment", "form_post"])
@pytest.mark.parametrize(
    "changes", [{}, {"prompt": "none login"}, {"scope": ""}, {"response_type": ""}, {"prompt": "login none"}]
)
def test_every_answer_names_its_issuer(house: House, mode: str, changes: dict[str, str]) -> None:
    """iss in success and error, in every mode (RFC 9207 §2)."""
    app = house.register()
    browser = house.signed_in(house.citizen())
    house.code(browser, app)
    response = knock(house, app, browser, response_mode=mode, **changes)
    fields = Form.of(response.text).hidden if mode == "form_post" else answer(response)
    assert fields["iss"] == ISSUER and fields["state"] == "st"
    assert ("error" in fields) is bool(changes)


@pytest.mark.attack("A024")
@pytest.mark.parametrize("nonce", ["", "n" * 4096, "ü \"'<>&"])
def test_nonce_is_free_in_the_code_flow_and_comes_back_exactly(house: House, nonce: str) -> None:
    """Optional, echoed byte for byte (OIDC Core §3.1.2.1, §3.1.3.7)."""
    app = house.register()
    browser = house.signed_in(house.citizen())
    house.code(browser, app, nonce=nonce)
    assert house.parts.store.find(Grant)[-1].nonce == (nonce or None)


@pytest.mark.attack("A170")
def test_codes_stay_out_of_history_and_referers(house: House) -> None:
    """303 after every POST, no referrer, nothing from third parties (RFC 9700 §4.2, §4.3, §4.12)."""
    house.citizen(password=PASSWORD)
    app, browser = house.register(), house.browser()
    page = house.authorize(browser, app)
    form = Form.of(page.text)
    posted = browser.post(
        form.action, data={**form.hidden, "username": "li.wei", "password": PASSWORD}, base_url=ISSUER
    )
    consent = browser.get(posted.headers["Location"], base_url=ISSUER)
    allowed = browser.post("/consent", data={**Form.of(consent.text).hidden, "decision": "allow"}, base_url=ISSUER)
    done = browser.get(allowed.headers["Location"], base_url=ISSUER)
    for response in (posted, allowed, done):
        assert response.status_code == 303
    for response in (page, posted, consent, allowed, done):
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Cache-Control"] == "no-store"
    for response in (page, consent):
        for resource in ("img-src 'self'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"):
            assert resource in response.headers["Content-Security-Policy"]
        assert 'src="http' not in response.text and 'src="//' not in response.text
    assert "code=" in done.headers["Location"]


@pytest.mark.attack("A171")
@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "\\\\evil.example", "/%09/evil.example", "/\\evil.example"]
)
def test_no_page_goes_where_a_parameter_says(house: House, target: str) -> None:
    """Where a page returns to stands in our own record (CWE-601)."""
    house.citizen(password=PASSWORD)
    app, browser = house.register(), house.browser()
    page = house.authorize(browser, app)
    extra = {"next": target, "return_to": target, "redirect": target, "continue": target}
    path = f"{page.request.path}?{urlencode(extra)}"
    again = browser.get(path, base_url=ISSUER)
    form = Form.of(again.text)
    posted = browser.post(
        form.action, data={**form.hidden, **extra, "username": "li.wei", "password": PASSWORD}, base_url=ISSUER
    )
    assert posted.headers["Location"] == page.request.path
    assert "evil" not in again.headers.get("Location", "")
    for odd in (target, "//evil.example/", "/authorize/..//evil.example"):
        assert "evil" not in browser.get("/x", base_url=ISSUER, environ_overrides={"PATH_INFO": odd}).headers.get(
            "Location", ""
        )
    assert len(house.parts.store.find(Session)) == 1
