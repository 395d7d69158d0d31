"""Planted secrets, tokens and personal values, searched for in everything the served product leaves behind, in every encoding (DESIGN §2.5)."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pyotp
import pytest
from werkzeug.test import TestResponse

from idp.flows import objections
from idp.flows.outbox import open_notice
from idp.flows.provision import add_initial_token
from idp.ports import Add, Update
from idp.records import Message, Objection, Session
from tests.faults.conftest import BACKENDS
from tests.faults.ground import Served
from tests.kit.catalogue import LOAN, item
from tests.kit.house import REDIRECT, basic, bearer
from tests.kit.process import wait_until
from tests.privacy.planted import Planted, everything_left, forms, found

pytestmark = pytest.mark.slow
PASSWORD, NEW_PASSWORD = "canary-hunter-Osmanthus-77", "canary-lantern-Magnolia-88"
ADDRESS, PHONE, USERNAME = "canary.wang@example.cn", "+8613912345678", "canary.li.wei"
CLAIMS: dict[str, Any] = {
    "name": "欧阳金丝雀",
    "nickname": "Canarysong",
    "birthdate": "1987-06-05",
    "email": "canary.li@example.cn",
    "phone_number": PHONE,
    "national_id": "330102198706057713",
    "address": {"street_address": "金丝雀胡同四十二号", "locality": "Canaryville", "region": "浙江省"},
}
TRIED, TYPED = "330102198706056622", "金丝雀猜想"
"""A number that a client brings to be compared, and a value that it asks a verified claim to have."""
STATE, NONCE, VERIFIER = "canary-state-5d1f", "canary-nonce-8a7c", "canary-verifier-0123456789-abcdefghijklmnopqrst"
AGENT = "CanaryBrowser/1.0 (planted)"


@pytest.mark.parametrize("form", range(7))
def test_the_search_finds_what_is_there(form: int) -> None:
    planted = Planted()
    planted.add("it", "欧阳金丝雀 canary")
    hidden = list(forms(planted.values["it"]))[form]
    assert found(planted, {"here": b"\x00before" + hidden + b"after\xff"}) == ["it in here"]
    for shift in range(3):
        coded = base64.b64encode(b"x" * shift + planted.values["it"].encode() + b"tail")
        assert found(planted, {"here": coded}) == ["it in here"]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.attack("A154")
def test_nothing_that_was_planted_is_found(
    request: pytest.FixtureRequest, make_served: Callable[..., Served], backend: str
) -> None:
    """Databases with their logs, the cache, every line of output and the metrics hold no secret and nobody's data (OWASP ASVS 14.2, 16.2)."""
    served, planted = make_served(backend, log_level="debug", open_registration=False), Planted()
    plant_people(served, planted)
    served.start(2)
    journey(served, planted)
    haystacks = everything_left(request, served, backend)
    assert len(planted.values) > 30
    assert found(planted, haystacks) == []


def plant_people(served: Served, planted: Planted) -> None:
    served.citizen(
        USERNAME, CLAIMS["email"], claims=CLAIMS, password=planted.add("password", PASSWORD), source="police"
    )
    item(served, {**LOAN, "needs": [{"attribute": "national_id_matches", "essential": True}]})
    planted.add("username", USERNAME)
    for name, value in CLAIMS.items():
        for part, text in value.items() if isinstance(value, dict) else [("", value)]:
            planted.add(f"claim {name} {part}", text)
    planted.add("phone without country", PHONE[3:])


def journey(served: Served, planted: Planted) -> None:
    """Every kind of secret is made and used once; wrong ones too, since errors are what is logged."""
    token = planted.add("initial access token", add_initial_token(served.parts, served.department("tax").id))
    document = (
        b'{"client_name":"Canary","redirect_uris":["'
        + REDIRECT.encode()
        + b'"],"grant_types":["authorization_code","refresh_token"]}'
    )
    headers = {**bearer(token), "Content-Type": "application/json"}
    client = served.request("POST", "/register", data=document, headers=headers).get_json()
    for name in ("client_secret", "registration_access_token"):
        planted.add(name, client[name])
    managed = urlsplit(client["registration_client_uri"])
    where = f"{managed.path}?{managed.query}" if managed.query else managed.path
    read = served.request("GET", where, headers=bearer(client["registration_access_token"]))
    assert read.status_code == 200, read.text
    browser = served.browser()
    tokens = sign_in(served, planted, browser, client)
    use(served, planted, client, tokens)
    verify(served, planted, browser, client)
    rights(served, planted, browser)
    contacts(served, planted, browser)
    mistakes(served, planted, client)
    second_factor(served, planted, browser)
    sign_up(served, planted)
    recover(served, planted)
    out = browser.get("/logout", query_string={"id_token_hint": tokens["id_token"]})
    assert out.status_code == 200


