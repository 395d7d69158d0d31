"""The authorization journey as a browser meets it: the composed application, real stores, real pages."""

from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
import pytest
from werkzeug.test import Client as Browser
from werkzeug.test import TestResponse

from idp.records import ClientRefusal, Consent, Grant, Session
from keys.subjects import subject
from tests.kit.house import ISSUER, PASSWORD, REDIRECT, App, Form, House, challenge

TWO = "urn:yimen:acr:2"
FORM = "application/x-www-form-urlencoded"


def answer_of(response: TestResponse) -> dict[str, str]:
    """The parameters that reached the client."""
    assert response.status_code == 303, response.text
    location = urlsplit(response.headers["Location"])
    assert location.netloc == "tax.example", response.headers["Location"]
    return dict(parse_qsl(location.query or location.fragment))


def sign_in(house: House, browser: Browser, page: TestResponse, who: str = "li.wei") -> TestResponse:
    assert 'id="sign-in"' in page.text, page.text
    return house.submit(browser, page, username=who, password=PASSWORD)


def allow(house: House, browser: Browser, page: TestResponse) -> TestResponse:
    assert 'id="consent-allow"' in page.text, page.text
    return house.submit(browser, page, decision="allow")


def query(app: App, **changes: str) -> dict[str, str]:
    given = {
        "response_type": "code",
        "client_id": app.id,
        "redirect_uri": REDIRECT,
        "scope": "openid",
        "state": "st",
        "code_challenge": challenge(),
        "code_challenge_method": "S256",
        **changes,
    }
    return {name: value for name, value in given.items() if value}


def heading(page: TestResponse) -> str:
    return page.text.partition("<h1")[2].partition(">")[2].partition("</h1>")[0]


# The usual way ----------------------------------------------------------------------------------------------------------


def test_a_stranger_signs_in_allows_and_reaches_the_client_with_code_state_and_iss(house: House) -> None:
    house.citizen(password=PASSWORD)
    app, browser = house.register(), house.browser()
    page = house.authorize(browser, app, state="a b&c=d/ü")
    page = sign_in(house, browser, page)
    answer = answer_of(allow(house, browser, page))
    assert set(answer) == {"code", "state", "iss"}
    assert (answer["state"], answer["iss"]) == ("a b&c=d/ü", ISSUER)
    assert house.redeem(app, answer["code"]).status_code == 200
    kinds = [event["kind"] for event in house.events()]
    for kind in ("session.started", "consent.given", "code.issued", "code.redeemed"):
        assert kinds.count(kind) == 1, kinds


def test_with_a_session_and_a_remembered_consent_one_request_gives_a_code(any_house: House) -> None:
    house = any_house
    app = house.register()
    browser = house.signed_in(house.citizen())
    house.code(browser, app)
    before = len(house.events())
    response = browser.get("/authorize", query_string=query(app), base_url=ISSUER)
    assert set(answer_of(response)) == {"code", "state", "iss"}
    assert "Set-Cookie" not in response.headers
    assert response.headers["Cache-Control"] == "no-store"
    assert [event["kind"] for event in house.events()[before:]] == ["code.issued"]


def test_the_grant_holds_what_was_asked_and_allowed(house: House) -> None:
    app = house.register(require_auth_time=True)
    account = house.citizen()
    browser = house.signed_in(account, amr="pwd otp mfa", acr=TWO)
    claims = '{"userinfo": {"birthdate": {"essential": true}}, "id_token": {"email": {"value": "li.wei@example.cn"}}}'
    house.code(browser, app, scope="openid email", nonce="n-1", claims=claims)
    (grant,) = house.parts.store.find(Grant)
    (session,) = house.parts.store.find(Session)
    assert (grant.account_id, grant.session_id, grant.client_id) == (account, session.id, app.id)
    assert (grant.scope, grant.nonce, grant.redirect_uri) == ("openid email", "n-1", REDIRECT)
    assert (grant.acr, grant.amr, grant.auth_at) == (TWO, "pwd otp mfa", session.auth_at)
    assert (grant.state, grant.offline, grant.auth_time_asked) == ("issued", 0, 1)
    assert grant.code_expires_at == house.clock() + house.config.code_ttl * 1_000_000
    assert grant.expires_at >= house.clock() + house.config.interaction_ttl * 1_000_000
    assert msgspec.json.decode(grant.claims or b"") == {
        "userinfo": {"birthdate": {"essential": True}},
        "id_token": {"email": None},
    }


def test_what_the_client_may_not_ask_by_scope_it_may_not_ask_by_claims(house: House) -> None:
    app = house.register(scope="openid email")
    page = house.authorize(
        house.signed_in(house.citizen()), app, claims='{"userinfo": {"birthdate": {"essential": true}}}'
    )
    assert "1990" not in page.text
    assert "e-mail" in page.text.lower() or "电子邮" in page.text


