"""E-mail addresses and phone numbers of one's own account: one more, another instead, none any more."""

import re
from typing import Any

import pytest

from idp.flows.notices import TEXTS
from idp.flows.people import meant
from idp.flows.staff import staff_link
from idp.records import Attribute, Grant, Identifier, OneTime, Session
from tests.journeys.test_history import sequenced
from tests.kit.house import House
from tests.kit.person import PASSWORD, Person, authorize, enrol, last_code, messages, totp_now

OLD, NEW, PHONE = "li.wei@example.cn", "li.wei@new.example.cn", "+8613800138000"
CLAIMS = {"name": "李伟", "email": OLD, "email_verified": True, "updated_at": 1}


@pytest.fixture
def li_wei(house: House) -> Person:
    house.citizen("li.wei", OLD, claims=CLAIMS, password=PASSWORD)
    house.clock.advance(60)
    person = Person(house)
    person.sign_in()
    return person


def links(person: Person, step: str) -> list[str]:
    """Where the list's links of one step lead, in its order."""
    return re.findall(rf'href="(/account/contacts/{step}\?[^"]+)"', person.get("/account/contacts").text)


def add(person: Person, typed: str = NEW, at: str = "/account/contacts/new"):
    person.get(at)
    person.submit(identifier=typed)
    return person.submit(code=last_code(person.house, "contact_code"))


def claims(house: House, typed: str = "li.wei") -> dict[str, Any]:
    person = meant(house.parts, typed).person
    assert person is not None
    names = ("email", "email_verified", "phone_number", "phone_number_verified")
    return house.parts.vault.claims(person.citizen, names)


def told(house: House, kind: str) -> list[str]:
    return sorted(to for _, to, _ in messages(house, kind))


def signs_in(house: House, typed: str) -> bool:
    return Person(house).sign_in(typed).request.path == "/account"


def test_the_way_there_and_back(li_wei: Person) -> None:
    """From the page on security to the list, masked as everywhere; without a recent proof it is asked for first."""
    assert 'href="/account/contacts"' in li_wei.get("/account/security").text
    page = li_wei.get("/account/contacts").text
    assert "l***@example.cn" in page and OLD not in page and 'href="/account/security"' in page
    li_wei.house.clock.advance(301)
    assert li_wei.get("/account/contacts").request.path == "/account/confirm"
    assert li_wei.submit(password=PASSWORD).request.path == "/account/contacts"


@pytest.mark.parametrize(
    ("typed", "name", "channel", "claim"),
    [
        ("Li.Wei@NEW.example.cn", NEW, "email", {}),
        ("138 0013 8000", PHONE, "phone", {"phone_number": PHONE, "phone_number_verified": True}),
    ],
)
def test_one_more(li_wei: Person, typed: str, name: str, channel: str, claim: dict[str, Any]) -> None:
    house, elsewhere = li_wei.house, Person(li_wei.house)
    elsewhere.sign_in()
    answer = add(li_wei, typed)
    assert answer.request.path == "/account/security" and 'id="change-done"' in answer.text
    assert messages(house, "contact_code")[0][1] == name
    assert told(house, "contact_added") == [OLD], "not the new one"
    assert claims(house) == {"email": OLD, "email_verified": True, **claim}
    event = house.events("account.contact_changed")[-1]
    assert (event["how"], event["channel"]) == ("added", channel)
    assert signs_in(house, typed) and signs_in(house, OLD)
    assert elsewhere.get("/account").request.path == "/account", "nothing was taken away from anybody"


