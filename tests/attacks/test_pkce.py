"""Attacks on PKCE at every place where a request comes in: plainly, pushed, signed, by POST."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from idp.records import Grant
from tests.attacks.authorize_ground import rows
from tests.kit.house import ISSUER, REDIRECT, App, House, challenge, sign

BASE = {"response_type": "code", "redirect_uri": REDIRECT, "scope": "openid", "state": "st"}
WEAK: dict[str, dict[str, str]] = {
    "stripped": {},
    "stripped, method left": {"code_challenge_method": "S256"},
    "plain by name": {"code_challenge": challenge(), "code_challenge_method": "plain"},
    "plain by omission": {"code_challenge": challenge()},
    "another case": {"code_challenge": challenge(), "code_challenge_method": "s256"},
    "another hash": {"code_challenge": challenge(), "code_challenge_method": "S512"},
    "too short": {"code_challenge": challenge()[:-1], "code_challenge_method": "S256"},
    "too long": {"code_challenge": challenge() + "A", "code_challenge_method": "S256"},
    "padded": {"code_challenge": challenge() + "=", "code_challenge_method": "S256"},
    "not base64url": {"code_challenge": challenge()[:-1] + "+", "code_challenge_method": "S256"},
    "a line end": {"code_challenge": challenge() + "\n", "code_challenge_method": "S256"},
}


def get(house: House, app: App, parameters: dict[str, str]) -> str:
    answer = house.request("GET", "/authorize", query_string={"client_id": app.id, **parameters})
    return redirected(answer.headers["Location"])


def post(house: House, app: App, parameters: dict[str, str]) -> str:
    return redirected(house.post("/authorize", {"client_id": app.id, **parameters}).headers["Location"])


def pushed(house: House, app: App, parameters: dict[str, str]) -> str:
    answer = house.as_client(app, "/par", parameters)
    return "" if answer.status_code == 201 else str(answer.get_json()["error"])


def signed(house: House, app: App, parameters: dict[str, str]) -> str:
    """A request object; what stands beside it counts for nothing (RFC 9101 §5)."""
    assert app.signer is not None
    times = {"exp": house.clock.seconds + 60, "nbf": house.clock.seconds}
    claims: dict[str, Any] = {"iss": app.id, "client_id": app.id, "aud": ISSUER, **times, **parameters}
    token = sign(app.signer, {"alg": app.signer.alg, "kid": app.signer.kid}, claims)
    beside = {"client_id": app.id, "request": token, "code_challenge": challenge(), "code_challenge_method": "S256"}
    return redirected(house.request("GET", "/authorize", query_string=beside).headers["Location"])


def redirected(location: str) -> str:
    told = parse_qs(urlsplit(location).query)
    assert "code" not in told
    return told.get("error", [""])[0]


WAYS: dict[str, Callable[[House, App, dict[str, str]], str]] = {
    "GET": get,
    "POST": post,
    "pushed": pushed,
    "signed": signed,
}


@pytest.mark.attack("A038", "A039")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("weak", WEAK)
def test_weak_or_missing_challenges(house: House, way: str, weak: str) -> None:
    """S256 with a whole challenge, or the request is refused, whichever way it comes (RFC 7636 §4.3, §4.4.1; RFC 9700 §2.1.1)."""
    app = house.signing()
    before = rows(house)
    assert WAYS[way](house, app, {**BASE, **WEAK[weak]}) == "invalid_request"
    assert house.parts.store.count(Grant) == 0
    assert rows(house)[1] == before[1]
    assert WAYS[way](house, app, {**BASE, "code_challenge": challenge(), "code_challenge_method": "S256"}) == ""


@pytest.mark.attack("A038")
@pytest.mark.parametrize("public", [True, False])
def test_only_an_operator_lets_a_confidential_client_go_without(house: House, public: bool) -> None:
    """Public clients never, confidential ones by policy alone (RFC 9700 §2.1.1); one that does send a challenge is held to it."""
    app = house.public() if public else house.register(require_pkce=False)
    browser = house.signed_in(house.citizen())
    answer = house.authorize(browser, app, code_challenge="", code_challenge_method="")
    assert redirected(answer.headers.get("Location", "")) == ("invalid_request" if public else "")
    assert ('id="consent-allow"' in answer.text) is not public
    weak = house.authorize(browser, app, code_challenge_method="plain")
    assert redirected(weak.headers["Location"]) == "invalid_request"
    if not public:
        code = house.code(browser, app)
        assert house.redeem(app, code, code_verifier="").status_code == 400
        assert house.redeem(app, code).status_code == 200