# Response modes ---------------------------------------------------------------------------------------------------------


def test_fragment_and_query_differ_only_in_place(house: House) -> None:
    app, browser = house.register(), house.signed_in(house.citizen())
    house.code(browser, app)
    in_fragment = browser.get("/authorize", query_string=query(app, response_mode="fragment"), base_url=ISSUER)
    location = urlsplit(in_fragment.headers["Location"])
    assert not location.query
    assert set(dict(parse_qsl(location.fragment))) == {"code", "state", "iss"}


@pytest.mark.parametrize("state", ["plain", 'a"><script>alert(1)</script>', "% %20 + ü 状态 \\"])
def test_form_post_1_code_and_state_travel_in_a_form_byte_for_byte(house: House, state: str) -> None:
    app, browser = house.register(), house.signed_in(house.citizen())
    house.code(browser, app)
    page = browser.get("/authorize", query_string=query(app, response_mode="form_post", state=state), base_url=ISSUER)
    form = Form.of(page.text)
    assert (page.status_code, form.action, form.hidden["state"], form.hidden["iss"]) == (200, REDIRECT, state, ISSUER)
    assert house.redeem(app, form.hidden["code"]).status_code == 200
    policy = page.headers["Content-Security-Policy"]
    assert "form-action 'self' https://tax.example;" in policy
    assert "unsafe-inline" not in policy and "<script>" not in page.text


def test_form_post_after_the_pages_and_for_errors(house: House) -> None:
    app, browser = house.register(), house.signed_in(house.citizen())
    page = allow(house, browser, house.authorize(browser, app, response_mode="form_post"))
    assert 'name="code"' in page.text and page.headers["Content-Type"].startswith("text/html")
    page = house.authorize(browser, app, response_mode="form_post", prompt="none login")
    assert 'name="error" value="invalid_request"' in page.text and 'name="iss"' in page.text


# POST -------------------------------------------------------------------------------------------------------------------


def test_core_3_1_2_1_post_goes_on_at_a_page_of_its_own_where_lax_cookies_arrive(house: House) -> None:
    app, account = house.register(), house.citizen()
    browser = house.signed_in(account)
    house.code(browser, app)
    bare = house.browser()  # a cross-site POST carries no SameSite=Lax cookies
    posted = bare.post("/authorize", data=query(app), base_url=ISSUER)
    assert posted.status_code == 303 and "Set-Cookie" not in posted.headers
    response = browser.get(posted.headers["Location"], base_url=ISSUER)
    assert set(answer_of(response)) == {"code", "state", "iss"}


def test_a_posted_request_gives_a_browser_without_cookies_its_own_at_the_first_page(house: House) -> None:
    house.citizen(password=PASSWORD)
    app, browser = house.register(), house.browser()
    posted = browser.post("/authorize", data=query(app), base_url=ISSUER)
    page = browser.get(posted.headers["Location"], base_url=ISSUER)
    assert "__Host-yimen-browser=" in page.headers["Set-Cookie"]
    answer = answer_of(allow(house, browser, sign_in(house, browser, page)))
    assert "code" in answer


def test_post_with_prompt_none_shows_no_page(house: House) -> None:
    app, browser = house.register(), house.browser()
    posted = browser.post("/authorize", data=query(app, prompt="none"), base_url=ISSUER)
    assert answer_of(house.follow(browser, posted))["error"] == "login_required"


# prompt, max_age, hints -------------------------------------------------------------------------------------------------


def test_prompt_none_with_session_and_consent_gives_a_code_and_without_them_the_errors(house: House) -> None:
    app = house.register()
    assert answer_of(house.authorize(house.browser(), app, prompt="none"))["error"] == "login_required"
    browser = house.signed_in(house.citizen())
    refused = answer_of(house.authorize(browser, app, prompt="none"))
    assert (refused["error"], refused["state"], refused["iss"]) == ("consent_required", "a-state", ISSUER)
    house.code(browser, app)
    assert "code" in answer_of(house.authorize(browser, app, prompt="none"))
    last = house.events("authorization.refused")[-1]
    assert (last["code"], last["stage"], last["client_id"]) == ("consent_required", "client", app.id)


def test_prompt_none_does_not_keep_a_session_awake(house: House) -> None:
    app, browser = house.register(), house.signed_in(house.citizen())
    house.code(browser, app)
    house.clock.advance(house.config.session_idle - 10)
    assert "code" in answer_of(house.authorize(browser, app, prompt="none"))
    house.clock.advance(20)
    assert answer_of(house.authorize(browser, app, prompt="none"))["error"] == "login_required"


