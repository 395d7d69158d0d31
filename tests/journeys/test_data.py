"""My data: what is held and from whom, correcting one's own words, and a copy of everything."""

import json
import re
from typing import Any

import msgspec
import pytest

from idp.records import Attribute
from tests.journeys.test_history import citizen, sequenced, told
from tests.journeys.test_sign_up import sign_up
from tests.kit.house import House
from tests.kit.person import PASSWORD, Person, messages


def own(house: House, **values: Any) -> tuple[bytes, Person]:
    """A citizen who said these things themselves, and whose date of birth an office keeps."""
    account = house.citizen("li.wei", "li.wei@example.cn", claims={"birthdate": "1990-02-03"}, password=PASSWORD)
    opened = house.parts.vault.citizen(account)
    from idp.ports import Insert

    rows = [Insert(opened.seal_claim(code, value, 1, "self", house.clock())) for code, value in values.items()]
    house.parts.store.commit(rows)
    person = Person(house)
    person.sign_in()
    return account, person


def test_sources_are_shown_and_only_ones_own_words_have_a_button(house: House) -> None:
    _, person = own(house, nickname="小李")
    page = person.get("/account/data?lang=en").text
    assert "attribute=nickname" in page and "You said so yourself" in page
    assert "attribute=birthdate" not in page and "1990-**-**" in page and "ask this office" in page
    assert "attribute=website" in page
    assert ">Nickname<" in page and "昵称" not in page
    assert all('href="/account/copy"' in person.get(path).text for path in ("/account/data", "/account/delete"))
    for code in ("birthdate", "email", "national_id", "nobody", ""):
        assert person.get(f"/account/correct?attribute={code}").status_code == 404, code


def test_a_correction_reaches_services_and_is_told(any_house: House) -> None:
    """Issue 3.8: correction of self-declared attributes, validated, recorded, marked as self-declared"""
    house = any_house
    account, person = own(house, nickname="小李")
    app = house.register()
    tokens = house.tokens(app, account, scope="openid profile")
    house.clock.advance(60)
    person.get("/account/correct?attribute=nickname")
    assert 'value="小李"' in person.page.text
    person.submit(value="x" * 99)
    assert person.page.status_code == 422 and "x" * 99 in person.page.text
    assert person.submit(value=" 老 李 ").request.path == "/account/data"
    claims = house.userinfo(tokens["access_token"]).get_json()
    assert claims["nickname"] == "老 李" and claims["updated_at"] == house.clock.seconds
    (row,) = house.parts.store.find(Attribute, {"code": "nickname"})
    assert (row.source, row.row_version) == ("self", 2)
    event = house.events("account.attribute_corrected")[-1]
    assert (event["attribute"], event["how"]) == ("nickname", "set") and "老" not in str(event)
    ((_, to, body),) = messages(house, "attribute_corrected")
    assert to == "li.wei@example.cn" and "老" not in body
    person.get("/account/correct?attribute=nickname")
    person.submit(value="")
    assert "nickname" not in house.userinfo(tokens["access_token"]).get_json()
    assert house.events("account.attribute_corrected")[-1]["how"] == "removed"


def test_an_address_is_typed_in_parts(house: House) -> None:
    account, person = own(house)
    person.get("/account/correct?attribute=address")
    person.submit(country="CN", region="浙江省", locality="杭州市", street_address="西湖路1号", postal_code="310000")
    held = house.parts.vault.claims(house.parts.vault.citizen(account), ("address",))["address"]
    assert held["locality"] == "杭州市" and set(held) == {
        "country",
        "region",
        "locality",
        "street_address",
        "postal_code",
    }


def test_before_a_value_is_saved_its_receivers_are_named(house: House) -> None:
    """What was not on record when a service was allowed to see it is told without another question."""
    _, person = own(house)
    app = house.register(client_name="Income tax online")
    house.register(client_name="Never used")
    other = house.register(client_name="Knows the address alone")
    for client, scope in ((app, "openid profile"), (other, "openid email")):
        house.code(person.browser, client, scope=scope)
    page = person.get("/account/correct?attribute=nickname&lang=en").text
    listed = page[page.index('id="receivers"') : page.index("<form")]
    assert "Income tax online" in listed and "tax bureau" in listed
    assert "Never used" not in page and "Knows the address alone" not in page
    person.get("/account/services")
    handles = re.findall(r'name="withdraw" value="([^"]+)"', person.page.text)
    names = re.findall(r'<bdi id="service-[12]">([^<]+)<', person.page.text)
    person.submit(withdraw=handles[names.index("Income tax online")])
    person.submit(sure="1")
    assert 'id="receivers"' not in person.get("/account/correct?attribute=nickname").text


