"""What staff must find out within a minute, walked as a stranger walks it: from the console's first page, by what is written on it alone."""

import json
import secrets
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from playwright.sync_api import Locator, Page, expect

from tests.browser.citizen import Citizen
from tests.browser.served import Demo
from tests.browser.test_console import auditor
from tests.kit.house import challenge
from tests.kit.process import PATIENCE_S, wait_until

pytestmark = pytest.mark.browser
MOST = 8
"""Actions that one question may take, those of coming to the page not counted."""

SAID: dict[str, dict[str, str]] = {
    "zh-CN": {
        "console": "安全控制台",
        "person": "谁读取了某公民的信息，为什么？",
        "who": "其登录名、电子邮箱或手机号码",
        "data": "数据",
        "residence": "通信地址",
        "time": "时间",
        "week": "最近 7 天",
        "why": "查询理由",
        "reason": "警报",
        "look": "查找",
        "reader": "住房公积金管理中心",
        "released": "已提供数据",
        "purpose": "提供理由",
        "address": "地址或网段，例如 203.0.113.7 或 203.0.113.0/24",
        "search": "查询",
        "tried": "此地址尝试过的账号",
        "key": "某接入系统更换密钥后做了什么？",
        "pushed": "授权请求已推送",
        "proof": "查看证明，或立即核验",
        "check": "立即核验",
        "whole": "是：日志完整",
    },
    "en": {
        "console": "Console",
        "person": "Who read a citizen's data, and why?",
        "who": "What they sign in with: name, e-mail or phone",
        "data": "Data",
        "residence": "Postal address",
        "time": "Time",
        "week": "Last 7 days",
        "why": "Why you look",
        "reason": "An alert",
        "look": "Look up",
        "reader": "Housing Fund Centre",
        "released": "Data released",
        "purpose": "Told for",
        "address": "Address or network, like 203.0.113.7 or 203.0.113.0/24",
        "search": "Search",
        "tried": "Accounts that this address tried",
        "key": "What did a client do after its key changed?",
        "pushed": "Authorization request pushed",
        "proof": "Show the proof, or check now",
        "check": "Check now",
        "whole": "Yes: the log is whole",
    },
}
BOTH = pytest.mark.parametrize(("locale", "phone"), [("zh-CN", True), ("en", False)])


class Hand:
    """A member of staff who counts what they do. Nothing is found by what only the program knows."""

    def __init__(self, citizen: Citizen) -> None:
        self.citizen, self.page, self.done = citizen, citizen.page, 0

    def do(self, act: Callable[[], Any]) -> None:
        """One action, and a look at what it led to."""
        self.done += 1
        assert self.done <= MOST, "it takes too long"
        act()
        self.page.wait_for_load_state()
        self.citizen.look()

    def again(self) -> None:
        """The console's first page, by its link."""
        self.done = 0
        self.page.goto(self.citizen.demo.issuer + "/console")


def section(page: Page, heading: str) -> Locator:
    """The smallest part of the page that a heading stands in."""
    return page.get_by_role("heading", name=heading, exact=True).locator("xpath=..")


def hand(citizens, locale: str, phone: bool) -> Hand:
    wang = auditor(citizens, locale=locale, phone=phone)
    wang.page.get_by_role("link", name=SAID[locale]["console"], exact=True).first.click()
    return Hand(wang)


@BOTH
def test_who_read_a_citizens_address_last_week_and_why(citizens, locale: str, phone: bool) -> None:
    said = SAID[locale]
    chen = citizens(citizens.demo.account())
    chen.use("housing")
    me = hand(citizens, locale, phone)
    page = me.page

    def asked() -> bool:
        me.again()
        ask = section(page, said["person"])
        me.do(lambda: ask.get_by_label(said["who"], exact=True).fill(chen.account.email))
        me.do(lambda: ask.get_by_label(said["data"], exact=True).select_option(label=said["residence"]))
        me.do(lambda: ask.get_by_label(said["time"], exact=True).select_option(label=said["week"]))
        me.do(lambda: ask.get_by_label(said["why"], exact=True).select_option(label=said["reason"]))
        me.do(lambda: ask.get_by_role("button", name=said["look"], exact=True).click())
        return page.get_by_text(said["reader"]).count() > 0

    wait_until(asked, "the release is in the index")
    line = page.get_by_role("listitem").filter(has_text=said["reader"]).filter(has_text=said["released"])
    expect(line).to_have_count(1)
    me.do(line.get_by_text(said["reader"]).first.click)
    expect(line.get_by_text(said["purpose"], exact=True).first).to_be_visible()