def test_another_instead(li_wei: Person) -> None:
    """It takes the place of the old one everywhere: to sign in, for codes, for what services are told."""
    house, elsewhere = li_wei.house, Person(li_wei.house)
    app = house.register(scope="openid offline_access")
    elsewhere.sign_in()
    for session in house.parts.store.find(Session, {"ended_at": None}):
        house.grant(app, session.account_id, session=session, offline=1)
    house.clock.advance(5)
    assert 'id="change-done"' in add(li_wei, at=links(li_wei, "new")[0]).text
    assert claims(house) == {"email": NEW, "email_verified": True}
    assert house.events("account.contact_changed")[-1]["how"] == "replaced"
    assert told(house, "contact_replaced") == [OLD]
    assert signs_in(house, NEW) and not signs_in(house, OLD)
    assert elsewhere.get("/account").request.path == "/sign-in"
    assert li_wei.get("/account").request.path == "/account"
    assert all(grant.ended_at is not None for grant in house.parts.store.find(Grant))
    person = meant(house.parts, NEW).person
    assert person is not None and house.parts.vault.claims(person.citizen, ("updated_at",))["updated_at"] > 1
    rows = {row.code: row.source for row in house.parts.store.find(Attribute)}
    assert rows["email"] == rows["email_verified"] == "self", "a code proved it, no register did"


def test_the_one_before_may_be_used_by_others_then(li_wei: Person) -> None:
    add(li_wei, at=links(li_wei, "new")[0])
    other = Person(li_wei.house)
    other.get("/sign-up")
    other.submit(identifier=OLD)
    assert last_code(li_wei.house, "sign_up_code")


def test_another_kind_instead(li_wei: Person) -> None:
    add(li_wei, PHONE, at=links(li_wei, "new")[0])
    assert claims(li_wei.house) == {"phone_number": PHONE, "phone_number_verified": True}
    assert told(li_wei.house, "contact_replaced") == [OLD]


def test_one_less(li_wei: Person) -> None:
    """The page asks first; what services are told falls back on the one that is left."""
    house = li_wei.house
    assert links(li_wei, "remove") == [], "it is the only one"
    add(li_wei)
    add(li_wei, PHONE)
    first = links(li_wei, "remove")[0]
    page = li_wei.get(first).text
    assert "l***@example.cn" in page and house.events("account.contact_changed")[-1]["how"] == "added"
    assert 'id="change-done"' in li_wei.submit().text
    assert claims(house)["email"] == NEW
    assert told(house, "contact_removed") == [PHONE, OLD, NEW]
    assert not signs_in(house, OLD)
    house.clock.advance(1)
    li_wei.get(links(li_wei, "remove")[1])
    li_wei.submit()
    assert claims(house) == {"email": NEW, "email_verified": True}
    assert told(house, "contact_removed") == [PHONE, PHONE, OLD, NEW, NEW], "the number hears of its own end too"
    assert links(li_wei, "remove") == []


def test_an_address_that_was_never_confirmed(house: House) -> None:
    """Staff whom a link made: added once more it is confirmed, and codes go there."""
    person = Person(house)
    person.get(staff_link(house.parts, ["auditor"], now=house.clock()).removeprefix(house.config.issuer))
    person.submit(identifier=OLD, name="", new_password=PASSWORD, repeat_password=PASSWORD)
    secret = re.search(r'id="totp-secret">([^<]+)<', person.page.text)
    assert secret is not None
    person.submit(totp=totp_now(house, secret[1]))
    assert "尚未确认" in person.get("/account/contacts").text
    assert 'id="change-done"' in add(person, OLD).text
    assert house.events("account.contact_changed")[-1]["how"] == "confirmed"
    (row,) = house.parts.store.find(Identifier)
    assert row.verified_at is not None and claims(house, OLD) == {"email": OLD, "email_verified": True}
    assert "尚未确认" not in person.get("/account/contacts").text


