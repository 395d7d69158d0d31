"""Consent, first form: what is shown, what is remembered, and until when."""

from typing import Any

import msgspec
import pytest

from clients.model import from_json
from idp.flows import register
from idp.ports import Insert, Update
from idp.records import ClientLogo, ClientRow, Consent, Grant
from tests.journeys.test_authorize import allow, answer_of, query
from tests.kit.house import ISSUER, SCOPES, App, House


def consents(house: House) -> list[Consent]:
    return house.parts.store.find(Consent)


def test_the_page_shows_who_asks_and_every_value_masked(house: House) -> None:
    app = house.register(
        client_name="个税 <b>", policy_uri="https://tax.example/privacy", tos_uri="https://tax.example/terms"
    )
    page = house.authorize(
        house.signed_in(house.citizen()), app, scope="openid profile email phone address", ui_locales="en"
    )
    for shown in (
        "个税 &lt;b&gt;",
        "tax bureau",
        "https://tax.example/privacy",
        "https://tax.example/terms",
        "李*",
        "l***@example.cn",
        "1990-**-**",
    ):
        assert shown in page.text, shown
    for hidden in ("李伟", "li.wei@example.cn", "1990-02-03", "13800138000", "8613800138000"):
        assert hidden not in page.text, hidden


def test_a_page_without_a_value_does_not_speak_of_hidden_ones(house: House) -> None:
    app, browser = house.register(), house.signed_in(house.citizen(claims={"name": "李伟"}))
    page = house.authorize(browser, app, scope="openid email", ui_locales="en").text
    assert "If we come to know these, the service will receive them too." in page and "partly hidden" not in page
    assert "partly hidden" in house.authorize(browser, app, scope="openid profile", ui_locales="en").text


@pytest.mark.parametrize(
    ("redirect_uris", "asked", "place"),
    [
        (["https://one.example/cb", "https://two.example:8443/cb"], "https://two.example:8443/cb", "two.example:8443"),
        (["example.gov.app:/cb"], "example.gov.app:/cb", "example.gov.app"),
    ],
)
def test_rfc7591_2_a_service_without_a_name_is_called_by_its_department_and_place(
    house: House, redirect_uris: list[str], asked: str, place: str
) -> None:
    """A client's id would tell a citizen nothing, and never be told from another."""
    kind: dict[str, Any] = {"application_type": "native"} if asked.startswith("example") else {}
    app = house.register(client_name=None, redirect_uris=redirect_uris, **kind)
    first = house.browser()
    sign_in = house.authorize(first, app, redirect_uri=asked, ui_locales="en")
    browser = house.signed_in(house.citizen())
    consent = house.authorize(browser, app, redirect_uri=asked, ui_locales="en")
    for page in (sign_in, consent):
        assert page.status_code == 200 and f"tax bureau ({place})" in page.text
        assert app.id not in page.text
    assert f"tax局 ({place})" in house.authorize(browser, app, redirect_uri=asked, ui_locales="zh-Hans").text
    allow(house, browser, consent)
    for path in ("/account/services", "/account/history", "/logout"):
        own = browser.get(path, base_url=house.config.issuer)
        assert "tax局 (" in own.text or "tax bureau (" in own.text, path
        assert app.id not in own.text, path


def test_a_name_in_another_language_is_better_than_none(house: House) -> None:
    names: dict[str, Any] = {"client_name#zh-Hans": "个税申报"}
    app = house.register(client_name=None, **names)
    assert "个税申报" in house.authorize(house.browser(), app, ui_locales="en").text


def test_only_what_is_asked_is_shown(house: House) -> None:
    page = house.authorize(house.signed_in(house.citizen()), house.register(), scope="openid email")
    assert "l***@example.cn" in page.text and "李*" not in page.text and "1990" not in page.text


def test_it_is_remembered_until_more_is_asked(house: House) -> None:
    app, browser = house.register(), house.signed_in(house.citizen())
    allow(house, browser, house.authorize(browser, app, scope="openid email"))
    assert "code" in answer_of(house.authorize(browser, app, scope="openid email"))
    assert "code" in answer_of(house.authorize(browser, app, scope="openid"))
    assert "code" in answer_of(house.authorize(browser, app, scope="openid", claims='{"userinfo": {"email": null}}'))
    more = house.authorize(browser, app, scope="openid phone", ui_locales="en")
    assert "asks for something else" in more.text
    assert "code" in answer_of(allow(house, browser, more))
    assert "code" in answer_of(house.authorize(browser, app, scope="openid email phone"))
    (row,) = consents(house)
    document = msgspec.json.decode(row.document)
    assert document["scope"] == ["email", "openid", "phone"]
    assert document["claims"] == ["email", "email_verified", "phone_number", "phone_number_verified"]