def test_a_yes_for_once_counts_while_its_tokens_live(house: House) -> None:
    _, person = own(house)
    app = house.register(client_name="Income tax online")
    page = house.authorize(person.browser, app, scope="openid profile")
    house.submit(person.browser, page, decision="allow", lasts="once")
    path = "/account/correct?attribute=nickname"
    assert "Income tax online" in person.get(path).text
    house.clock.advance(86_400)
    person.sign_in()
    assert "Income tax online" not in person.get(path).text and 'id="correct-save"' in person.page.text


def test_an_address_that_a_code_confirmed_says_so(house: House) -> None:
    person = Person(house)
    sign_up(person, "wang.fang@example.cn")
    day = '<time datetime="2026-01-01">[^<]+</time>'
    page = person.get("/account/data?lang=en").text
    assert len(re.findall(rf"We confirmed it with a code on {day}", page)) == 2, "the address, and that it is confirmed"
    assert len(re.findall("You said so yourself", page)) == 2, "name and language"
    assert "用验证码确认" in person.get("/account/data?lang=zh-Hans").text
    own(house, email="another@example.cn", email_verified=True)
    other = Person(house)
    other.sign_in()
    assert "with a code" not in other.get("/account/data?lang=en").text, "no code was sent there"


@pytest.mark.parametrize(
    ("attribute", "typed", "said"),
    [
        ("nickname", {"value": "小\u200b李"}, "其中有无法显示的字符"),
        ("nickname", {"value": "小" * 81}, "最多 80 个字"),
        ("address", {"country": "C\u202eN"}, "其中有无法显示的字符"),
        ("address", {"street_address": "路" * 201}, "请在一行内最多输入200字"),
    ],
)
def test_what_is_wrong_with_a_value_is_said_as_it_is(
    house: House, attribute: str, typed: dict[str, Any], said: str
) -> None:
    account, person = own(house)
    person.get(f"/account/correct?attribute={attribute}")
    assert said in person.submit(typed).text
    assert house.events("account.attribute_corrected") == []
    assert house.parts.vault.claims(house.parts.vault.citizen(account), (attribute,)).get(attribute) != typed


def test_the_same_value_again_changes_nothing(house: House) -> None:
    _, person = own(house, nickname="小李")
    person.get("/account/correct?attribute=nickname")
    person.submit(value="小李")
    assert house.events("account.attribute_corrected") == []


@pytest.mark.attack("A129")
@pytest.mark.parametrize("path", ["/account/correct?attribute=nickname", "/account/copy", "/account/delete"])
def test_an_old_proof_is_not_enough(house: House, path: str) -> None:
    """Six minutes after the sign-in the password is asked again, for the page and for its form (ASVS 7.5.1)."""
    _, person = own(house, nickname="小李")
    person.get(path)
    action, hidden = person.form()
    house.clock.advance(360)
    assert person.get(path).request.path == "/account/confirm"
    answer = person.post(action, {**hidden, "value": "x", "form": "json", "sure": "1"})
    assert answer.request.path == "/account/confirm"
    kinds = {event["kind"] for event in house.events()}
    assert not {"account.attribute_corrected", "account.copy_taken", "erasure.asked"} & kinds
    person.submit(password=PASSWORD)
    assert person.page.request.path == path.partition("?")[0]


@pytest.mark.parametrize(
    ("attribute", "typed"),
    [
        ("nickname", {"value": "小李子"}),
        ("address", {"country": "CN", "region": "浙江省", "street_address": "西湖路2号"}),
    ],
)
def test_a_correction_is_there_after_the_proof(house: House, attribute: str, typed: dict[str, str]) -> None:
    """The proof grew old while it was written: password, then the same form as it was filled in, in both languages; sent, it is gone."""
    account, person = own(house, nickname="小李")
    person.get(f"/account/correct?attribute={attribute}")
    house.clock.advance(360)
    assert person.submit(typed).request.path == "/account/confirm"
    page = person.submit(password=PASSWORD)
    assert page.request.path == "/account/correct" and not any(text in page.request.url for text in typed.values())
    for text in (page.text, person.get("/account/correct?kept=1&lang=en").text):
        assert all(f'value="{value}"' in text for value in typed.values())
    person.submit(typed)
    assert house.parts.vault.claims(house.parts.vault.citizen(account), (attribute,))[attribute] == typed.get(
        "value", typed
    )
    assert person.get("/account/correct?kept=1").status_code == 404