@pytest.mark.parametrize("lang", ["zh-Hans", "en"])
def test_the_last_one_is_kept_and_the_page_says_so_first(li_wei: Person, lang: str) -> None:
    """No question that would be refused: what to do first, and a way there. A form that was made before is refused still."""
    house = li_wei.house
    add(li_wei)
    old, _ = links(li_wei, "remove")
    li_wei.get(old)
    form = li_wei.form()
    li_wei.get(links(li_wei, "remove")[1])
    li_wei.submit()
    assert links(li_wei, "remove") == []
    page = li_wei.get(f"{old}&lang={lang}").text
    assert 'id="contact-remove"' not in page and "<form method" not in page.split("</header>")[1]
    assert ("First add another one" if lang == "en" else "请先添加另一个") in page and 'id="add-contact"' in page
    assert li_wei.post(*form).status_code == 422
    assert len(house.parts.store.find(Identifier, {"kind": "email"})) == 1


@pytest.mark.parametrize("at", ["new", "instead"])
def test_what_was_typed_is_there_after_the_proof(li_wei: Person, at: str) -> None:
    """The proof grew old while the form was filled in: password, then the same form, as it was; no address of a page holds it."""
    house = li_wei.house
    path = "/account/contacts/new" if at == "new" else links(li_wei, "new")[0]
    before = li_wei.get(path).text
    house.clock.advance(301)
    assert li_wei.submit(identifier=NEW).request.path == "/account/confirm"
    answer = li_wei.submit(password=PASSWORD)
    assert answer.request.path == "/account/contacts/new" and NEW not in answer.request.url
    assert f'value="{NEW}"' in answer.text and f'value="{NEW}"' not in before
    assert ("l***@example.cn" in answer.text.split("</h1>")[1]) is (at == "instead")
    assert f'value="{NEW}"' in li_wei.get("/account/contacts/new?kept=1&lang=en").text
    li_wei.submit()
    action, hidden = li_wei.form()
    li_wei.post(action, {**hidden, "identifier": NEW})
    assert 'id="change-done"' in li_wei.submit(code=last_code(house, "contact_code")).text
    assert house.events("account.contact_changed")[-1]["how"] == ("added" if at == "new" else "replaced")
    assert NEW not in li_wei.get("/account/contacts/new?kept=1").text, "it was used"


def test_what_was_typed_is_there_after_both_proofs(li_wei: Person) -> None:
    """Who has a second factor proves it too; the form waits for that as well."""
    house = li_wei.house
    secret, _ = enrol(li_wei)
    li_wei.get("/account/contacts/new")
    house.clock.advance(301)
    li_wei.submit(identifier=NEW)
    assert li_wei.submit(password=PASSWORD).request.path == "/sign-in/totp" and NEW not in li_wei.page.text
    assert li_wei.submit(totp=totp_now(house, secret)).request.path == "/account/contacts/new"
    assert f'value="{NEW}"' in li_wei.page.text


def test_what_was_typed_is_its_sessions_alone(li_wei: Person) -> None:
    """Sealed, for ten minutes, and for no other session of the same citizen"""
    house, elsewhere = li_wei.house, Person(li_wei.house)
    li_wei.get("/account/contacts/new")
    house.clock.advance(301)
    li_wei.submit(identifier=NEW)
    elsewhere.sign_in()
    assert NEW not in elsewhere.get("/account/contacts/new?kept=1").text
    li_wei.submit(password=PASSWORD)
    assert NEW in li_wei.page.text and NEW not in li_wei.get("/account/contacts/new").text
    house.clock.advance(299)
    assert NEW in li_wei.get("/account/contacts/new?kept=1").text
    house.clock.advance(302)
    li_wei.get("/account/confirm?to=contact-kept")
    assert li_wei.submit(password=PASSWORD).request.path == "/account/contacts/new" and NEW not in li_wei.page.text


