"""Attacks on what is released: the claims parameter, narrowed registrations, tokens for somebody else."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from idp.flows import client_rows
from idp.flows.comparing import PER_DAY
from idp.records import ClientRow, Consent
from keys.jose import mint
from tests.journeys.test_par import go, reference
from tests.journeys.test_service_items import allow
from tests.kit.catalogue import LOAN, item
from tests.kit.house import App, House, claims_of
from tests.kit.redis import Redis

KNOWN = {"national_id": "11010519491231002X"}


@pytest.mark.attack("A082")
def test_claims_that_were_not_registered_are_not_told(house: House) -> None:
    """Asked within registered scopes or not at all; unknown names are ignored, essential or not (OIDC Core §5.5.1)."""
    app, browser = house.register(scope="openid email"), house.signed_in(house.citizen())
    asked = {
        "userinfo": {
            "email": None,
            "phone_number": {"essential": True},
            "password": None,
            "sub": None,
            "__class__": None,
        },
        "id_token": {
            "birthdate": {"essential": True},
            "email_verified": None,
            "roles": None,
            "iss": {"value": "https://evil"},
        },
    }
    code = house.code(browser, app, scope="openid", claims=json.dumps(asked))
    (consent,) = house.parts.store.find(Consent)
    assert msgspec.json.decode(consent.document)["claims"] == ["email", "email_verified"]  # nor shown to the citizen
    tokens = house.redeem(app, code).get_json()
    assert set(house.userinfo(tokens["access_token"]).get_json()) == {"sub", "email"}
    told = claims_of(tokens["id_token"])
    assert told["iss"] == house.config.issuer and told["email_verified"] is True
    assert not {"birthdate", "roles", "phone_number", "email", "password"} & set(told)
    assert [set(e["claims"]) for e in house.events("attributes.released")] == [{"email_verified"}, {"email"}]


HOSTILE: dict[str, Any] = {
    "beyond the scopes": {"claims": dict.fromkeys(("phone_number", "national_id", "roles", "sub", "iss", "__proto__"))},
    "a prototype": {"claims": {"email": None}, "__proto__": {"claims": {"phone_number": None}}},
    "evidence as a way in": {
        "claims": {"email": None},
        "evidence": [
            {
                "type": {"value": "electronic_record"},
                "record": {"derived_claims": {"phone_number": None, "national_id": None}},
            }
        ],
    },
    "a claim as an object": {"claims": {"email": {"essential": True, "claims": {"phone_number": None}}}},
    "verified inside verified": {"claims": {"email": None, "verified_claims": None}},
}


@pytest.mark.attack("A082")
@pytest.mark.parametrize("hostile", HOSTILE)
def test_verified_claims_tell_nothing_beyond_the_plan(house: House, hostile: str) -> None:
    """Inside ``verified_claims`` the bounds are those of plain claims: registered, consented, asked for (OIDC Identity Assurance §5.7, §7)."""
    asked = dict(HOSTILE[hostile])
    verification = {"trust_framework": None, **({"evidence": asked.pop("evidence")} if "evidence" in asked else {})}
    known = {"email": "li@example.cn", "phone_number": "+8613800005678", "national_id": "11010519491231002X"}
    app, browser = house.register(scope="openid email"), house.signed_in(house.citizen(claims=known, source="police"))
    place = {"verified_claims": {"verification": verification, **asked}}
    code = house.code(browser, app, scope="openid", claims=json.dumps({"id_token": place, "userinfo": place}))
    tokens = house.redeem(app, code).get_json()
    answers = json.dumps([claims_of(tokens["id_token"]), house.userinfo(tokens["access_token"]).get_json()])
    assert known["phone_number"] not in answers and known["national_id"] not in answers
    told = {claim for event in house.events("attributes.released") for claim in event["claims"]}
    assert told == (set() if hostile == "beyond the scopes" else {"email"})


@pytest.mark.attack("A082", "A161")
@pytest.mark.parametrize(
    "hostile",
    [
        "null",
        "true",
        '"x"',
        "[null]",
        "{}",
        '{"verification":null,"claims":{"email":null}}',
        '{"verification":{"trust_framework":null},"claims":{}}',
        '{"verification":{"trust_framework":null},"claims":{"email":[]}}',
        '{"verification":{"trust_framework":[]},"claims":{"email":null}}',
        '{"verification":{"trust_framework":null,"trust_framework":{"value":"x"}},"claims":{"email":null}}',
        '{"verification":{"trust_framework":null,"time":{"max_age":1e999}},"claims":{"email":null}}',
        '{"verification":{"trust_framework":null,"time":{"max_age":-1}},"claims":{"email":null}}',
        '{"verification":{"trust_framework":null,"evidence":{}},"claims":{"email":null}}',
        '{"verification":{"trust_framework":null,"x":' + "[" * 3000 + "]" * 3000 + '},"claims":{"email":null}}',
        "[" + ",".join(['{"verification":{"trust_framework":null},"claims":{"email":null}}'] * 11) + "]",
        '{"verification":{"trust_framework":null},"claims":{' + ",".join(f'"c{n}":null' for n in range(101)) + "}}",
    ],
    ids=range(16),
)
def test_malformed_verified_claims(house: House, hostile: str) -> None:
    """Wrong shapes, wrong types, doubles, depth and size are ``invalid_request``; nothing is asked of anybody (OIDC Core §3.1.2.6)."""
    app, browser = house.register(), house.signed_in(house.citizen())
    for place in ("id_token", "userinfo"):
        answer = house.authorize(browser, app, claims=f'{{"{place}":{{"verified_claims":{hostile}}}}}')
        code = parse_qs(urlsplit(answer.headers.get("Location", "")).query).get("error", [""])[0]
        assert code == "invalid_request", answer.text
    assert house.parts.store.count(Consent) == 0


@pytest.mark.attack("A082")
def test_a_claim_asked_at_userinfo_is_not_in_the_id_token(house: House) -> None:
    """Each place gets what was asked for it (OIDC Core §5.5)."""
    app, browser = house.register(), house.signed_in(house.citizen())
    code = house.code(browser, app, scope="openid", claims='{"userinfo":{"name":{"essential":true}}}')
    tokens = house.redeem(app, code).get_json()
    assert "name" not in claims_of(tokens["id_token"]) and "name" in house.userinfo(tokens["access_token"]).get_json()
    refreshed = house.refresh(app, tokens["refresh_token"]).get_json()
    assert "name" not in claims_of(refreshed["id_token"])


@pytest.mark.attack("A082", "A161")
@pytest.mark.parametrize(
    "claims",
    [
        "[]",
        "null",
        '"x"',
        "1",
        "{",
        "{}{}",
        '{"userinfo":[]}',
        '{"userinfo":{"name":true}}',
        '{"userinfo":{"name":null,"name":{"essential":true}}}',
        '{"userinfo":{},"userinfo":{"name":null}}',
        '{"id_token":{"acr":{"essential":"yes"}}}',
        '{"id_token":{"acr":{"values":"x"}}}',
        '{"id_token":{"acr":{"value":{}}}}',
        '{"id_token":{"sub":{"value":1e400}}}',
        '{"id_token":{"x":NaN}}',
        '{"userinfo":{"\\ud800":null}}',
        '{"userinfo":' + "[" * 5000 + "]" * 5000 + "}",
        '{"userinfo":{' + ",".join(f'"c{n}":null' for n in range(101)) + "}}",
        '{"x":"' + "a" * 16_400 + '"}',
    ],
    ids=range(19),
)
def test_malformed_claims(house: House, claims: str) -> None:
    """Strict JSON, each member once, bounded; anything else is ``invalid_request`` and never a default (OIDC Core §5.5; RFC 8259 §4)."""
    app = house.register()
    answer = house.authorize(house.signed_in(house.citizen()), app, claims=claims)
    code = parse_qs(urlsplit(answer.headers.get("Location", "")).query).get("error", [""])[0]
    assert code == "invalid_request" or (answer.status_code == 400 and "invalid_request" in answer.text)
    assert house.parts.store.count(Consent) == 0


@pytest.mark.attack("A082", "A096")
def test_a_registration_that_shrank_tells_less_at_once(house: House) -> None:
    """What a client may no longer ask for, its older tokens no longer open (RFC 7592 §2.2; DESIGN §2.6)."""
    app = house.register()
    asked = b'{"userinfo":{"birthdate":null},"id_token":{"email":null,"phone_number":null}}'
    account = house.citizen()
    tokens, (code, _) = house.tokens(app, account, claims=asked), house.grant(app, account, claims=asked)
    assert "email" in house.userinfo(tokens["access_token"]).get_json() and "email" in claims_of(tokens["id_token"])
    row = house.parts.store.one(ClientRow, client_id=app.id)
    assert row is not None
    smaller = msgspec.structs.replace(app.client, scope=("openid", "phone"))
    house.parts.store.commit(client_rows.change(smaller, row.version, house.clock()))
    house.clock.advance(1)
    assert set(house.userinfo(tokens["access_token"]).get_json()) == {"sub", "phone_number", "phone_number_verified"}
    later = claims_of(house.redeem(app, code).get_json()["id_token"])
    assert "email" not in later and "phone_number" in later


@pytest.mark.attack("A082")
def test_a_verdict_on_a_number_is_no_oracle(house: House) -> None:
    """Silent, refreshed, respelt or in the other place: one department learns so many verdicts on one citizen in a day, and no more (CWE-203)."""
    item(house, {**LOAN, "needs": [{"attribute": "national_id_matches", "essential": True}]})
    app, browser = (
        house.register(scope="openid"),
        house.signed_in(house.citizen(claims={"national_id": "11010519491231002X"})),
    )
    verdicts = []
    for n in range(3 * PER_DAY):
        member = {"national_id_matches": {"compare": f"1101051949123{n:04}X"}}
        claims = json.dumps({"userinfo": member, "id_token": member})
        uri = reference(house, app, scope="openid service:loan", claims=claims, prompt="none" if n else None)
        page = go(house, app, uri, browser)
        code = allow(house, browser, page) if n == 0 else parse_qs(urlsplit(page.headers["Location"]).query)["code"][0]
        tokens = house.redeem(app, code).get_json()
        again = house.refresh(app, tokens["refresh_token"]).get_json()
        answers = [claims_of(tokens["id_token"]), claims_of(again["id_token"])]
        answers += [house.userinfo(t["access_token"]).get_json() for t in (tokens, again)]
        verdicts += [answer["national_id_matches"] for answer in answers if "national_id_matches" in answer]
    assert verdicts == [False] * 3 * PER_DAY  # the ID token and both tokens' UserInfo, of the first few numbers
    assert len(house.events("comparison.bounded")) == 2 * PER_DAY


def _number(house: House, app: App, n: int, **more: str | None) -> str:
    """A pushed request that brings the ``n``-th number along."""
    claims = json.dumps({"userinfo": {"national_id_matches": {"compare": f"1101051949123{n:04}X"}}})
    return reference(house, app, scope="openid service:loan", claims=claims, **more)


def _verdict(house: House, app: App, code: str) -> Any:
    return house.userinfo(house.redeem(app, code).get_json()["access_token"]).get_json().get("national_id_matches")


@pytest.mark.attack("A082")
def test_numbers_that_come_at_once_are_counted_one_by_one(any_house: House) -> None:
    """The count stands in the batch that issues the code: of many requests at one moment no more than the day's number are answered (DESIGN §2.2)."""
    house = any_house
    item(house, {**LOAN, "needs": [{"attribute": "national_id_matches", "essential": True}]})
    app, browser = house.register(scope="openid"), house.signed_in(house.citizen(claims=KNOWN, source="police"))
    allow(house, browser, go(house, app, _number(house, app, 0), browser))
    pushed = [_number(house, app, n, prompt="none") for n in range(1, 1 + 2 * PER_DAY)]
    with ThreadPoolExecutor(2 * PER_DAY) as pool:
        pages = list(pool.map(lambda uri: go(house, app, uri, browser), pushed))
    codes = [parse_qs(urlsplit(page.headers["Location"]).query)["code"][0] for page in pages]
    verdicts = [_verdict(house, app, code) for code in codes]
    assert verdicts.count(False) == PER_DAY - 1 and verdicts.count(None) == PER_DAY + 1
    assert len(house.events("comparison.bounded")) == PER_DAY + 1


