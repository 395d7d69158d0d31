"""Attacks on consent and on the pages of an authorization."""

import threading
from typing import Any

import msgspec
import pytest
from werkzeug.test import Client as Browser
from werkzeug.test import TestResponse

from clients.model import to_json
from idp.caches import bump
from idp.flows import consent as journey
from idp.flows import interactions
from idp.flows.consent import remembered
from idp.ports import Update
from idp.records import ClientRow, Consent, Grant
from tests.attacks.authorize_ground import answer, rows
from tests.journeys.test_authorize import query, sign_in
from tests.kit.house import ISSUER, PASSWORD, App, Form, House
from tests.kit.process import PATIENCE_S


def consent_page(house: House) -> tuple[App, Browser, TestResponse]:
    app, browser = house.register(), house.signed_in(house.citizen())
    page = house.authorize(browser, app)
    assert 'id="consent-allow"' in page.text
    return app, browser, page


def post(browser: Browser, form: dict[str, str], **headers: str) -> TestResponse:
    return browser.post(
        "/consent", data=form, base_url=ISSUER, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


def cookies_of(browser: Browser) -> dict[str, str]:
    """For requests beside the browser's own, on threads of theirs."""
    names = ("__Host-yimen-session", "__Host-yimen-browser")
    return {"Cookie": "; ".join(f"{name}={browser.get_cookie(name, 'id.example').value}" for name in names)}


@pytest.mark.attack("A086")
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "https://tax.example"},
        {"Origin": "http://id.example"},
        {"Origin": "https://id.example.evil.tld"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site", "Origin": "https://other.id.example"},
        {"Sec_Fetch_Site": "cross-site", "Origin": "null"},
    ],
)
def test_a_post_from_another_site(house: House, headers: dict[str, str]) -> None:
    """Even with a stolen proof and the cookies: 403, nothing is kept (RFC 9700 §4.7)."""
    _, browser, page = consent_page(house)
    form = {**Form.of(page.text).hidden, "decision": "allow"}
    before = rows(house)
    assert post(browser, form, **headers).status_code == 403
    assert rows(house) == before
    assert post(browser, form, Sec_Fetch_Site="same-origin", Origin="null").status_code == 303


@pytest.mark.attack("A086")
@pytest.mark.parametrize("name", ["proof", "seen"])
@pytest.mark.parametrize("value", ["", "x", "A" * 43, "é"])
def test_a_form_that_we_did_not_make(house: House, name: str, value: str) -> None:
    """The proof is bound to handle, browser, step and what was shown: 403 without it (RFC 9700 §4.7)."""
    _, browser, page = consent_page(house)
    before = rows(house)
    forged = {**Form.of(page.text).hidden, "decision": "allow", name: value}
    assert post(browser, forged).status_code == 403
    assert rows(house) == before


@pytest.mark.attack("A086")
def test_a_proof_of_another_browser_or_another_request(house: House) -> None:
    """What the attacker's own browser was given works nowhere else (RFC 9700 §4.7)."""
    app, browser, page = consent_page(house)
    mine = Form.of(page.text).hidden
    attacker = house.signed_in(house.citizen("attacker"))
    theirs = Form.of(house.authorize(attacker, app).text).hidden
    before = rows(house)
    for form in (
        {**mine, "proof": theirs["proof"]},
        {**theirs, "handle": mine["handle"]},
        {**mine, "handle": theirs["handle"]},
    ):
        assert post(browser, {**form, "decision": "allow"}).status_code in (400, 403)
    post(browser, {**theirs, "decision": "allow"})
    assert rows(house) == before


@pytest.mark.attack("A086")
def test_a_proof_stays_in_its_browser(house: House) -> None:
    """A request that nobody took a step in follows who shows it, even in another browser; the proof of before does not (RFC 9700 §4.7)."""
    account = house.citizen()
    mine, other = house.signed_in(account), house.signed_in(account)
    app = house.register()
    form = {**Form.of(house.authorize(mine, app).text).hidden, "decision": "allow"}
    house.authorize(other, app)  # which gives it a cookie of its own
    shown = other.get(f"/authorize/{form['handle']}", base_url=ISSUER)
    assert 'id="consent-allow"' in shown.text
    before = rows(house)
    assert post(other, form).status_code == 403
    assert rows(house) == before
    assert post(other, {**Form.of(shown.text).hidden, "decision": "allow"}).status_code == 303


