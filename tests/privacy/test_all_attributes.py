"""Every attribute of the catalogue, of several citizens, told in every way that there is, looked into by staff, and found nowhere (issue 3)."""

import json
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from idp.audit.cases import AlertRaised
from idp.flows import catalogue
from idp.ports import Update
from idp.records import Account, Attribute, Objection
from idp.release.attributes import BUILT_IN
from idp.release.model import AttributeKind
from idp.release.validators import credit_code, national_id
from idp.web.cookies import SESSION
from idp.web.cookies import name as cookie_name
from keys.jwe import decrypt
from tests.faults.conftest import BACKENDS
from tests.faults.ground import ROOT, Served, environment
from tests.journeys.test_cases import act, opened
from tests.journeys.test_console import happen, pseudonym
from tests.journeys.test_console_lookups import by_address, by_person
from tests.journeys.test_encrypted_answers import introspected
from tests.journeys.test_exchanges import approved
from tests.journeys.test_exchanges import ask as exchanged
from tests.journeys.test_history import HANDLE
from tests.journeys.test_reveals import look
from tests.journeys.test_saved_searches import keep
from tests.journeys.test_withdraw import withdraw
from tests.kit.catalogue import LAW, LOAN, item
from tests.kit.house import REDIRECT, App, basic, challenge, key_pair, sign
from tests.kit.person import PASSWORD, Person
from tests.kit.process import PATIENCE_S, wait_until
from tests.kit.sealed import EC, encrypting, nested
from tests.privacy.planted import Planted, everything_left, found

pytestmark = pytest.mark.slow
CITIZENS = 4
TOO_PLAIN = {
    "region_code": "six digits, which times and counts have too",
    "nationality": "three letters",
    "marital_status": "one of five words of the language",
    "email_verified": "true or false",
    "phone_number_verified": "true or false",
    "updated_at": "a time",
}
"""What no search can tell from chance: it is sealed by the same call, and stands beside the others."""
ADDED = AttributeKind(
    code="care_note", claim="care_note", sensitive=True, source="health", names={"zh": "照护说明", "en": "Care note"}
)
ALL = {"attributes": [*(code for code in BUILT_IN if code != "updated_at"), "care_note"]}
COMPUTED = ("age_over_18", "resident_of_330100", "national_id_masked", "phone_number_masked")
AT_WORK = {"X-Forwarded-For": "198.18.77.177"}
WORDS = ("金丝雀没有登录", "三城一小时,须联系本人", "已电话核实金丝雀", "金丝雀案已结", "您的异议已答复")


def with_check(head: str, right: Callable[[str], bool], marks: str) -> str:
    """The number that begins so and whose check characters are right."""
    missing = 18 - len(head)
    tails = (a + b if missing == 2 else b for a in (marks if missing == 2 else " ") for b in marks)
    return next(number for tail in tails if right(number := head + tail.strip()))


def citizen_of(n: int) -> dict[str, Any]:
    """All that is held of one citizen; no value is another's."""
    day = f"19{70 + n}-0{n + 1}-1{n}"
    return {
        "name": f"金丝雀{n}欧阳",
        **{code: f"Canary{n}{code.replace('_', '')}" for code in ("family_name", "given_name", "middle_name", "nickname", "gender")},
        "preferred_username": f"canary-{n}-shown",
        **{code: f"https://canary{n}.example.cn/{code}" for code in ("profile", "picture", "website")},
        "birthdate": day,
        "zoneinfo": f"Asia/Canary{n}ville",
        "locale": f"zh-Canary{n}",
        "email": f"canary{n}@example.cn",
        "email_verified": True,
        "phone_number": f"+86139{n}4455{n}677",
        "phone_number_verified": True,
        "address": {
            "formatted": f"浙江省杭州市金丝雀路{n}7号", "street_address": f"金丝雀胡同{n}42号", "locality": f"Canaryville{n}",
            "region": f"金丝雀省{n}", "postal_code": f"P-CODE-{n}4455", "country": f"Canaryland{n}",
        },
        "national_id": with_check(f"330102{day.replace('-', '')}77{n}", national_id, "0123456789X"),
        "region_code": "330102",
        "nationality": "CHN",
        "marital_status": "widowed",
        "employer_code": with_check(f"91330100MA27Y{n}5K", credit_code, "0123456789ABCDEFGHJKLMNPQRTUWXY"),
        "care_note": f"金丝雀照护说明{n}",
    }  # fmt: skip