def test_a_single_claim_is_asked_like_a_scope(house: House) -> None:
    app, browser = house.register(), house.signed_in(house.citizen())
    allow(house, browser, house.authorize(browser, app, scope="openid"))
    page = house.authorize(browser, app, scope="openid", claims='{"id_token": {"birthdate": null}}', ui_locales="en")
    assert "1990-**-**" in page.text and 'id="consent-allow"' in page.text


def test_the_event_says_what_was_shown(house: House) -> None:
    app, browser = house.register(), house.signed_in(house.citizen())
    allow(house, browser, house.authorize(browser, app, scope="openid email"))
    (event,) = house.events("consent.given")
    assert (event["scope"], event["claims"], event["client_id"]) == (
        "email openid",
        ["email", "email_verified"],
        app.id,
    )
    assert event["digest"] == consents(house)[0].digest.hex()


def test_cancel_goes_to_the_client_and_leaves_an_event_and_no_consent(house: House) -> None:
    app, browser = house.register(), house.signed_in(house.citizen())
    page = house.authorize(browser, app)
    answer = answer_of(house.submit(browser, page, decision="deny"))
    assert (answer["error"], answer["state"], answer["iss"]) == ("access_denied", "a-state", ISSUER)
    assert (consents(house), house.parts.store.find(Grant)) == ([], [])
    assert [event["kind"] for event in house.events()][-1] == "consent.denied"
    assert "consent-allow" not in browser.get(page.request.path, base_url=ISSUER).text


def test_what_was_withdrawn_is_asked_again(house: House) -> None:
    app, account = house.register(), house.citizen()
    browser = house.signed_in(account)
    house.code(browser, app)
    row = consents(house)[0]
    house.parts.store.commit([Update(Consent, {"client_id": app.id}, {"withdrawn_at": house.clock()})])
    assert answer_of(house.authorize(browser, app, prompt="none"))["error"] == "consent_required"
    house.code(browser, app)
    assert consents(house)[0].withdrawn_at is None
    assert consents(house)[0].digest == row.digest


def test_prompt_consent_asks_each_time_and_once(house: House) -> None:
    app, browser = house.register(), house.signed_in(house.citizen())
    house.code(browser, app)
    page = house.authorize(browser, app, prompt="consent")
    assert "code" in answer_of(allow(house, browser, page))


def test_core_11_offline_access_needs_a_consent_that_names_it(house: House) -> None:
    app, browser = house.register(), house.signed_in(house.citizen())
    house.code(browser, app, scope="openid")
    page = house.authorize(browser, app, scope="openid offline_access", ui_locales="en")
    assert "Access while you are away" in page.text
    allow(house, browser, page)
    assert house.parts.store.find(Grant, {"offline": 1}) != []
    assert "code" in answer_of(house.authorize(browser, app, scope="openid offline_access", prompt="none"))


@pytest.mark.parametrize(
    ("redirect", "asked_again"),
    [("https://tax.example/callback", False), ("http://127.0.0.1/cb", False), ("example.tax.app:/cb", True)],
)
def test_rfc8252_8_6_a_public_client_is_remembered_where_nobody_else_can_take_its_redirect(
    house: House, redirect: str, asked_again: bool
) -> None:
    app = house.public(application_type="native", redirect_uris=[redirect])
    browser = house.signed_in(house.citizen())
    for _ in range(2):
        page = house.authorize(browser, app)
        if 'id="consent-allow"' in page.text:
            page = house.submit(browser, page, decision="allow")
        assert page.status_code == 303 and "code=" in page.headers["Location"]
    again = house.authorize(browser, app)
    assert ('id="consent-allow"' in again.text) is asked_again
    refused = house.authorize(browser, app, prompt="none").headers["Location"]
    assert ("consent_required" in refused) is asked_again


def test_the_policy_lets_the_form_end_at_the_client_and_nowhere_else(house: House) -> None:
    page = house.authorize(house.signed_in(house.citizen()), house.register())
    assert "form-action 'self' https://tax.example;" in page.headers["Content-Security-Policy"]
    native = house.public(application_type="native", redirect_uris=["example.tax.app:/cb"])
    page = house.authorize(house.signed_in(house.citizen("b.b")), native)
    assert "form-action 'self' example.tax.app:;" in page.headers["Content-Security-Policy"]