@pytest.mark.attack("A086")
def test_a_sign_in_forced_on_the_victim(house: House) -> None:
    """The attacker's form, posted from elsewhere, signs nobody in (login CSRF, RFC 9700 §4.7)."""
    house.citizen("attacker", password=PASSWORD)
    app, victim, attacker = house.register(), house.browser(), house.browser()
    form = Form.of(house.authorize(attacker, app).text)
    house.authorize(victim, app)
    fields = {**form.hidden, "username": "attacker", "password": PASSWORD}
    crossed = victim.post(form.action, data=fields, base_url=ISSUER, headers={"Origin": "https://evil.example"})
    assert crossed.status_code == 403
    posted = victim.post(form.action, data=fields, base_url=ISSUER)
    assert posted.status_code in (400, 403)
    assert house.events("session.started") == []


@pytest.mark.attack("A087")
def test_no_page_stands_in_a_frame(house: House) -> None:
    """frame-ancestors, X-Frame-Options and COOP on every page, errors too (RFC 9700 §4.16)."""
    app, browser, page = consent_page(house)
    pages = [
        page,
        house.authorize(house.browser(), app),
        house.authorize(browser, app, redirect_uri="https://evil.example"),
        browser.get("/authorize/unknown", base_url=ISSUER),
        browser.get("/nowhere", base_url=ISSUER),
        browser.get("/consent", base_url=ISSUER),
        browser.get("/", base_url=ISSUER),
        browser.get("/authorize", query_string=query(app, response_mode="form_post", prompt="none"), base_url=ISSUER),
        post(browser, {}, Origin="https://evil.example"),
    ]
    for shown in pages:
        assert "frame-ancestors 'none'" in shown.headers["Content-Security-Policy"]
        assert shown.headers["X-Frame-Options"] == "DENY"
        assert shown.headers["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.attack("A090")
def test_a_public_client_that_anybody_can_imitate_is_asked_each_time(house: House) -> None:
    """A private-use scheme is not the app's own: no remembered consent (RFC 8252 §8.6)."""
    app = house.public(application_type="native", redirect_uris=["example.tax.app:/cb"])
    browser = house.signed_in(house.citizen())
    house.submit(browser, house.authorize(browser, app), decision="allow")
    assert 'id="consent-allow"' in house.authorize(browser, app).text
    refused = house.authorize(browser, app, prompt="none")
    assert refused.headers["Location"].startswith("example.tax.app:/cb?error=consent_required")
    places = (
        "https://tax.example/cb",
        "http://127.0.0.1:9/cb",
        "http://tax.example/cb",
        "http://localhost.tax.example/cb",
    )
    assert [remembered(app.client, uri) for uri in places] == [True, True, False, False]


@pytest.mark.attack("A091")
@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ config }}", "\u202etxt.exe"]
)
def test_names_of_clients_and_values_of_citizens_are_text(house: House, name: str) -> None:
    """Escaped and isolated on every page (CWE-79)."""
    app = house.register(client_name="ok", client_uri="https://tax.example/")
    house_name = msgspec.structs.replace(app.client, client_name=name)
    house.parts.store.commit(
        [Update(ClientRow, {"client_id": app.id}, {"document": to_json(house_name)}), *bump("client")]
    )
    house.clock.advance(1)
    browser = house.signed_in(house.citizen(claims={"nickname": name, "name": name}))
    shown = [
        house.authorize(browser, app),
        house.authorize(house.browser(), app),
        house.authorize(browser, app, redirect_uri="x"),
    ]
    for page in shown:
        assert "<script>alert" not in page.text and "<img src=x" not in page.text
        assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert "<bdi" in shown[0].text


@pytest.mark.attack("A093")
def test_a_logo_tells_nobody_who_looks(house: House) -> None:
    """Pictures come from our own origin alone; the client's address is in no page (RFC 7591 §5)."""
    app, _, page = consent_page(house)
    stored = msgspec.structs.replace(app.client, logo_uri="https://tax.example/logo.svg")
    house.parts.store.commit([Update(ClientRow, {"client_id": app.id}, {"document": to_json(stored)}), *bump("client")])
    house.clock.advance(1)
    page = house.authorize(house.signed_in(house.citizen("b.b")), app)
    assert "logo.svg" not in page.text
    assert "img-src 'self'" in page.headers["Content-Security-Policy"].split("; ")


