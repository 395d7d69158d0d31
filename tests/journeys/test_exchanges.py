"""Encrypted identifiers for another department: registered, approved, used, recorded, ended (RFC 8693)."""

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from joserfc.jwk import ECKey
from werkzeug.test import TestResponse

from clients.model import to_json
from idp.caches import bump
from idp.cli import main
from idp.errors import Refusal
from idp.flows import exchanges
from idp.flows.client_keys import confirm
from idp.ports import Committed, Update
from idp.records import ClientRow, Exchange
from keys.jose import VerifyKeys, verify
from keys.jwe import decrypt
from keys.subjects import subject
from tests.journeys.test_history import citizen, lines, sequenced
from tests.kit.house import App, House, claims_of

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
KEY = ECKey.generate_key("P-256", {"use": "enc", "alg": "ECDH-ES+A256KW"}, auto_kid=True)


def pair(house: House) -> tuple[App, App]:
    """The tax bureau, and social security with a key to encrypt to."""
    tax = house.register("tax", client_name="Tax")
    keys = {"keys": [KEY.as_dict(private=False)]}
    social = house.register("social", client_name="Social", redirect_uris=["https://social.example/cb"], jwks=keys)
    return tax, social


def approved(house: House, tax: App, social: App) -> Exchange:
    row = exchanges.propose(house.parts, tax.id, social.id, "a law", by="cli", now=house.clock())
    return exchanges.decide(house.parts, row.id.hex(), "approved", by="cli", now=house.clock())


def ask(house: House, app: App, token: str, audience: str, **more: str) -> TestResponse:
    form = {"grant_type": GRANT_TYPE, "subject_token": token, "subject_token_type": ACCESS_TOKEN, "audience": audience}
    return house.as_client(app, "/token", {k: v for k, v in (form | more).items() if v})


def opened(house: House, answer: TestResponse) -> dict[str, Any]:
    """As social security reads it: with its own key, then the provider's."""
    plain, header = decrypt(answer.get_json()["access_token"], KEY)
    assert header["cty"] == "JWT"
    keys = VerifyKeys.from_jwks(house.request("GET", "/jwks").get_json())
    return verify(plain.decode(), keys, ("ES256",), "yimen-identifier+jwt")


def test_only_the_other_department_reads_its_own_subject(any_house: House) -> None:
    """Issue 3.6: encrypted cross-sector identifiers under a registered exchange; RFC 8693 §2.2.1"""
    house = any_house
    account, person = citizen(house)
    tax, social = pair(house)
    approved(house, tax, social)
    tokens = house.tokens(tax, account)
    answer = ask(house, tax, tokens["access_token"], social.id)
    assert answer.status_code == 200, answer.text
    body = answer.get_json()
    assert body["token_type"] == "N_A" and body["issued_token_type"].endswith(":jwt") and body["expires_in"] == 300
    claims = opened(house, answer)
    assert claims["sub"] == subject(house.parts.ring, 1, account, social.client.sector_id)
    assert claims["sub"] == claims_of(house.tokens(social, account)["id_token"])["sub"]
    assert (claims["aud"], claims["azp"], claims["iss"]) == (social.id, tax.id, house.config.issuer)
    assert claims_of(tokens["id_token"])["sub"] not in str(claims)
    again = ask(house, tax, tokens["access_token"], social.id)
    assert again.get_json()["access_token"] != body["access_token"]
    told = house.events("identifier.exchanged")
    assert [(e["client_id"], e["to_client"]) for e in told] == [(tax.id, social.id)] * 2
    sequenced(house)
    page = person.get("/account/history?lang=en")
    assert "match their records" in page.text and "Tax" in page.text and "Social" in page.text
    receipt = person.get(f"/account/history/{lines(page)[0]}/receipt.json").get_json()["claims"]["record"]
    assert receipt["event"]["recipient_client_id"] == social.id
    assert claims["sub"] not in json.dumps(receipt)