def test_every_attribute_has_its_canary() -> None:
    """A new attribute of the catalogue is planted here, or said to be too plain"""
    assert set(BUILT_IN) - set(TOO_PLAIN) <= set(citizen_of(0)), "give it a value"
    values = [value for n in range(CITIZENS) for value in planted_of(citizen_of(n)).values()]
    assert len(values) == len(set(values)) and all(len(value.encode()) >= 8 for value in values)


def planted_of(claims: dict[str, Any]) -> dict[str, str]:
    searched = {code: value for code, value in claims.items() if code not in TOO_PLAIN}
    parts = {f"address {part}": text for part, text in searched.pop("address").items()}
    return searched | parts | {"phone without country": claims["phone_number"][3:]}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.attack("A154")
def test_no_attribute_of_anybody_is_found(
    request: pytest.FixtureRequest, make_served: Callable[..., Served], backend: str
) -> None:
    """Signed requests pushed with details, encrypted answers, introspection as a JWT, exchange, cases, looks, searches, erasure (ASVS 14.2, 16.2)."""
    settings = {"log_level": "debug", "trusted_proxies": ("127.0.0.1",), "reveal_delay": 0}
    served, planted = make_served(backend, **settings), Planted()
    catalogue.extend(served.parts, (ADDED,))
    apps = clients(served)
    people = [citizen_of(n) for n in range(CITIZENS)]
    for n, claims in enumerate(people):
        names = (f"canary.user.{n}", claims["email"])
        account = served.citizen(*names, claims=claims, password=PASSWORD, source="police")
        for name, value in planted_of(claims).items():
            planted.add(f"{name} of {n}", value)
        planted.add(f"username of {n}", names[0])
        planted.add(f"account of {n}", account.hex())
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))  # as where somebody switched dumps on
    served.start(2)
    without_dumps(served)
    persons = [told_everything(served, planted, apps, n, claims) for n, claims in enumerate(people)]
    looked_into(served, planted, persons[0], people[0])
    left(served, planted, persons)
    said = served.idp("audit", "list")
    haystacks = everything_left(request, served, backend) | {"idp audit list": json.dumps(said).encode()}
    accounts = {name: planted.values.pop(name) for name in list(planted.values) if name.startswith("account of")}
    assert found(planted, haystacks) == []
    planted.values = accounts  # the database's own, never said to anybody
    assert (
        found(planted, {k: v for k, v in haystacks.items() if k in ("metrics", "idp audit list") or "said" in k}) == []
    )


def without_dumps(served: Served) -> None:
    """No process of the house leaves a core, which would hold keys and values in the clear."""
    for pid in (served.server.pid, *served.server.family()):
        limits = Path(f"/proc/{pid}/limits").read_text(encoding="ascii")
        assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE), (pid, limits)