@pytest.mark.parametrize("asked", [{"prompt": "login"}, {"max_age": "0"}, {"max_age": "59"}])
def test_a_fresh_sign_in_is_asked_once_and_auth_time_is_new(house: House, asked: dict[str, str]) -> None:
    account = house.citizen(password=PASSWORD)
    app, browser = house.register(), house.signed_in(account)
    house.code(browser, app)
    house.clock.advance(60)
    page = house.authorize(browser, app, **asked)
    house.clock.advance(20)
    assert "code" in answer_of(sign_in(house, browser, page))
    grant = house.parts.store.find(Grant, order=("-created_at",))[0]
    assert grant.auth_at == house.clock()
    assert len(house.events("session.started")) == 1


def test_max_age_counts_from_the_last_proof(house: House) -> None:
    app, browser = house.register(), house.signed_in(house.citizen())
    house.code(browser, app)
    house.clock.advance(99)
    assert "code" in answer_of(house.authorize(browser, app, max_age="100", prompt="none"))
    house.clock.advance(1)
    assert answer_of(house.authorize(browser, app, max_age="100", prompt="none"))["error"] == "login_required"
    assert house.parts.store.find(Grant, order=("-created_at",))[0].auth_time_asked == 1


def test_select_account_keeps_this_one_or_lets_another_in(house: House) -> None:
    house.citizen("li.wei", password=PASSWORD)
    other = house.citizen("zhang.min", password=PASSWORD)
    app, browser = house.register(), house.browser()
    page = sign_in(house, browser, house.authorize(browser, app))
    allow(house, browser, page)
    page = house.authorize(browser, app, prompt="select_account")
    account = page.text.partition('name="account" value="')[2].partition('"')[0]
    assert "code" in answer_of(house.submit(browser, page, account=account))
    page = house.submit(browser, house.authorize(browser, app, prompt="select_account"), other="1")
    house.clock.advance(1)
    page = sign_in(house, browser, page, "zhang.min")
    assert "code" in answer_of(allow(house, browser, page))
    assert house.parts.store.find(Grant, order=("-created_at",))[0].account_id == other


def test_login_hint_fills_the_field_and_proves_nothing(house: House) -> None:
    page = house.authorize(house.browser(), house.register(), login_hint='li"<wei>@example.cn')
    assert 'value="li&#34;&lt;wei&gt;@example.cn"' in page.text


def test_an_id_token_hint_of_this_person_passes_even_when_expired(house: House) -> None:
    app, browser = house.register(), house.signed_in(house.citizen())
    hint = house.redeem(app, house.code(browser, app)).get_json()["id_token"]
    house.clock.advance(house.config.id_token_ttl + 60)
    assert "code" in answer_of(house.authorize(browser, app, id_token_hint=hint, prompt="none"))


def test_a_requested_sub_is_this_person_or_nobody(house: House) -> None:
    app, account = house.register(), house.citizen()
    browser = house.signed_in(account)
    house.code(browser, app)
    mine = subject(house.parts.ring, 1, account, app.client.sector_id)
    for sub, expected in ((mine, "code"), ("somebody", "error")):
        asked = f'{{"id_token": {{"sub": {{"value": "{sub}"}}}}}}'
        assert expected in answer_of(house.authorize(browser, app, prompt="none", claims=asked))


# Second factor and acr --------------------------------------------------------------------------------------------------


def test_an_essential_acr_that_cannot_be_met_is_an_error_of_its_own(house: House) -> None:
    app, browser = house.register(), house.signed_in(house.citizen())
    asked = f'{{"id_token": {{"acr": {{"essential": true, "values": ["{TWO}"]}}}}}}'
    assert answer_of(house.authorize(browser, app, claims=asked))["error"] == "unmet_authentication_requirements"


def test_acr_values_is_a_wish(house: House) -> None:
    app, browser = house.register(), house.signed_in(house.citizen())
    house.code(browser, app)
    assert "code" in answer_of(house.authorize(browser, app, acr_values=TWO))
    assert house.parts.store.find(Grant)[-1].acr == "urn:yimen:acr:1"


# Interactions -----------------------------------------------------------------------------------------------------------


def test_any_number_of_tabs_go_on_side_by_side(house: House) -> None:
    house.citizen(password=PASSWORD)
    apps = [house.register(f"tab{i}") for i in range(3)]
    browser = house.browser()
    tabs = [house.authorize(browser, app, state=f"tab {i}") for i, app in enumerate(apps)]
    first = sign_in(house, browser, tabs[0])
    others = [browser.get(tab.request.path, base_url=ISSUER) for tab in tabs[1:]]
    answers = [answer_of(allow(house, browser, page)) for page in (first, *others)]
    assert [answer["state"] for answer in answers] == ["tab 0", "tab 1", "tab 2"]
    assert len({answer["code"] for answer in answers}) == 3
    assert len(house.events("session.started")) == 1