@pytest.mark.attack("A081")
def test_a_swapped_key_is_held_here_too(make_house: Callable[..., House]) -> None:
    """A client key that was swapped gets no identifier before an operator stands for it (DESIGN §7)."""
    house = make_house(client_key_hold=3600)
    account, _ = citizen(house)
    tax, social = pair(house)
    approved(house, tax, social)
    token = house.tokens(tax, account)["access_token"]
    assert ask(house, tax, token, social.id).status_code == 200
    other = ECKey.generate_key("P-256", {"use": "enc", "alg": "ECDH-ES+A256KW"}, auto_kid=True)
    changed = msgspec.structs.replace(social.client, jwks={"keys": [other.as_dict(private=False)]})
    row = Update(ClientRow, {"client_id": social.id}, {"document": to_json(changed)})
    assert isinstance(house.parts.store.commit([row, *bump("client")]), Committed)
    house.parts.generations.reread()
    held = ask(house, tax, token, social.id)
    assert (held.status_code, held.get_json()["error"]) == (400, "invalid_target")
    assert confirm(house.parts, social.id, house.clock()) == 1
    told = ask(house, tax, token, social.id)
    assert told.status_code == 200 and decrypt(told.get_json()["access_token"], other)[0]


@pytest.mark.attack("A057")
@pytest.mark.parametrize("state", ["never", "proposed", "ended"])
def test_off_unless_approved(house: House, state: str) -> None:
    """Everyone else is not authorized for the grant type, and discovery never names it (RFC 6749 §5.2)."""
    tax, social = pair(house)
    tokens = house.tokens(tax, house.citizen())
    if state != "never":
        row = exchanges.propose(house.parts, tax.id, social.id, "a law", by="cli", now=house.clock())
    if state == "ended":
        exchanges.decide(house.parts, row.id.hex(), "approved", by="cli", now=house.clock())
        exchanges.decide(house.parts, row.id.hex(), "ended", by="cli", now=house.clock())
    for app in (tax, social):
        answer = ask(house, app, tokens["access_token"], social.id)
        assert answer.status_code == 400 and answer.get_json()["error"] == "unauthorized_client"
    assert GRANT_TYPE not in house.request("GET", "/.well-known/openid-configuration").text
    assert house.events("identifier.exchanged") == []


@pytest.mark.attack("A057")
def test_an_exchange_is_one_way_between_two(house: House) -> None:
    """Not for the other direction, a third client, a public one, or another's token (RFC 8693 §2.2.2)."""
    account = house.citizen()
    tax, social = pair(house)
    third = house.register("third", redirect_uris=["https://third.example/cb"])
    approved(house, tax, social)
    own, foreign = house.tokens(tax, account)["access_token"], house.tokens(third, account)["access_token"]
    refused = {
        "another audience": (ask(house, tax, own, third.id), "invalid_target"),
        "itself": (ask(house, tax, own, tax.id), "invalid_target"),
        "nobody": (ask(house, tax, own, "nobody"), "invalid_target"),
        "no audience": (ask(house, tax, own, ""), "invalid_target"),
        "the other way": (ask(house, social, house.tokens(social, account)["access_token"], tax.id), "unauthorized_client"),
        "a third": (ask(house, third, foreign, social.id), "unauthorized_client"),
        "a third's token": (ask(house, tax, foreign, social.id), "invalid_request"),
        "no token": (ask(house, tax, "", social.id), "invalid_request"),
        "noise": (ask(house, tax, "x.y.z", social.id), "invalid_request"),
        "an ID token": (ask(house, tax, house.tokens(tax, account)["id_token"], social.id), "invalid_request"),
        "another type": (ask(house, tax, own, social.id, subject_token_type="x"), "invalid_request"),
        "another answer": (ask(house, tax, own, social.id, requested_token_type=ACCESS_TOKEN), "invalid_request"),
        "an actor": (ask(house, tax, own, social.id, actor_token="x"), "invalid_request"),
        "a scope": (ask(house, tax, own, social.id, scope="openid"), "invalid_request"),
    }  # fmt: skip
    assert {what: (a.status_code, a.get_json()["error"]) for what, (a, _) in refused.items()} == {
        what: (400, error) for what, (_, error) in refused.items()
    }
    assert house.events("identifier.exchanged") == []


