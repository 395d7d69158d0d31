"""Attacks by who holds a client's key address: another key is put there just before a release."""

from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from joserfc.jwk import ECKey

from idp.flows.client_keys import confirm
from idp.records import ClientRefusal
from tests.clients.ground import reply, site
from tests.journeys.test_encrypted_release import ID, KNOWN, loan, receiving
from tests.journeys.test_service_items import allow, ask
from tests.kit.house import House
from tests.kit.sealed import EC, document, encrypting, public


def another() -> ECKey:
    return ECKey.generate_key("P-256", {"kid": "ec", "use": "enc"})


@pytest.mark.attack("A081")
def test_a_swapped_key_is_on_record_before_anything_is_encrypted_to_it(make_house) -> None:
    """The same ``kid`` with another key is an event with both thumbprints, before the release, which names its key (RFC 9700 §4.4)."""
    house: House = make_house(outbound_allow=("127.0.0.1",))
    other = another()
    with site(reply(msgspec.json.encode(public(EC)))) as server:
        asked = encrypting("ECDH-ES+A256KW", "userinfo") | {"jwks": None}
        app = house.register(**asked, jwks_uri=f"http://127.0.0.1:{server.port}/")
        account = house.citizen()
        house.userinfo(house.tokens(app, account)["access_token"])
        server.answer = reply(msgspec.json.encode(public(other)))
        house.clock.advance(601)
        told = house.userinfo(house.tokens(app, account)["access_token"]).text
    assert document(told, other)["name"] == "李伟"
    kinds = [event["kind"] for event in house.events()]
    changed, released = kinds.index("client.key_changed"), len(kinds) - 1 - kinds[::-1].index("attributes.released")
    assert changed < released
    assert house.events("client.key_changed")[-1]["before"] == EC.thumbprint()
    assert house.events("attributes.released")[-1]["key"] == other.thumbprint()


@pytest.mark.attack("A081")
def test_what_is_sensitive_waits_for_somebody_who_stands_for_the_key(make_house) -> None:
    """With a hold, the swapped key gets nothing sensitive, and the developer's list says why (RFC 9700 §4.4)."""
    house: House = make_house(client_key_hold=7 * 86400, outbound_allow=("127.0.0.1",))
    other = another()
    with site(reply(msgspec.json.encode(public(EC)))) as server:
        app = receiving(house, jwks=None, jwks_uri=f"http://127.0.0.1:{server.port}/")
        loan(house, "essential")
        browser = house.signed_in(house.citizen(claims=KNOWN))
        token = house.redeem(app, allow(house, browser, ask(house, browser, app))).get_json()["access_token"]
        assert document(house.userinfo(token).text, EC)["national_id"] == ID
        server.answer = reply(msgspec.json.encode(public(other)))
        house.clock.advance(599)
        remembered = dict(parse_qsl(urlsplit(ask(house, browser, app).headers["Location"]).query))
        token = house.redeem(app, remembered["code"]).get_json()["access_token"]
        house.clock.advance(2)
        held = house.userinfo(token)
        assert held.status_code == 400 and ID not in held.text
        assert "key_held" in {refusal.reason for refusal in house.parts.store.find(ClientRefusal)}
        confirm(house.parts, app.id, house.clock())
        assert document(house.userinfo(token).text, other)["national_id"] == ID