def test_tabs_opened_at_once_without_a_cookie_all_go_on(house: House) -> None:
    house.citizen(password=PASSWORD)
    app, browser = house.register(), house.browser()
    strangers = [house.browser() for _ in range(3)]
    starts = [tab.get("/authorize", query_string=query(app), base_url=ISSUER) for tab in strangers]
    for start in starts:  # three answers arrive; the last cookie stays
        value = start.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
        browser.set_cookie("__Host-yimen-browser", value, domain="id.example", secure=True)
    pages = [browser.get(start.headers["Location"], base_url=ISSUER) for start in starts]
    assert "code" in answer_of(allow(house, browser, sign_in(house, browser, pages[0])))
    assert "code" in answer_of(house.follow(browser, browser.get(starts[1].headers["Location"], base_url=ISSUER)))


def test_an_expired_interaction_says_so_and_leads_back_to_the_service(house: House) -> None:
    app, browser = house.register(initiate_login_uri="https://tax.example/start"), house.browser()
    page = house.authorize(browser, app)
    house.clock.advance(house.config.interaction_ttl)
    late = browser.get(page.request.path, base_url=ISSUER)
    assert late.status_code == 400
    assert 'href="https://tax.example/start?iss=https%3A%2F%2Fid.example"' in late.text
    assert "error-code" in late.text


@pytest.mark.parametrize("handle", ["x", "A" * 47, "AQAB" + "A" * 43, "%00", "<script>"])
def test_an_unknown_handle_is_a_clear_page(house: House, handle: str) -> None:
    page = house.browser().get(f"/authorize/{handle}", base_url=ISSUER)
    assert page.status_code == 400 and "error-code" in page.text and "<script>" not in page.text


def test_without_cookies_the_page_says_what_is_missing(house: House) -> None:
    app = house.register(client_uri="https://tax.example/")
    start = house.request("GET", f"/authorize?{urlencode(query(app))}")
    page = house.request("GET", start.headers["Location"])
    assert page.status_code == 400 and 'href="https://tax.example/"' in page.text and "cookie" in page.text.lower()


def test_another_browser_cannot_go_on_where_somebody_signed_in(house: House) -> None:
    house.citizen(password=PASSWORD)
    app, browser, thief = house.register(), house.browser(), house.browser()
    house.authorize(thief, app)
    page = sign_in(house, browser, house.authorize(browser, app))
    stolen = thief.get(page.request.path, base_url=ISSUER)
    assert stolen.status_code == 400 and "consent-allow" not in stolen.text


def test_the_page_speaks_the_language_that_the_client_or_the_citizen_wishes(house: House) -> None:
    app, browser = house.register(), house.browser()
    assert 'lang="en"' in house.authorize(browser, app, ui_locales="fr en").text
    page = house.authorize(browser, app)
    assert 'lang="zh-Hans"' in page.text
    chosen = browser.get(f"{page.request.path}?lang=en", base_url=ISSUER)
    assert 'lang="en"' in chosen.text
    assert 'lang="en"' in browser.get("/", base_url=ISSUER).text


# The client's own list --------------------------------------------------------------------------------------------------


def test_the_developer_finds_received_beside_registered(house: House) -> None:
    app = house.register()
    page = house.authorize(house.browser(), app, redirect_uri="https://tax.example/callback/")
    (line,) = house.parts.store.find(ClientRefusal)
    assert (line.client_id, line.reason) == (app.id, "redirect_uri_mismatch")
    assert (line.received, line.registered) == ("https://tax.example/callback/", REDIRECT)
    assert line.reference in page.text
    house.authorize(house.browser(), app, scope="openid profile", response_type="token")
    lines = {row.reason: row for row in house.parts.store.find(ClientRefusal)}
    assert (lines["response_type_unsupported"].received, lines["response_type_unsupported"].registered) == (
        "token",
        "code",
    )


def test_the_list_is_bounded_and_the_events_go_on(house: House) -> None:
    app, browser = house.register(), house.browser()
    for _ in range(25):
        house.authorize(browser, app, redirect_uri="https://evil.example/")
    told = [line.received for line in house.parts.store.find(ClientRefusal) if line.code == "not_kept"]
    assert (told, len(house.parts.store.find(ClientRefusal))) == (["at least 4 more"], 21)
    assert len(house.events("authorization.refused")) == 25


def test_a_decision_is_nobodys_mistake_and_is_not_in_the_list(house: House) -> None:
    house.authorize(house.browser(), house.register(), prompt="none")
    assert house.parts.store.find(ClientRefusal) == []
    assert house.parts.store.find(Consent) == []