def authorize(served: Served, browser: Any, client: dict[str, Any]) -> TestResponse:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
    query = {
        "response_type": "code",
        "client_id": client["client_id"],
        "redirect_uri": REDIRECT,
        "scope": "openid profile email phone address",
        "state": STATE,
        "nonce": NONCE,
        "login_hint": USERNAME,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    headers = {"User-Agent": AGENT}
    return served.follow(browser, browser.get("/authorize", query_string=query, headers=headers))


def sign_in(served: Served, planted: Planted, browser: Any, client: dict[str, Any]) -> dict[str, Any]:
    page = authorize(served, browser, client)
    wrong = served.submit(
        browser, page, username=USERNAME, password=planted.add("wrong password", "canary-mistyped-Peony-66")
    )
    page = served.submit(browser, wrong, username=USERNAME, password=PASSWORD)
    assert 'id="consent-allow"' in page.text, page.text
    answer = served.submit(browser, page, decision="allow")
    back = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
    code = planted.add("code", back["code"])
    for name, value in browser.cookies.items():
        if name != "yimen-language":
            planted.add(f"cookie {name}", value)
    planted.add("verifier", VERIFIER)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
    tokens: dict[str, Any] = post(served, client, "/token", form).get_json()
    for name in ("access_token", "refresh_token", "id_token"):
        planted.add(name, tokens[name])
    return tokens


def post(served: Served, client: dict[str, Any], path: str, form: dict[str, str]) -> TestResponse:
    return served.post(path, form, basic(client["client_id"], client["client_secret"]))


def use(served: Served, planted: Planted, client: dict[str, Any], tokens: dict[str, Any]) -> None:
    told = served.userinfo(tokens["access_token"]).get_json()
    assert told["name"] == CLAIMS["name"]
    planted.add("subject", told["sub"])
    assert post(served, client, "/introspect", {"token": tokens["access_token"]}).get_json()["active"]
    again = post(
        served, client, "/token", {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    ).get_json()
    planted.add("second refresh token", again["refresh_token"])
    planted.add("second access token", again["access_token"])
    form = {"response_type": "code", "redirect_uri": REDIRECT, "scope": "openid", "login_hint": USERNAME}
    form |= {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256"}
    pushed = post(served, client, "/par", form).get_json()
    planted.add("request_uri", pushed["request_uri"].rpartition(":")[2])
    assert post(served, client, "/revoke", {"token": again["access_token"]}).status_code == 200


def verify(served: Served, planted: Planted, browser: Any, client: dict[str, Any]) -> None:
    """A verdict on a number, verified claims with a value that is not the citizen's: pushed, allowed, told; too many numbers at last."""
    planted.add("a number that was tried", TRIED)
    planted.add("a value that was typed", TYPED)
    proof = {
        "verification": {"trust_framework": None, "time": None},
        "claims": {"name": {"value": TYPED}, "birthdate": None},
    }
    for n in range(7):
        number = planted.add(f"number {n}", f"{TRIED[:-2]}{n}X") if n else TRIED
        claims = {"national_id_matches": {"compare": number}, "verified_claims": proof}
        form = {
            "response_type": "code",
            "redirect_uri": REDIRECT,
            "scope": "openid service:loan",
            "claims": json.dumps({"userinfo": claims, "id_token": {"verified_claims": proof}}),
            "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest())
            .rstrip(b"=")
            .decode(),
            "code_challenge_method": "S256",
        }
        query = {
            "client_id": client["client_id"],
            "request_uri": post(served, client, "/par", form).get_json()["request_uri"],
        }
        page = served.follow(browser, browser.get("/authorize", query_string=query))
        if 'id="consent-allow"' in page.text:
            page = served.submit(browser, page, decision="allow")
        code = dict(parse_qsl(urlsplit(page.headers["Location"]).query))["code"]
        redeem = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
        told = served.userinfo(post(served, client, "/token", redeem).get_json()["access_token"]).get_json()
        assert told.get("national_id_matches") is (False if n < 5 else None)
        assert told["verified_claims"]["claims"] == {"birthdate": CLAIMS["birthdate"]}
    wrong = {
        "response_type": "code",
        "client_id": client["client_id"],
        "redirect_uri": REDIRECT,
        "scope": "openid service:loan",
    }
    wrong |= {"claims": json.dumps({"userinfo": {"national_id_matches": {"compare": TRIED}}})}
    assert "error=" in browser.get("/authorize", query_string=wrong).headers["Location"], "a number in an address"


def rights(served: Served, planted: Planted, browser: Any) -> None:
    """A case with its answer, a receipt, a correction, a copy of everything."""

    def line() -> str:
        found = re.search(r'href="(/account/history/[A-Za-z0-9_-]+)"', browser.get("/account/history").text)
        return found[1] if found else ""

    wait_until(lambda: bool(line()), "the release's place in the history")
    path = line()
    page = browser.get(path)
    words = planted.add("words of a case", "昨夜金丝雀并未登录")
    page = served.submit(browser, page, kind="not_me", words=words)
    assert words in page.text, page.text
    (case,) = served.parts.store.find(Objection)
    answer = planted.add("answer to a case", "金丝雀的访问已终止")
    objections.close(served.parts, case.id.hex(), "upheld", answer, by="cli", now=served.clock())
    assert answer in browser.get(path).text
    assert browser.get(f"{path}/receipt.json").status_code == 200
    page = browser.get("/account/correct?attribute=website")
    corrected = planted.add("a correction", "https://canary.example.cn/feathers")
    assert served.submit(browser, page, value=corrected).status_code == 200
    for form in ("json", "html"):
        copy = served.submit(browser, browser.get("/account/copy"), form=form)
        assert corrected in copy.text and words in copy.text, copy.text


def contacts(served: Served, planted: Planted, browser: Any) -> None:
    """One more address; then two forms that wait while their sender proves who they are."""
    page = browser.get("/account/contacts/new")
    page = served.submit(browser, page, identifier=planted.add("another address", "canary.nightingale@example.cn"))
    page = served.submit(browser, page, code=planted.add("contact code", code_sent(served, "contact_code")))
    assert 'id="change-done"' in page.text, page.text
    waiting = (
        ("/account/contacts/new", {"identifier": planted.add("an address that waits", "canary.robin@example.cn")}),
        (
            "/account/correct?attribute=website",
            {"value": planted.add("an address of a website", "https://robin.example.cn/nest")},
        ),
    )
    for path, typed in waiting:
        page = browser.get(path)
        served.parts.store.commit([Update(Session, {"ended_at": None}, {"auth_at": Add(-360_000_000)}, rows=None)])
        page = served.submit(browser, page, **typed)
        assert 'id="reauthenticate"' in page.text, page.text
        page = served.submit(browser, page, password=PASSWORD)
        assert all(text in page.text for text in typed.values()), page.text


def mistakes(served: Served, planted: Planted, client: dict[str, Any]) -> None:
    """What is refused is where careless programs log what they were given."""
    secret, guess = (
        planted.add("wrong secret", "canary-wrong-secret-0b1c2d"),
        planted.add("guess", "canary-guess-4e5f6a7b8c9d"),
    )
    assert (
        served.post("/token", {"grant_type": "client_credentials"}, basic(client["client_id"], secret)).status_code
        == 401
    )
    for grant, name in (("authorization_code", "code"), ("refresh_token", "refresh_token")):
        form = {"grant_type": grant, name: guess, "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
        assert post(served, client, "/token", form).status_code == 400
    assert served.userinfo(guess).status_code == 401
    assert served.request("GET", f"/userinfo?access_token={guess}").status_code in (400, 401)
    assert served.request("GET", f"/{guess}?{guess}={guess}").status_code == 404
    assert served.request("POST", "/register", data=guess.encode(), headers=bearer(guess)).status_code in (
        400,
        401,
        415,
    )
    unknown = planted.add("mistyped name", "canary.mistyped@example.cn")
    browser = served.browser()
    page = served.follow(browser, browser.get("/sign-in"))
    assert served.submit(browser, page, username=unknown, password=guess).status_code in (200, 422)


def second_factor(served: Served, planted: Planted, browser: Any) -> None:
    page = served.follow(browser, browser.get("/account/totp"))
    shown = re.search(r'id="totp-secret">([^<]+)<', page.text)
    assert shown is not None, page.text
    secret = shown[1].replace(" ", "")
    planted.add("totp secret", secret)
    planted.add("totp secret bytes", base64.b32decode(secret).hex())
    page = served.submit(browser, page, totp=pyotp.TOTP(secret).at(served.clock.seconds))
    codes = re.findall(r"<li><code>([0-9A-Z-]+)</code></li>", page.text)
    assert len(codes) == 10, page.text
    for number, code in enumerate(codes):
        planted.add(f"recovery code {number}", code)
        planted.add(f"recovery code {number} bare", code.replace("-", ""))
    served.submit(browser, page, saved="1")


def code_sent(served: Served, kind: str) -> str:
    rows = served.parts.store.find(Message, {"kind": kind}, order=("created_at",))
    notice = open_notice(served.parts, rows[-1])
    assert notice is not None
    sent = re.search(r"[0-9]{8}", notice.body)
    assert sent is not None
    return sent[0]


def sign_up(served: Served, planted: Planted) -> None:
    browser = served.browser()
    page = served.follow(browser, browser.get("/sign-up"))
    page = served.submit(browser, page, identifier=planted.add("address", ADDRESS))
    page = served.submit(browser, page, code=planted.add("sign-up code", code_sent(served, "sign_up_code")))
    secret = planted.add("new password", NEW_PASSWORD)
    name = planted.add("name", "司马金丝雀")
    page = served.submit(browser, page, name=name, new_password=secret, repeat_password=secret)
    assert name in page.text, page.text


def recover(served: Served, planted: Planted) -> None:
    browser = served.browser()
    page = served.follow(browser, browser.get("/forgot"))
    assert page.status_code == 200, page.text
    page = served.submit(
        browser, page, identifier=CLAIMS["email"]
    )  # another address: who just got a code is not sent a second at once
    page = served.submit(browser, page, code=planted.add("reset code", code_sent(served, "reset_code")))
    assert 'name="new_password"' in page.text, page.text
    again = planted.add("password after reset", "quartz harbour Camellia 99")
    page = served.submit(browser, page, new_password=again, repeat_password=again)
    assert page.status_code == 200, page.text