@pytest.mark.attack("A082")
@pytest.mark.postgres
@pytest.mark.redis
def test_a_flush_forgives_no_number(served_house: House, redis: Redis) -> None:
    """What the volatile store forgets is no new day (DESIGN §5: losing it never costs safety); the same number stays free."""
    house = served_house
    item(house, {**LOAN, "needs": [{"attribute": "national_id_matches", "essential": True}]})
    app, browser = house.register(scope="openid"), house.signed_in(house.citizen(claims=KNOWN, source="police"))
    allow(house, browser, go(house, app, _number(house, app, 0), browser))
    for n in range(1, PER_DAY + 1):
        if n == PER_DAY:
            redis.flush()
            house.clock.advance(1)
        page = go(house, app, _number(house, app, n, prompt="none"), browser)
    code = parse_qs(urlsplit(page.headers["Location"]).query)["code"][0]
    assert _verdict(house, app, code) is None
    page = go(house, app, _number(house, app, 1, prompt="none"), browser)
    assert _verdict(house, app, parse_qs(urlsplit(page.headers["Location"]).query)["code"][0]) is False


@pytest.mark.attack("A053", "A050")
@pytest.mark.parametrize("aud", ["https://api.example", ["https://api.example"], [], "", None, 7])
def test_a_token_for_another_resource_opens_no_claims(house: House, aud: Any) -> None:
    """UserInfo believes tokens that are meant for it (RFC 9068 §4), whoever signed them."""
    app = house.register()
    good = claims_of(house.tokens(app, house.citizen())["access_token"])
    for audience, status in ((good["aud"], 200), ([good["aud"], "https://api.example"], 200), (aud, 401)):
        token = mint(house.parts.keys.signer("ES256"), "at+jwt", {**good, "aud": audience})
        assert house.userinfo(token).status_code == status, audience


@pytest.mark.attack("A001", "A096")
def test_a_request_begun_before_its_redirect_uri_was_removed(house: House) -> None:
    """A page that waits leads nowhere any more once the address is gone from the registration (RFC 9700 §2.1)."""
    app = house.register(redirect_uris=["https://tax.example/callback", "https://tax.example/other"])
    browser = house.signed_in(house.citizen())
    page = house.authorize(browser, app)
    assert 'id="consent-allow"' in page.text
    row = house.parts.store.one(ClientRow, client_id=app.id)
    assert row is not None
    moved = msgspec.structs.replace(app.client, redirect_uris=("https://tax.example/other",))
    house.parts.store.commit(client_rows.change(moved, row.version, house.clock()))
    house.clock.advance(1)
    for decision in ("allow", "deny"):
        answer = house.submit(browser, page, decision=decision)
        assert answer.status_code == 400 and "Location" not in answer.headers
        assert "tax.example/callback" not in answer.text
    assert house.events("code.issued") == []
