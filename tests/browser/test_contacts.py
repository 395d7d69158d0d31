"""E-mail addresses and phone numbers as their owner keeps them: on a phone, without JavaScript, in both languages."""

import pytest
from playwright.sync_api import expect

from idp.flows.one_time import PER_ASKER
from idp.ports import Add, Update
from idp.records import OneTime, Session

pytestmark = pytest.mark.browser

FACES = [
    pytest.param({"locale": "zh-CN", "javascript": False, "phone": True}, id="zh"),
    pytest.param({"locale": "en", "javascript": False, "phone": True}, id="en"),
]
LIST = "/account/contacts"


def type_in(li, typed):
    li.page.locator("#identifier").fill(typed)
    li.press("#contact-send")


def type_code(li, to):
    li.page.locator("#code").fill(li.code_for(to))
    li.press("#confirm-code")
    expect(li.page.locator("#change-done")).to_be_visible()


def account_of(li) -> bytes:
    return max(li.demo.parts.store.find(Session, {"ended_at": None}), key=lambda one: one.created_at).account_id


def grow_old(li):
    """Six minutes pass for the proofs of this citizen's sessions."""
    mine = {"account_id": account_of(li), "ended_at": None}
    li.demo.parts.store.commit([Update(Session, mine, {"auth_at": Add(-360_000_000)}, rows=None)])


@pytest.mark.parametrize("face", FACES)
def test_one_more_another_instead_and_one_less(citizens, face):
    li = citizens(**face)
    li.sign_in_first()
    li.open("/account/security")
    li.press("#to-contacts")
    li.press("#add-contact")
    new = f"xin.{li.account.username}@例子.中国"
    grow_old(li)
    type_in(li, new)
    li.page.locator("#password").fill(li.account.password)
    li.press("#reauthenticate")
    expect(li.page.locator("#identifier")).to_have_value(new)
    li.press("#contact-send")
    expect(li.page.locator("main")).to_contain_text("x***@例子.中国")
    li.press("#send-again")
    expect(li.page.locator("#code-resent")).to_be_visible()
    type_code(li, "xn--fsqu00a")
    other = "en" if face["locale"] == "zh-CN" else "zh-Hans"
    li.press(f".ym-languages [hreflang={other}]")
    expect(li.page.locator("html")).to_have_attribute("lang", other)
    expect(li.page.locator("#change-done")).to_be_visible()
    li.press("#to-contacts")
    li.press("a[href*='instead='] >> nth=0")
    mobile = f"1370000{li.demo.made:04d}"
    type_in(li, mobile)
    type_code(li, f"+86{mobile}")
    assert any(said in li.messages(f"+86{mobile}")[0] for said in ("此号码", "this number"))
    for _ in range(2):
        li.open(LIST)
        li.press("a[href*='remove'] >> nth=0")
        li.press("#contact-remove")
        expect(li.page.locator("#change-done")).to_be_visible()
    li.open(LIST)
    expect(li.page.locator("a[href*='remove']")).to_have_count(0)
    last = li.page.locator("a[href*='instead=']").get_attribute("href")
    li.open(last.replace("new?instead", "remove?contact"))
    expect(li.page.locator("#contact-remove")).to_have_count(0)
    li.press("#add-contact")
    expect(li.page.locator("#contact-send")).to_be_visible()


@pytest.mark.parametrize("face", FACES)
def test_who_asked_too_often_is_told_when_to_come_back(citizens, face):
    li = citizens(**face)
    li.sign_in_first()
    for n in range(PER_ASKER):
        li.open(f"{LIST}/new")
        type_in(li, f"n{n}.{li.account.email}")
    li.press("#send-again")
    expect(li.page.locator(".govuk-error-summary")).to_be_visible()
    expect(li.page.locator("#code")).to_be_visible()
    li.open(f"{LIST}/new")
    type_in(li, f"more.{li.account.email}")
    expect(li.page.locator(".govuk-error-summary")).to_contain_text("1 小时" if face["locale"] == "zh-CN" else "1 hour")
    expect(li.page.locator("#identifier")).to_have_value(f"more.{li.account.email}")


@pytest.mark.parametrize("face", FACES)
def test_a_reset_that_is_too_old_begins_anew(citizens, face):
    li = citizens(**face)
    li.open("/forgot")
    li.page.locator("#identifier").fill(li.account.email)
    li.press("main form button")
    used = {"purpose": "reset", "state": "open"}
    li.demo.parts.store.commit([Update(OneTime, used, {"state": "used"}, rows=None)])
    li.page.locator("#code").fill("12345678")
    li.press("#confirm-code")
    expect(li.page.locator("main")).not_to_contain_text("服务" if face["locale"] == "zh-CN" else "service")
    li.press("main a.govuk-button")
    expect(li.page).to_have_url(li.demo.issuer + "/forgot")


def test_no_line_of_a_heading_ends_inside_a_word(citizens):
    """At any width of a phone"""
    li = citizens(locale="en", phone=True)
    li.sign_in_first()
    for path in (LIST, f"{LIST}/new"):
        li.open(path)
        word = li.page.locator("h1 .ym-whole")
        for width in range(280, 440, 8):
            li.page.set_viewport_size({"width": width, "height": 740})
            assert word.evaluate("one => one.getClientRects().length") == 1, (path, width)
