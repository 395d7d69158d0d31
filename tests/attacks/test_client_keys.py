"""A client's encryption key that is swapped just before a release: recorded, shown, held, whichever way it came (A081)."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from werkzeug.test import TestResponse

from idp.cli import main
from idp.flows.client_keys import confirm
from idp.flows.provision import add_initial_token
from idp.records import ClientKeySeen
from tests.clients.ground import reply, site
from tests.faults.ground import environment
from tests.journeys.test_console import auditor
from tests.journeys.test_encrypted_release import ID, KNOWN, NEEDS
from tests.journeys.test_register import call
from tests.kit.catalogue import LOAN, item
from tests.kit.house import REDIRECT, App, House
from tests.kit.sealed import EC, RSA, document, encrypting, public

THIEF: dict[str, Key] = {
    "ECDH-ES+A256KW": ECKey.generate_key("P-256", {"kid": "ec", "use": "enc"}),
    "RSA-OAEP-256": RSAKey.generate_key(2048, {"kid": "r", "use": "enc"}),
    "ECDH-ES": OKPKey.generate_key("X25519", {"kid": "x", "use": "enc"}),
}
"""Keys of whoever has the client's registration access token, by the algorithm that they ask for."""


def registered(house: House) -> tuple[App, dict[str, Any]]:
    """A client that registered itself with a key, and its answer."""
    right = add_initial_token(house.parts, house.department("tax"))
    asked = {
        "redirect_uris": [REDIRECT],
        "client_name": "Tax",
        "scope": "openid",
        **encrypting("ECDH-ES+A256KW", "userinfo"),
    }
    told = call(house, "POST", "/register", right, asked).get_json()
    client = house.parts.clients.get(told["client_id"])
    assert client is not None
    return App(client, told["client_secret"]), told


def changed(house: House, told: dict[str, Any], **metadata: Any) -> None:
    """RFC 7592 §2.2, with the registration access token."""
    kept = {
        k: v
        for k, v in told.items()
        if k
        not in (
            "registration_access_token",
            "registration_client_uri",
            "client_secret_expires_at",
            "client_id_issued_at",
        )
    }
    answer = call(
        house,
        "PUT",
        f"/register?client_id={told['client_id']}",
        told["registration_access_token"],
        {**kept, **metadata},
    )
    assert answer.status_code == 200, answer.text
    house.clock.advance(1)


def told_of(house: House, app: App, browser: Any) -> TestResponse:
    """What the item's release answers after a sign-in; the refusal where there is one before."""
    page = house.authorize(browser, app, scope="openid service:loan")
    if 'id="consent-allow"' in page.text:
        page = house.submit(browser, page, decision="allow")
    _, _, code = page.headers["Location"].partition("code=")
    if not code:
        return page
    return house.userinfo(house.redeem(app, code.partition("&")[0]).get_json()["access_token"])


@pytest.mark.attack("A081")
@pytest.mark.parametrize("alg", THIEF)
def test_a_key_that_comes_with_an_update_waits_whatever_its_algorithm(
    make_house: Callable[..., House], alg: str
) -> None:
    """Nobody makes another's key the first one by asking for another algorithm too: held, on record with both thumbprints, shown (RFC 9700 §4.4)."""
    house = make_house(client_key_hold=7 * 86400)
    app, told = registered(house)
    item(house, {**LOAN, "needs": NEEDS["essential"]})
    browser = house.signed_in(house.citizen(claims=KNOWN))
    assert document(told_of(house, app, browser).text, EC)["national_id"] == ID
    grant = house.tokens(app, house.citizen("other"))
    keys = {"jwks": public(THIEF[alg]), "userinfo_encrypted_response_alg": alg}
    changed(house, told, **keys, userinfo_encrypted_response_enc="A256GCM")
    app = App(house.parts.clients.get(app.id) or app.client, app.secret)
    refused = told_of(house, app, browser)
    assert refused.status_code == 303 and "error=invalid_scope" in refused.headers["Location"]
    document(house.userinfo(grant["access_token"]).text, THIEF[alg])  # nothing sensitive: the key is met and recorded
    (event,) = house.events("client.key_changed")
    assert (event["thumbprint"], event["before"]) == (THIEF[alg].thumbprint(), EC.thumbprint())
    assert "error=invalid_scope" in told_of(house, app, browser).headers["Location"]
    shown = CliRunner().invoke(main, ["clients", "show", app.id, "--json"], env=environment(house.config)).output
    assert THIEF[alg].thumbprint() in shown
    assert THIEF[alg].thumbprint() in auditor(house).get(f"/console/clients/{app.id}").text
    assert confirm(house.parts, app.id, house.clock()) == 1
    assert document(told_of(house, app, browser).text, THIEF[alg])["national_id"] == ID
    assert [e["key"] for e in house.events("attributes.released")] == [EC.thumbprint(), THIEF[alg].thumbprint()]


@pytest.mark.attack("A081")
def test_the_keys_of_all_answers_are_met_with_the_first(make_house: Callable[..., House]) -> None:
    """One that waits at the client's address for its first use is no first key then, and a client of two algorithms is not suspected (RFC 7591)."""
    house = make_house(client_key_hold=7 * 86400, outbound_allow=("127.0.0.1",))
    with site(reply(msgspec.json.encode(public(EC, RSA)))) as server:
        metadata = encrypting("ECDH-ES+A256KW", "userinfo") | {
            "jwks": None,
            "jwks_uri": f"http://127.0.0.1:{server.port}/",
        }
        metadata |= {
            "introspection_encrypted_response_alg": "RSA-OAEP-256",
            "introspection_signed_response_alg": "ES256",
        }
        app = house.register(**metadata)
        tokens = house.tokens(app, house.citizen())
        assert house.userinfo(tokens["access_token"]).status_code == 200
        rows = {row.alg: (row.thumbprint, row.held_until) for row in house.parts.store.find(ClientKeySeen)}
        assert rows == {"ECDH-ES+A256KW": (EC.thumbprint(), None), "RSA-OAEP-256": (RSA.thumbprint(), None)}
        assert len(house.events("client.key_seen")) == 2
        server.answer = reply(msgspec.json.encode(public(EC, THIEF["RSA-OAEP-256"])))
        house.clock.advance(601)
        fresh = house.tokens(app, house.citizen("second"))
        assert house.as_client(app, "/introspect", {"token": fresh["access_token"]}).status_code == 200
    (event,) = house.events("client.key_changed")
    assert (event["alg"], event["before"]) == ("RSA-OAEP-256", RSA.thumbprint())