@BOTH
def test_which_accounts_did_an_address_try(citizens, locale: str, phone: bool) -> None:
    said = SAID[locale]
    li = citizens(citizens.demo.account())
    li.open("/sign-in")
    li.sign_in("a wrong password of some length")
    me = hand(citizens, locale, phone)
    page = me.page

    def asked() -> bool:
        me.again()
        me.do(lambda: page.get_by_label(said["address"], exact=True).fill("127.0.0.1"))
        me.do(lambda: section_button(page, said["address"], said["search"]).click())
        return page.get_by_role("heading", name=said["tried"], exact=True).count() > 0

    wait_until(asked, "the attempt is in the index")
    rows = page.get_by_role("region", name=said["tried"]).get_by_role("row")
    expect(rows.nth(1)).to_be_visible()
    me.do(rows.nth(1).get_by_role("link").first.click)
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def section_button(page: Page, label: str, button: str) -> Locator:
    """The button of the form that a field of this label is in."""
    return (
        page.locator("form")
        .filter(has=page.get_by_label(label, exact=True))
        .get_by_role("button", name=button, exact=True)
    )


@BOTH
def test_what_did_a_client_do_after_its_key_changed(citizens, locale: str, phone: bool) -> None:
    said, name = SAID[locale], f"Archive {secrets.token_hex(3)}"
    archive_changes_its_key(citizens.demo, name)
    me = hand(citizens, locale, phone)
    page = me.page

    def there() -> bool:
        me.again()
        return section(page, said["key"]).get_by_role("link", name=name, exact=True).count() > 0

    wait_until(there, "the change is in the index")
    me.do(section(page, said["key"]).get_by_role("link", name=name, exact=True).click)
    line = page.get_by_role("listitem").filter(has_text=said["pushed"])
    expect(line).to_have_count(1)
    me.do(line.get_by_text(said["pushed"]).first.click)
    expect(line.get_by_role("link", name=name, exact=True)).to_be_visible()


@BOTH
def test_is_the_log_whole(citizens, locale: str, phone: bool) -> None:
    said = SAID[locale]
    me = hand(citizens, locale, phone)
    page = me.page
    me.again()
    me.do(page.get_by_role("link", name=said["proof"], exact=True).click)
    me.do(page.get_by_role("button", name=said["check"], exact=True).click)
    expect(page.get_by_role("main").get_by_text(said["whole"]).first).to_be_visible()


def archive_changes_its_key(demo: Demo, name: str) -> None:
    """An archive registers with a key, registers another, and pushes an authorization request that the new one signed."""
    keys = [ECKey.generate_key("P-256", {"kid": f"key-{n}", "use": "sig", "alg": "ES256"}) for n in (1, 2)]
    document: dict[str, Any] = {
        "client_name": name,
        "redirect_uris": ["http://localhost:5009/callback"],
        "scope": "openid",
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
    }
    made = sent(
        demo,
        "POST",
        "/register",
        demo.told["initial_access_token"],
        document | {"jwks": {"keys": [keys[0].as_dict(private=False)]}},
    )
    document |= {"client_id": made["client_id"], "jwks": {"keys": [keys[1].as_dict(private=False)]}}
    address = made["registration_client_uri"].removeprefix(demo.issuer)
    sent(demo, "PUT", address, made["registration_access_token"], document)
    now = demo.parts.clock() // 1_000_000
    claims = {
        "iss": made["client_id"],
        "sub": made["client_id"],
        "aud": demo.issuer,
        "jti": secrets.token_hex(8),
        "iat": now,
        "exp": now + 60,
    }
    request = {
        "client_id": made["client_id"],
        "response_type": "code",
        "redirect_uri": "http://localhost:5009/callback",
        "scope": "openid",
        "code_challenge": challenge(),
        "code_challenge_method": "S256",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode({"alg": "ES256", "kid": "key-2"}, claims, keys[1], algorithms=["ES256"]),
    }
    with urllib.request.urlopen(demo.issuer + "/par", data=urlencode(request).encode(), timeout=PATIENCE_S) as answer:
        assert answer.status == 201


def sent(demo: Demo, method: str, path: str, token: str, document: dict[str, Any]) -> dict[str, Any]:
    """The answer to a registration, or to its change."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    body = json.dumps(document).encode()
    asked = urllib.request.Request(demo.issuer + path, data=body, method=method, headers=headers)
    with urllib.request.urlopen(asked, timeout=PATIENCE_S) as answer:
        found: dict[str, Any] = json.load(answer)
        return found