@pytest.mark.attack("A096")
def test_a_dead_token_exchanges_nothing(any_house: House) -> None:
    """Withdrawn, revoked, expired, erased: no identifier (RFC 8693 §2.2.2)."""
    house = any_house
    account, person = citizen(house)
    tax, social = pair(house)
    row = approved(house, tax, social)
    revoked = house.tokens(tax, account)["access_token"]
    assert house.as_client(tax, "/revoke", {"token": revoked}).status_code == 200
    assert ask(house, tax, revoked, social.id).get_json()["error"] == "invalid_request"
    withdrawn = house.tokens(tax, account)["access_token"]
    handle = re.search(r'name="withdraw" value="([^"]+)"', person.get("/account/services").text)
    assert handle is not None
    person.submit(withdraw=handle[1], sure="1")
    assert ask(house, tax, withdrawn, social.id).get_json()["error"] == "invalid_request"
    good = house.tokens(tax, account)["access_token"]
    assert ask(house, tax, good, social.id).status_code == 200
    exchanges.decide(house.parts, row.id.hex(), "ended", by="cli", now=house.clock())
    assert ask(house, tax, good, social.id).get_json()["error"] == "unauthorized_client"
    house.clock.advance(house.config.access_token_ttl)
    exchanges.propose(house.parts, tax.id, social.id, "again", by="cli", now=house.clock())
    exchanges.decide(house.parts, row.id.hex(), "approved", by="cli", now=house.clock())
    assert ask(house, tax, good, social.id).get_json()["error"] == "invalid_request"
    assert len(house.events("identifier.exchanged")) == 1


def test_nothing_is_told_that_was_not_recorded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN §2.1"""
    from idp.errors import Unavailable

    tax, social = pair(house)
    approved(house, tax, social)
    token = house.tokens(tax, house.citizen())["access_token"]

    def full(*_: Any) -> Any:
        raise Unavailable("database")

    monkeypatch.setattr(type(house.parts.store), "commit", full)
    answer = ask(house, tax, token, social.id)
    assert answer.status_code == 503 and "access_token" not in answer.text


def test_what_can_not_be_registered(house: House) -> None:
    tax, social = pair(house)
    sister = house.register("tax", client_name="Tax too")
    bare = house.register("bare", redirect_uris=["https://bare.example/cb"])
    public = house.public("app", redirect_uris=["https://app.example/cb"])

    def propose(client: str, other: str, purpose: str = "a law") -> Exchange:
        return exchanges.propose(house.parts, client, other, purpose, by="cli", now=house.clock())

    for client, other, purpose in (
        (tax.id, "nobody", "p"),
        ("nobody", tax.id, "p"),
        (tax.id, sister.id, "p"),
        (tax.id, public.id, "p"),
        (public.id, tax.id, "p"),
        (tax.id, social.id, " "),
        (tax.id, social.id, "p" * 501),
    ):
        with pytest.raises(Refusal):
            propose(client, other, purpose)
    without_key = propose(tax.id, bare.id)
    with pytest.raises(Refusal, match="invalid_target"):
        exchanges.decide(house.parts, without_key.id.hex(), "approved", by="cli", now=house.clock())
    row = propose(tax.id, social.id)
    for wrong in ("", "zz", "00" * 16):
        with pytest.raises(Refusal):
            exchanges.decide(house.parts, wrong, "approved", by="cli", now=house.clock())
    with pytest.raises(Refusal):
        propose(tax.id, social.id)
    assert approved_twice_is_refused(house, row)


def approved_twice_is_refused(house: House, row: Exchange) -> bool:
    exchanges.decide(house.parts, row.id.hex(), "approved", by="cli", now=house.clock())
    with pytest.raises(Refusal):
        exchanges.decide(house.parts, row.id.hex(), "approved", by="cli", now=house.clock())
    return True


def test_the_commands(house: House) -> None:
    tax, social = pair(house)
    env = {
        "IDP_ISSUER": house.config.issuer,
        "IDP_DATABASE_URL": house.config.database_url,
        "IDP_KEYRING_URL": house.config.keyring_url,
        "IDP_VOLATILE_URL": house.config.volatile_url,
        "IDP_KEYS_URL": house.config.keys_url,
    }

    def run(*arguments: str) -> Any:
        done = CliRunner(env=env).invoke(main, ["exchanges", *arguments, "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    made = run("propose", tax.id, social.id, "--purpose", "a law")
    assert run("approve", made["id"])["state"] == "approved"
    assert [(r["state"], r["purpose"]) for r in run("list")] == [("approved", "a law")]
    assert run("end", made["id"])["state"] == "ended"
    assert [e["state"] for e in house.events("exchange.decided")] == ["proposed", "approved", "ended"]