@pytest.mark.attack("A094")
def test_double_submit_and_back_button(any_house: House) -> None:
    """One code, one consent row; the second answer says that it is done and leads back (RFC 6749 §10.12)."""
    house = any_house
    app, browser = house.register(client_uri="https://tax.example/"), house.signed_in(house.citizen())
    page = house.authorize(browser, app)
    form = {**Form.of(page.text).hidden, "decision": "allow"}
    first, second = post(browser, form), post(browser, form)
    assert (first.status_code, second.status_code) == (303, 303)
    done = browser.get(first.headers["Location"], base_url=ISSUER)
    assert "code" in answer(done)
    for again in (browser.get(second.headers["Location"], base_url=ISSUER), house.follow(browser, post(browser, form))):
        assert again.status_code == 400 and "Location" not in again.headers
        assert 'href="https://tax.example/"' in again.text
    assert len(house.parts.store.find(Consent)) == len(house.parts.store.find(Grant)) == 1
    assert len(house.events("code.issued")) == 1


@pytest.mark.attack("A094")
def test_twenty_tabs_of_one_request_at_once(any_house: House) -> None:
    """Of many at the same moment one gets the code (RFC 6749 §10.5)."""
    house = any_house
    app, browser = house.register(), house.signed_in(house.citizen())
    house.code(browser, app)
    posted = browser.post("/authorize", data=query(app), base_url=ISSUER).headers["Location"]
    cookies, answers = cookies_of(browser), list[int]()

    def tab() -> None:
        answers.append(house.request("GET", posted, headers=cookies).status_code)

    threads = [threading.Thread(target=tab) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [303] + [400] * 19
    assert len(house.events("code.issued")) == 2


@pytest.mark.attack("A094")
@pytest.mark.parametrize("first", ["allow", "deny"])
@pytest.mark.parametrize("prompt", ["", "consent"])
def test_a_yes_and_a_no_at_once_are_one_answer(
    any_house: House, monkeypatch: pytest.MonkeyPatch, first: str, prompt: str
) -> None:
    """Both judge the form while it is open; the first counts and the other is answered alike, so that no consent stands behind a refusal
    (DESIGN §7, GDPR art. 7(1))."""
    house = any_house
    app, browser = house.register(), house.signed_in(house.citizen())
    if prompt:
        house.code(browser, app)
    form = Form.of(house.authorize(browser, app, **({"prompt": prompt} if prompt else {})).text).hidden
    before = len(house.events("consent.given"))
    judged, answered, plain = threading.Barrier(2, timeout=PATIENCE_S), threading.Event(), journey.shown
    heard: dict[str, TestResponse] = {}

    def shown(*given: Any) -> Any:
        found = plain(*given)
        judged.wait()
        assert threading.current_thread().name == first or answered.wait(PATIENCE_S)
        return found

    def press(decision: str) -> None:
        heard[decision] = house.request("POST", "/consent", data={**form, "decision": decision}, headers=cookies)
        answered.set()

    cookies = cookies_of(browser)
    monkeypatch.setattr(journey, "shown", shown)
    threads = [threading.Thread(target=press, args=(word,), name=word) for word in ("allow", "deny")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    monkeypatch.undo()
    assert heard["allow"].headers["Location"] == heard["deny"].headers["Location"]
    given, denied = len(house.events("consent.given")) - before, len(house.events("consent.denied"))
    if first == "deny":
        assert answer(heard["allow"])["error"] == "access_denied"
        assert (given, denied) == (0, 1)
    else:
        assert "code" in answer(browser.get(heard["deny"].headers["Location"], base_url=ISSUER))
        assert (given, denied) == (1, 0)
    silent = answer(house.authorize(browser, app, prompt="none"))
    assert ("code" in silent) == (first == "allow" or prompt == "consent")


@pytest.mark.attack("A094")
def test_one_code_even_when_the_note_that_it_is_done_gets_lost(
    any_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ends in a commit is consumed inside it: the volatile note is a courtesy (RFC 6749 §10.5)."""
    house = any_house
    app, browser = house.register(), house.signed_in(house.citizen())
    house.code(browser, app)
    path = browser.post("/authorize", data=query(app), base_url=ISSUER).headers["Location"]
    monkeypatch.setattr(interactions, "close", lambda *_: None)
    assert "code" in answer(browser.get(path, base_url=ISSUER))
    assert browser.get(path, base_url=ISSUER).status_code == 400
    assert len(house.events("code.issued")) == 2


@pytest.mark.attack("A094")
def test_a_sign_in_form_sent_twice(house: House) -> None:
    """Back and again: one session, one event (OWASP ASVS 7.2.4)."""
    house.citizen(password=PASSWORD)
    app, browser = house.register(), house.browser()
    page = house.authorize(browser, app)
    sign_in(house, browser, page)
    sign_in(house, browser, page)
    assert len(house.events("session.started")) == 1


@pytest.mark.attack("A095")
def test_a_consent_page_of_another_citizen(house: House) -> None:
    """What was shown to one person is not allowed in the name of another (CWE-639)."""
    _app, browser, page = consent_page(house)
    form = {**Form.of(page.text).hidden, "decision": "allow"}
    _, other = house.session(house.citizen("b.b"))
    browser.set_cookie("__Host-yimen-session", other, domain="id.example", secure=True)
    shown_again = house.follow(browser, post(browser, form))
    assert 'id="consent-allow"' in shown_again.text
    assert house.parts.store.find(Consent) == []


@pytest.mark.attack("A095")
def test_what_changed_while_the_page_was_open(house: House) -> None:
    """A consent covers what was shown: another name or other terms are shown again (GDPR art. 4(11))."""
    app, browser, page = consent_page(house)
    changed = msgspec.structs.replace(app.client, client_name="Somebody else", policy_uri="https://tax.example/new")
    house.parts.store.commit(
        [Update(ClientRow, {"client_id": app.id}, {"document": to_json(changed)}), *bump("client")]
    )
    house.clock.advance(1)
    again = house.submit(browser, page, decision="allow")
    assert "Somebody else" in again.text and 'id="consent-allow"' in again.text
    assert house.parts.store.find(Consent) == []


@pytest.mark.attack("A014")
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_consent_is_given_by_post_alone(house: House, method: str) -> None:
    """A link allows nothing (RFC 9110 §9.2.1)."""
    _, browser, page = consent_page(house)
    form: dict[str, Any] = {**Form.of(page.text).hidden, "decision": "allow"}
    before = rows(house)
    response = browser.open("/consent", method=method, query_string=form, base_url=ISSUER)
    assert response.status_code == 405 and "POST" in response.headers["Allow"]
    assert rows(house) == before


@pytest.mark.attack("A096")
def test_a_withdrawn_consent_is_asked_again(house: House) -> None:
    """The next request asks, silently or not (OWASP ASVS 10.7.3)."""
    app, browser = house.register(), house.signed_in(house.citizen())
    house.code(browser, app)
    house.parts.store.commit([Update(Consent, {"client_id": app.id}, {"withdrawn_at": house.clock()})])
    assert answer(house.authorize(browser, app, prompt="none"))["error"] == "consent_required"
    assert 'id="consent-allow"' in house.authorize(browser, app).text


@pytest.mark.attack("A096")
def test_a_consent_that_is_withdrawn_while_a_tab_waits(house: House) -> None:
    """A yes from before the withdrawal is no yes (OWASP ASVS 10.7.3)."""
    app, browser, page = consent_page(house)
    form = {**Form.of(page.text).hidden, "decision": "allow"}
    path = post(browser, form).headers["Location"]
    house.parts.store.commit([Update(Consent, {"client_id": app.id}, {"withdrawn_at": house.clock()})])
    assert 'id="consent-allow"' in browser.get(path, base_url=ISSUER).text
    assert house.parts.store.find(Grant) == []


@pytest.mark.attack("A096")
def test_a_consent_that_is_withdrawn_at_the_very_moment(any_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between reading the consent and writing the grant: no code rests on a withdrawn consent (OWASP ASVS 10.7.3)."""
    house = any_house
    app, browser = house.register(), house.signed_in(house.citizen())
    house.code(browser, app)
    grants = house.parts.store.find(Grant)
    opened, withdrawn = house.parts.vault.lately, {"withdrawn_at": house.clock()}

    def meanwhile(self: object, account_id: bytes) -> object:
        house.parts.store.commit([Update(Consent, {"client_id": app.id}, withdrawn)])
        return opened(account_id)

    monkeypatch.setattr(type(house.parts.vault), "lately", meanwhile)
    assert answer(house.authorize(browser, app))["error"] == "consent_required"
    assert house.parts.store.find(Grant) == grants