def test_a_command_leaves_no_core_either(make_served: Callable[..., Served]) -> None:
    """It opens the same keys: where dumps are on, they are off once it has them"""
    served = make_served()
    script = "import resource\nfrom idp.cli.common import opened\nwith opened():\n    print(resource.getrlimit(resource.RLIMIT_CORE)[0])"
    said = subprocess.run(
        ["/bin/sh", "-c", 'ulimit -S -c "$(ulimit -H -c)"; exec "$0" -c "$1"', sys.executable, script],
        cwd=ROOT, env=environment(served.config), capture_output=True, check=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert said.stdout.strip() == b"0"


def clients(served: Served) -> tuple[App, App, App]:
    """One that signs and is encrypted to, one that is told standard claims in the clear, one of another department."""
    signer = key_pair("ES256")
    keys = {"keys": [dict(signer.public_jwk), EC.as_dict(private=False)]}
    metadata: dict[str, Any] = encrypting("ECDH-ES+A256KW", "id_token", "userinfo", "introspection") | {"jwks": keys}
    signed: dict[str, Any] = {f"{answer}_signed_response_alg": "ES256" for answer in ("userinfo", "introspection")}
    app = served.register(token_endpoint_auth_method="private_key_jwt", scope="openid", **metadata, **signed)
    needs = [{"attribute": code, "essential": True} for code in (*ALL["attributes"], *COMPUTED)]
    needs[0] |= {"basis": "statutory", "citation": LAW}
    item(served, {**LOAN, "needs": needs})
    plain = served.register(introspection_signed_response_alg="ES256")
    social = served.register(
        "social", redirect_uris=["https://social.example/cb"], jwks={"keys": [EC.as_dict(private=False)]}
    )
    approved(served, plain, social)
    return App(app.client, None, signer), plain, social


def person_at(served: Served, claims: dict[str, Any]) -> Person:
    """A citizen's browser behind the proxy."""
    person = Person(served)
    through_the_proxy(person)
    page = person.sign_in(claims["email"])
    assert page.request.path == "/account", page.text
    return person


def through_the_proxy(person: Person) -> None:
    plain = person.browser.open

    def opened_from(path: str, method: str = "GET", **more: Any) -> TestResponse:
        return plain(path, method, **{**more, "headers": {**(more.get("headers") or {}), **AT_WORK}})

    person.browser.open = opened_from  # type: ignore[method-assign, assignment]


def told_everything(
    served: Served, planted: Planted, apps: tuple[App, App, App], n: int, claims: dict[str, Any]
) -> Person:
    planted.add("address of a session", AT_WORK["X-Forwarded-For"])
    person = person_at(served, claims)
    app, plain, social = apps
    asked = {
        "iss": app.id, "client_id": app.id, "aud": served.config.issuer, "exp": served.clock.seconds + 60, "nbf": served.clock.seconds - 1,
        "jti": served.parts.entropy(8).hex(), "response_type": "code", "redirect_uri": REDIRECT, "scope": "openid",
        "state": planted.add(f"state {n}", f"canary-state-of-{n}"), "nonce": f"nonce-{n}",
        "login_hint": claims["email"], "code_challenge": challenge(), "code_challenge_method": "S256",
        "authorization_details": json.dumps([{"type": "service_item", "item": "loan"}]),
        "claims": json.dumps({"id_token": {"national_id": None, "name": None}}),
    }  # fmt: skip
    assert app.signer is not None
    head = {"alg": "ES256", "kid": app.signer.kid, "typ": "oauth-authz-req+jwt"}
    pushed = served.as_client(app, "/par", {"request": planted.add(f"request {n}", sign(app.signer, head, asked))})
    assert pushed.status_code == 201, pushed.text
    query = {"client_id": app.id, "request_uri": pushed.get_json()["request_uri"]}
    page = served.follow(person.browser, person.browser.get("/authorize", query_string=query))
    back = served.submit(person.browser, page, decision="allow")
    code = planted.add(f"code {n}", re.findall(r"[?&]code=([^&]+)", back.headers["Location"])[0])
    tokens = served.redeem(app, code).get_json()
    assert nested(served.parts, tokens["id_token"], EC)["national_id"] == claims["national_id"]
    told = nested(served.parts, served.userinfo(tokens["access_token"]).text, EC)
    assert {code: told[code] for code in ALL["attributes"]} == {code: claims[code] for code in ALL["attributes"]}
    assert told["age_over_18"] is True and told["resident_of_330100"] is True
    planted.add(f"masked number {n}", told["national_id_masked"])
    about = served.as_client(app, "/introspect", {"token": tokens["access_token"]})
    assert nested(served.parts, about.text, EC, typ="token-introspection+jwt")["token_introspection"]["active"]
    code = served.code(person.browser, plain, scope="openid profile email phone address", prompt="consent")
    tokens = served.redeem(plain, code).get_json()
    assert served.userinfo(tokens["access_token"]).get_json()["address"] == claims["address"]
    assert introspected(served, plain, tokens["access_token"]).content_type == "application/token-introspection+jwt"
    handed = exchanged(served, plain, tokens["access_token"], social.id).get_json()["access_token"]
    planted.add(f"exchanged {n}", handed)
    assert decrypt(handed, EC)[0]
    for name in ("access_token", "refresh_token", "id_token"):
        planted.add(f"{name} {n}", tokens[name])
    return person


def looked_into(served: Served, planted: Planted, person: Person, claims: dict[str, Any]) -> None:
    """An objection becomes a case with words, a look at who it is, an answer; searches by address and by name; an alert with a note."""
    for n, words in enumerate(WORDS):
        planted.add(f"words {n}", words)
    wait_until(lambda: bool(HANDLE.findall(person.get("/account/history").text)), "the releases' places in the history")
    line = HANDLE.findall(person.page.text)[0]
    person.get(f"/account/history/{line}")
    assert WORDS[0] in person.submit(kind="not_me", words=WORDS[0]).text
    assert person.get(f"/account/history/{line}/receipt.json").status_code == 200
    watch, approver = staff(served, "wang.audit", "auditor"), staff(served, "chen.approve", "approver")
    (objection,) = served.parts.store.find(Objection)
    case = opened(watch, f"objection={objection.id.hex()}", WORDS[2])
    fields = {
        f"see_{name}": "1"
        for name in ("identifiers", "name", "email", "phone_number", "address", "birthdate", "places")
    }
    asked = act(watch, case, "ask", reason="objection", why=WORDS[1], **fields)
    reveal = asked.request.path.rpartition("/")[2]
    forms = re.findall(r"<form[^>]*>.*?</form>", approver.get("/console/approvals").text, re.DOTALL)
    approver.submit(form=next(n for n, form in enumerate(forms) if reveal in form), decide=f"approve/reveal/{reveal}")
    seen = look(watch, reveal).text
    assert claims["name"] in seen and claims["email"] in seen and AT_WORK["X-Forwarded-For"] in seen
    act(watch, case, "close", outcome="explained", closing=WORDS[3], answer=WORDS[4])
    assert pseudonym(served, claims["email"])[:8] in by_person(watch, claims["email"])
    by_address(watch, AT_WORK["X-Forwarded-For"])
    keep(watch, planted.add("name of a search", "金丝雀的失败"))
    happen(served, AlertRaised(rule="guessing", severity="high", group="", count=9, first=0, last=8))
    alert = str(served.events("alert.raised")[-1]["id"])
    wait_until(lambda: watch.get(f"/console/alerts/{alert}").status_code == 200, "the alert's place in the log")
    watch.submit(form=1, outcome="harmless", note=planted.add("note on an alert", "金丝雀误报"))


def staff(served: Served, name: str, role: str) -> Person:
    account = served.citizen(name, claims={})
    served.parts.store.commit([Update(Account, {"id": account}, {"roles": role})])
    person = Person(served)
    person.browser.set_cookie(
        cookie_name(served.config, SESSION), served.session(account, amr="pwd otp", acr="urn:yimen:acr:2")[1]
    )
    assert person.get("/console").status_code == 200, person.page.text
    return person


def left(served: Served, planted: Planted, persons: list[Person]) -> None:
    """One withdraws and takes a copy, one asks to be forgotten, one is by order, and of one a value was spoilt."""
    for form in ("json", "html"):
        persons[0].get("/account/copy")
        assert citizen_of(0)["care_note"] in persons[0].submit({"form": form}).text
    assert withdraw(persons[0]).status_code == 200
    persons[1].get("/account/delete")
    assert persons[1].submit(sure="1").status_code == 200
    served.idp("accounts", "erase", citizen_of(2)["email"], "--reason", "requested", "--yes")
    served.parts.store.commit([Update(Attribute, {"code": "nickname"}, {"sealed": b"\x01\x00\x01spoilt"}, rows=None)])
    assert persons[3].get("/account/data").status_code in (200, 500, 503)
    wrong = basic("nobody", planted.add("a wrong secret", "canary-wrong-secret-77"))
    assert served.post("/token", {"grant_type": "client_credentials"}, wrong).status_code == 401