def test_two_clients_have_each_their_own_consent(house: House) -> None:
    browser = house.signed_in(house.citizen())
    house.code(browser, house.register())
    page = house.authorize(browser, house.register("social"))
    assert 'id="consent-allow"' in page.text


def test_the_session_that_ends_between_page_and_answer_signs_in_first(house: House) -> None:
    app, browser = house.register(), house.signed_in(house.citizen())
    page = house.authorize(browser, app)
    browser.delete_cookie("__Host-yimen-session", domain="id.example")
    answer = house.submit(browser, page, decision="allow")
    assert 'id="sign-in"' in answer.text
    assert consents(house) == []


def test_query_helper_is_a_good_request(house: House) -> None:
    response = house.browser().get("/authorize", query_string=query(house.register()), base_url=ISSUER)
    assert response.headers["Location"].startswith("/authorize/")


NEW_FACES = [
    {"client_name": "另一个名字"},
    {"client_name#en": "Another name"},
    {"logo_uri": "https://tax.example/new.png"},
    {"policy_uri": "https://tax.example/new-privacy"},
    {"tos_uri": "https://tax.example/new-terms"},
    {"tos_uri#en": "https://tax.example/en/terms"},
]
UNSEEN = [
    {"redirect_uris": ["https://tax.example/callback", "https://tax.example/other"]},
    {"contacts": ["it@tax.example"]},
    {"software_version": "2"},
    {"backchannel_logout_uri": "https://tax.example/bye"},
]


def change(house: House, app: App, **metadata: Any) -> App:
    """The client's developers update its registration."""
    draft = {
        "client_id": app.id,
        "client_name": "tax",
        "redirect_uris": ["https://tax.example/callback"],
        "scope": SCOPES,
        **metadata,
    }
    row = house.parts.store.one(ClientRow, client_id=app.id)
    assert row is not None
    known = register.Known(from_json(row.document), row.version, "")
    return App(register.update(house.parts, known, draft, house.clock()).client, app.secret)


@pytest.mark.parametrize("face", NEW_FACES, ids=lambda face: next(iter(face)))
def test_a_service_that_shows_itself_otherwise_asks_again(house: House, face: dict[str, str]) -> None:
    """A consent is given to what was shown: name, logo, policy and terms (GDPR art. 7, PIPL art. 14)."""
    app, browser = house.register(), house.signed_in(house.citizen())
    allow(house, browser, house.authorize(browser, app, scope="openid email"))
    app = change(house, app, **face)
    assert answer_of(house.authorize(browser, app, scope="openid email", prompt="none"))["error"] == "consent_required"
    page = house.authorize(browser, app, scope="openid", ui_locales="en")
    assert "changed its name, logo, privacy policy or terms" in page.text and "something else" not in page.text
    assert "code" in answer_of(allow(house, browser, page))
    assert "code" in answer_of(house.authorize(browser, app, scope="openid"))
    assert msgspec.json.decode(consents(house)[0].document)["scope"] == ["openid"], (
        "what it had under its old face is gone"
    )


@pytest.mark.parametrize("unseen", UNSEEN, ids=lambda unseen: next(iter(unseen)))
def test_what_nobody_sees_asks_nobody(house: House, unseen: dict[str, Any]) -> None:
    app, browser = house.register(), house.signed_in(house.citizen())
    allow(house, browser, house.authorize(browser, app))
    assert "code" in answer_of(house.authorize(browser, change(house, app, **unseen)))


def test_a_service_that_is_renamed_while_it_asks_is_shown_anew(house: House) -> None:
    app, browser = house.register(), house.signed_in(house.citizen())
    page = house.authorize(browser, app)
    change(house, app, client_name="另一个名字")
    again = house.submit(browser, page, decision="allow")
    assert "另一个名字" in again.text and 'id="consent-allow"' in again.text and consents(house) == []


def test_a_logo_goes_with_its_address(house: House) -> None:
    app = house.register(logo_uri="https://tax.example/logo.png")
    house.parts.store.commit([Insert(ClientLogo(app.id, b"png", house.clock()))])
    change(house, app)
    assert house.parts.store.find(ClientLogo) == []
