"""The class rule: what is sensitive leaves only inside a JWE to the client's current key, on every path; never in the clear (DESIGN §7)."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from joserfc.jwk import ECKey
from werkzeug.test import TestResponse

from idp.cli import main
from idp.errors import Refusal
from idp.flows import catalogue
from idp.flows.catalogue import draft_of
from idp.flows.client_keys import confirm, key_now
from idp.flows.recipients import recipient
from idp.records import ClientRefusal, Grant
from tests.clients.ground import reply, site
from tests.faults.ground import environment
from tests.journeys.test_service_items import allow, ask, error_of
from tests.kit.catalogue import LOAN, draft, item
from tests.kit.house import CLAIMS, App, House, claims_of
from tests.kit.sealed import EC, document, encrypting, nested, public

ID = "11010519491231002X"
KNOWN = {**CLAIMS, "national_id": ID, "marital_status": "married"}
NEEDS: dict[str, list[dict[str, Any]]] = {
    "essential": [{"attribute": "name", "essential": True}, {"attribute": "national_id", "essential": True}],
    "optional": [{"attribute": "name", "essential": True}, {"attribute": "national_id"}],
}
TICKED = {"allow/loan/national_id": "1"}


def receiving(house: House, **more: Any) -> App:
    """A client of the department that can be encrypted to."""
    return house.register(**{**encrypting("ECDH-ES+A256KW", "userinfo"), **more})


def loan(house: House, need: str) -> None:
    item(house, {**LOAN, "needs": NEEDS[need]})


def answered(house: House, app: App, need: str = "essential") -> TestResponse:
    """UserInfo after the citizen allowed the item."""
    browser = house.signed_in(house.citizen(claims=KNOWN))
    page = ask(house, browser, app)
    tokens = house.redeem(app, allow(house, browser, page, **(TICKED if need == "optional" else {}))).get_json()
    return house.userinfo(tokens["access_token"])


@pytest.mark.parametrize("need", NEEDS)
def test_it_leaves_inside_a_jwe(any_house: House, need: str) -> None:
    house = any_house
    app = receiving(house, userinfo_signed_response_alg="ES256")
    loan(house, need)
    answer = answered(house, app, need)
    assert answer.content_type == "application/jwt" and ID not in answer.text
    told = nested(house.parts, answer.text, EC)
    assert (told["name"], told["national_id"]) == (CLAIMS["name"], ID)
    (event,) = house.events("attributes.released")
    assert event["claims"] == ["name", "national_id"] and event["key"] == EC.thumbprint()


def test_a_client_without_encryption_is_refused_what_is_essential(house: House) -> None:
    receiving(house)
    loan(house, "essential")
    plain = house.register()
    browser = house.signed_in(house.citizen(claims=KNOWN))
    assert error_of(ask(house, browser, plain)) == "invalid_scope"
    assert [r.reason for r in house.parts.store.find(ClientRefusal)] == ["no_client_key"]
    assert house.parts.store.find(Grant) == []


def test_a_client_without_encryption_goes_without_what_is_optional(house: House) -> None:
    receiving(house)
    loan(house, "optional")
    plain = house.register()
    browser = house.signed_in(house.citizen(claims=KNOWN))
    page = ask(house, browser, plain)
    assert "national_id" not in page.text
    tokens = house.redeem(plain, allow(house, browser, page, **TICKED)).get_json()
    assert set(house.userinfo(tokens["access_token"]).get_json()) == {"sub", "name"}
    (grant,) = house.parts.store.find(Grant)
    (event,) = house.events("attributes.withheld")
    told = (event["client_id"], event["grant"], event["claims"], event["reason"], event["via"])
    assert told == (plain.id, grant.id.hex(), ["national_id"], "no_client_key", "consent")
    (line,) = house.parts.store.find(ClientRefusal, {"client_id": plain.id})
    assert (line.code, line.reason, line.received) == ("dropped", "no_client_key", "national_id")


@pytest.mark.attack("A081")
@pytest.mark.parametrize("need", NEEDS)
def test_a081_a_changed_key_waits_until_somebody_stands_for_it(make_house: Callable[..., House], need: str) -> None:
    """With IDP_CLIENT_KEY_HOLD: essential refuses, optional is left out, with an event and a line; confirmed, it goes (RFC 9700 §4.4)."""
    house = make_house(client_key_hold=7 * 86400, outbound_allow=("127.0.0.1",))
    other = ECKey.generate_key("P-256", {"kid": "ec", "use": "enc"})
    with site(reply(msgspec.json.encode(public(EC)))) as server:
        app = receiving(house, jwks=None, jwks_uri=f"http://127.0.0.1:{server.port}/")
        loan(house, need)
        browser = house.signed_in(house.citizen(claims=KNOWN))
        page = ask(house, browser, app)
        code = allow(house, browser, page, **(TICKED if need == "optional" else {}))
        token = house.redeem(app, code).get_json()["access_token"]
        assert document(house.userinfo(token).text, EC)["national_id"] == ID, "the first key is the registered one"
        server.answer = reply(msgspec.json.encode(public(other)))
        house.clock.advance(599)
        tokens = house.tokens(app, house.parts.store.find(Grant)[0].account_id)
        house.clock.advance(2)
        renewed = house.parts.store.find(Grant, order=("created_at",))[0]
        fresh = house.tokens(app, renewed.account_id, plan=renewed.plan, scope=renewed.scope)["access_token"]
        held = house.userinfo(fresh)
        if need == "essential":
            assert (held.status_code, held.get_json()["error"]) == (400, "invalid_request") and ID not in held.text
        else:
            assert set(document(held.text, other)) == {"sub", "name"}
        (event,) = house.events("attributes.withheld")
        assert (event["claims"], event["reason"]) == (["national_id"], "key_held")
        assert "key_held" in {r.reason for r in house.parts.store.find(ClientRefusal)}
        assert confirm(house.parts, app.id, house.clock()) == 1
        assert document(house.userinfo(fresh).text, other)["national_id"] == ID
        last = house.events("client.key_changed")[-1]
        assert (last["confirmed"], last["thumbprint"]) == (True, other.thumbprint())
    assert tokens["access_token"]


def test_a_held_key_is_released_by_time(make_house: Callable[..., House]) -> None:
    house = make_house(client_key_hold=60, access_token_ttl=600)
    app = receiving(house)
    loan(house, "essential")
    assert document(answered(house, app).text, EC)["national_id"] == ID
    other = ECKey.generate_key("P-256", {"kid": "new", "use": "enc"})
    changed = msgspec.structs.replace(app.client, jwks=public(other))
    assert key_now(house.parts, changed, "userinfo", house.clock()) == "key_held"
    recipient(house.parts, changed, "userinfo", house.clock())
    assert key_now(house.parts, changed, "userinfo", house.clock()) == "key_held"
    house.clock.advance(60)
    assert key_now(house.parts, changed, "userinfo", house.clock()) == "usable"


def test_the_operator_sees_the_keys_and_stands_for_them(make_house: Callable[..., House]) -> None:
    house = make_house(client_key_hold=3600)
    app = receiving(house)
    recipient(house.parts, app.client, "userinfo", house.clock())
    other = ECKey.generate_key("P-256", {"kid": "new", "use": "enc"})
    recipient(house.parts, msgspec.structs.replace(app.client, jwks=public(other)), "userinfo", house.clock())
    for held, verb in ((True, "confirm-key"), (False, "show")):
        shown = idp(house, "clients", "show", app.id)["encryption_keys_used"]
        assert [key["thumbprint"] for key in shown] == [other.thumbprint()] and ("held_until" in shown[0]) is held
        answer = idp(house, "clients", verb, app.id)
    assert answer["client_id"] == app.id and idp(house, "clients", "confirm-key", app.id) == {"confirmed": 0}


def idp(house: House, *words: str) -> Any:
    done = CliRunner().invoke(main, [*words, "--json"], env=environment(house.config))
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_an_item_needs_somebody_who_can_receive_it(house: House) -> None:
    """Approval of what needs sensitive attributes waits for a client key in the department; another department's does not count."""
    receiving(house, department="social")
    house.register()
    draft(house, {**LOAN, "needs": NEEDS["optional"]})
    with pytest.raises(Refusal, match="invalid_request") as refused:
        catalogue.decide(house.parts, draft_of(house.parts, "loan"), approve=True)
    assert refused.value.reason == "no_client_key" and catalogue.approved(house.parts, "loan") is None
    receiving(house)
    catalogue.decide(house.parts, draft_of(house.parts, "loan"), approve=True)
    assert catalogue.approved(house.parts, "loan") is not None