@pytest.mark.parametrize(
    ("typed", "zh", "en"), [(NEW, "此邮箱", "this address"), ("13900139000", "此号码", "this number")]
)
def test_a_message_names_where_it_arrives(li_wei: Person, typed: str, zh: str, en: str) -> None:
    """A text message speaks of a number, an e-mail of an address: the code's, and those to who has it already."""
    house = li_wei.house
    house.citizen("zhang.min", "zhang.min@example.cn", claims={}, password=PASSWORD)
    other = Person(house)
    other.sign_in("zhang.min")
    add(li_wei, typed)
    other.get("/account/contacts/new")
    other.submit(identifier=typed)
    other.get("/sign-up")
    other.submit(identifier=typed)
    said = {kind: body for kind, _, body in messages(house) if kind in ("contact_code", "contact_exists", "exists")}
    assert [zh in body for body in said.values()] == [True] * 3
    for kind in said:
        assert en in "".join(TEXTS[kind]["en"]).format(code="1", minutes="10", here=en)
        assert "{here}" in "".join(TEXTS[kind]["zh-Hans"])
        assert "address" not in "".join(TEXTS[kind]["en"]) and "地址" not in "".join(TEXTS[kind]["zh-Hans"])


def test_a_domain_in_han_letters_is_shown_in_them(li_wei: Person) -> None:
    """On each page of the journey, where the account is named, and where a service would be told it"""
    add(li_wei, "zhang@例子.中国")
    assert "z***@例子.中国" in li_wei.page.text
    assert "z***@例子.中国" in li_wei.get("/account/contacts").text and "xn--" not in li_wei.page.text
    app = li_wei.house.register(scope="openid email")
    li_wei.get(links(li_wei, "remove")[0])
    li_wei.submit()
    authorize(li_wei, app, scope="openid email")
    assert "z***@例子.中国" in li_wei.page.text


@pytest.mark.parametrize("typed", ["", "li.wei", "not an address", "a@b@c.cn", "123", OLD, "LI.WEI@example.cn."])
def test_what_is_no_new_address(li_wei: Person, typed: str) -> None:
    li_wei.get("/account/contacts/new")
    answer = li_wei.submit(identifier=typed)
    assert answer.status_code == 422 and "govuk-error-summary" in answer.text
    assert not messages(li_wei.house) and not li_wei.house.parts.store.count(OneTime)


def test_a_code_page_of_its_own(li_wei: Person) -> None:
    """It can be opened again, in another language, and after a new proof; another code ends the first."""
    li_wei.get("/account/contacts/new")
    assert li_wei.submit(identifier=NEW).request.path == "/account/contacts/code"
    first = last_code(li_wei.house, "contact_code")
    li_wei.house.clock.advance(301)
    assert li_wei.get("/account/contacts/code?lang=en").request.path == "/account/confirm"
    assert li_wei.submit(password=PASSWORD).request.path == "/account/contacts/code"
    assert "l***@new.example.cn" in li_wei.page.text
    assert li_wei.submit(form=1, again="1").request.path == "/account/contacts/code"
    second = last_code(li_wei.house, "contact_code")
    assert first != second and li_wei.submit(code=first).status_code == 422
    assert li_wei.submit(code=second).request.path == "/account/security"
    assert li_wei.get("/account/contacts/code").request.path == "/account/contacts"


def test_services_are_told_the_new_one(li_wei: Person) -> None:
    app = li_wei.house.register(scope="openid email")
    authorize(li_wei, app, scope="openid email")
    assert "l***@example.cn" in li_wei.page.text
    add(li_wei, "zhang@new.example.cn", at=links(li_wei, "new")[0])
    authorize(li_wei, app, scope="openid email")
    assert "z***@new.example.cn" in li_wei.page.text and "l***@example.cn" not in li_wei.page.text


def test_a_copy_tells_the_act_and_not_whether_a_code_was_sent(li_wei: Person) -> None:
    """Else it would tell which addresses somebody else has."""
    house = li_wei.house
    add(li_wei)
    sequenced(house)
    li_wei.get("/account/copy")
    copy = li_wei.submit({"form": "json"}).get_json()
    assert "account.contact_changed" in [event["kind"] for event in copy["events"]]
    assert [one["subject"] for one in copy["messages"]] == ["已添加登录用的邮箱或手机号码"]
    li_wei.get("/account/copy")
    assert "登录用的电子邮箱或手机号码已变更" in li_wei.submit({"form": "html"}).text