@pytest.mark.attack("A095")
def test_what_an_office_keeps_is_not_changed_by_hand(house: House) -> None:
    """A form that names another attribute than it was made for changes nothing (CWE-639)."""
    account, person = own(house, nickname="小李")
    person.get("/account/correct?attribute=nickname")
    action, hidden = person.form()
    for code in ("birthdate", "email", "national_id", "updated_at", "sub"):
        assert person.post(action, {**hidden, "attribute": code, "value": "2000-01-01"}).status_code == 404
    assert house.parts.vault.claims(house.parts.vault.citizen(account), ("birthdate",))["birthdate"] == "1990-02-03"


def copied(person: Person, form: str) -> Any:
    person.get("/account/copy")
    answer = person.submit({"form": form})
    assert answer.headers["Cache-Control"] == "no-store" and "attachment" in answer.headers["Content-Disposition"]
    return answer


def test_a_copy_of_everything(any_house: House) -> None:
    """Issue 3.8: export of everything about me, JSON and readable HTML"""
    house = any_house
    account, person = citizen(house)
    told(house, house.register(client_name="Income tax online"), account)
    phone = Person(house, remote="198.51.100.9")
    phone.sign_in()
    sequenced(house)
    person.get("/account/history")
    handle = re.findall(r'href="(/account/history/[A-Za-z0-9_-]+)"', person.page.text)[0]
    person.get(handle)
    person.submit(kind="object", words="不要再看")
    whole = json.loads(copied(person, "json").data)
    assert {a["name"]: a["value"] for a in whole["attributes"]}["birthdate"] == "1990-02-03"
    assert whole["identifiers"][0]["value"] == "li.wei" and whole["account"]["created_at"].startswith("2026-01-01T")
    assert {s["address"] for s in whole["sessions"]} >= {"203.0.113.7", "198.51.100.9"}
    assert whole["services"][0]["service"] == "Income tax online" and whole["objections"][0]["words"] == "不要再看"
    assert (
        whole["history"][0]["kind"] == "attributes.released" and whole["events_complete"] and whole["history_complete"]
    )
    assert "198.51.100.9" in {e.get("address") for e in whole["events"]}
    text = json.dumps(whole, ensure_ascii=False)
    secret = [
        PASSWORD,
        "argon2",
        account.hex(),
        house.parts.vault.citizen(account).pseudonym.hex(),
        person.cookie() or "?",
    ]
    assert not [value for value in secret if value in text]
    for lang, title in (("en", "Everything that we hold about you"), ("zh-Hans", "我们保存的关于您的全部信息")):
        person.get(f"/account/copy?lang={lang}")
        page = person.submit({"form": "html"}).text
        assert title in page and "1990-02-03" in page and "Income tax online" in page and "不要再看" in page
        assert "<script" not in page and "http-equiv" not in page and "src=" not in page
    assert [e["form"] for e in house.events("account.copy_taken")] == ["json", "html", "html"]


@pytest.mark.attack("A091")
def test_a_copy_holds_text_not_markup(house: House) -> None:
    """What others wrote stays text in the file (CWE-79)."""
    account, person = own(house, nickname="<script>alert(1)</script>")
    told(house, house.register(client_name="<img src=x onerror=alert(1)>"), account)
    page = copied(person, "html").text
    assert "<script" not in page and "<img" not in page and "&lt;script&gt;" in page


def test_a_copy_is_of_oneself_alone(house: House) -> None:
    _, person = own(house, nickname="小李")
    other = house.citizen("zhang.min", claims={"name": "张敏"}, password=PASSWORD)
    told(house, house.register(), other)
    whole = copied(person, "json").text
    assert "张敏" not in whole and "zhang" not in whole
    assert msgspec.json.decode(whole)["history"] == []