# IDP_ENCRYPT=all -----------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def all_sealed(make_house: Callable[..., House]) -> House:
    return make_house(encrypt="all")


def test_everything_is_sensitive_where_the_operator_says_so(all_sealed: House) -> None:
    house, account = all_sealed, all_sealed.citizen()
    asked = b'{"id_token":{"email":{"essential":true}},"userinfo":{"email":null}}'
    plain = house.register()
    tokens = house.tokens(plain, account, claims=asked)
    assert "email" not in claims_of(tokens["id_token"])
    assert set(house.userinfo(tokens["access_token"]).get_json()) == {"sub"}
    told = {(e["via"], e["reason"]) for e in house.events("attributes.withheld")}
    assert told == {("id_token", "no_client_key"), ("userinfo", "no_client_key")}
    assert house.events("attributes.released") == []
    assert {r.reason for r in house.parts.store.find(ClientRefusal, {"client_id": plain.id})} == {"no_client_key"}
    sealed = house.register(**encrypting("ECDH-ES+A256KW", "userinfo", "id_token"))
    tokens = house.tokens(sealed, account, claims=asked)
    assert nested(house.parts, tokens["id_token"], EC)["email"] == CLAIMS["email"]
    assert document(house.userinfo(tokens["access_token"]).text, EC)["name"] == CLAIMS["name"]


def test_one_encrypted_answer_does_not_speak_for_the_other(all_sealed: House) -> None:
    """The ID token of a client that registered encryption for UserInfo alone holds nothing of the person."""
    house = all_sealed
    app = house.register(**encrypting("ECDH-ES+A256KW", "userinfo"))
    tokens = house.tokens(app, house.citizen(), claims=b'{"id_token":{"email":null}}')
    assert "email" not in claims_of(tokens["id_token"])
    assert document(house.userinfo(tokens["access_token"]).text, EC)["email"] == CLAIMS["email"]


def test_introspection_tells_nothing_of_a_person_and_needs_no_rule(all_sealed: House) -> None:
    house = all_sealed
    app = house.register()
    told = house.introspect(app, house.tokens(app, house.citizen())["access_token"])
    assert set(told) == {"active", "scope", "client_id", "token_type", "exp", "iat", "sub", "aud", "iss", "jti"}
