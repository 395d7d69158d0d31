"""Who may read across origins (Fetch §3.2; RFC 9700 §2.6), and what a shared cache may be made to hold."""

import json

import pytest

from tests.kit.house import House, bearer

OWN, OTHER = "https://spa.example", "https://evil.example"
PUBLIC = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/jwks"]
CLOSED = ["/authorize", "/register", "/introspect", "/par", "/logout", "/", "/sign-in", "/static/x"]


@pytest.fixture
def spa(house: House) -> House:
    house.public(redirect_uris=[OWN + "/cb"])
    return house


def preflight(house: House, path: str, origin: str, method: str = "POST"):
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    return house.request("OPTIONS", path, headers=headers)


@pytest.mark.parametrize("path", ["/token", "/userinfo", "/revoke"])
def test_registered_origins(spa: House, path: str) -> None:
    answer = preflight(spa, path, OWN)
    assert answer.status_code == 204 and answer.headers["Access-Control-Allow-Origin"] == OWN
    assert answer.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type, DPoP"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"] and answer.headers["Vary"] == "Origin"
    real = spa.request("POST", path, headers={"Origin": OWN})
    assert real.headers["Access-Control-Allow-Origin"] == OWN and real.headers["Vary"] == "Origin"
    assert real.headers["Access-Control-Expose-Headers"] == "WWW-Authenticate, Retry-After"


@pytest.mark.attack("A103")
@pytest.mark.parametrize("path", ["/token", "/userinfo", "/revoke"])
@pytest.mark.parametrize(
    "origin",
    [OTHER, "null", "https://spa.example:8443", "https://SPA.example", "https://spa.example/", "*", "x" * 5000],
)
def test_other_origins(spa: House, path: str, origin: str) -> None:
    """An origin that no client registered, or almost, reads nothing (Fetch §3.2; RFC 9700 §2.6)."""
    for answer in (preflight(spa, path, origin), spa.request("POST", path, headers={"Origin": origin})):
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
        assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize("path", PUBLIC)
def test_everyone_reads_discovery(house: House, path: str) -> None:
    assert house.request("GET", path, headers={"Origin": OTHER}).headers.get_all("Access-Control-Allow-Origin") == ["*"]
    answer = preflight(house, path, OTHER, "GET")
    assert answer.status_code == 204 and answer.headers.get_all("Access-Control-Allow-Origin") == ["*"]


@pytest.mark.attack("A103")
@pytest.mark.parametrize("path", CLOSED)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_no_page_or_registration_is_readable_across_origins(spa: House, path: str, method: str) -> None:
    """Another site's script reads neither registration nor a page, even from a registered origin (RFC 9700 §2.6)."""
    answer = spa.request(method, path, headers={"Origin": OWN, "Access-Control-Request-Method": "POST"})
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]


@pytest.mark.attack("A103")
def test_never_with_credentials(spa: House) -> None:
    """No answer lets a browser send its cookies along (Fetch §3.2.2)."""
    for path in (*PUBLIC, "/token", "/userinfo", "/revoke", "/register"):
        assert "Access-Control-Allow-Credentials" not in preflight(spa, path, OWN).headers


def test_a_disabled_or_removed_client_takes_its_origin_along(house: House) -> None:
    import msgspec

    from idp.flows import client_rows

    app = house.public(redirect_uris=[OWN + "/cb"])
    assert "Access-Control-Allow-Origin" in preflight(house, "/token", OWN).headers
    disabled = msgspec.structs.replace(app.client, status="disabled")
    house.parts.store.commit(client_rows.change(disabled, 1, house.clock()))
    house.clock.advance(1)
    assert "Access-Control-Allow-Origin" not in preflight(house, "/token", OWN).headers


def test_errors_are_readable_too(spa: House) -> None:
    answer = spa.request("GET", "/userinfo", headers={"Origin": OWN, **bearer("wrong")})
    assert answer.status_code == 401 and answer.headers["Access-Control-Allow-Origin"] == OWN


@pytest.mark.attack("A152")
@pytest.mark.parametrize("path", PUBLIC)
def test_the_body_depends_on_nothing_in_the_request(house: House, path: str) -> None:
    """A shared cache can't be made to hold a document of an attacker's making (OIDC Discovery §4.3; RFC 9111 §7.1)."""
    plain = house.request("GET", path)
    forged = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "http",
        "X-Original-URL": "/evil",
        "Forwarded": "host=evil.example",
        "Accept": "text/html",
        "Accept-Language": "xx",
        "Cookie": "a=b",
        "Origin": "https://evil.example",
    }
    other = house.request("GET", path + "?issuer=https://evil.example&x=%0d%0a", headers=forged)
    assert (other.data, dict(other.headers)) == (plain.data, dict(plain.headers))
    assert "evil" not in json.dumps(dict(other.headers)) and "Set-Cookie" not in other.headers
    assert int(other.headers["Cache-Control"].partition("max-age=")[2]) <= 3600
    assert house.request("GET", path, headers={"Host": "evil.example"}).status_code == 421
