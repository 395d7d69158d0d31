"""Discovery and keys as they are served (OIDC Discovery §4, RFC 8414 §3, RFC 9110 §13)."""

import pytest

from tests.kit.house import House

PATHS = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"]


@pytest.mark.parametrize("path", PATHS)
def test_the_document(house: House, path: str) -> None:
    answer = house.request("GET", path)
    assert answer.status_code == 200 and answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    document = answer.get_json()
    assert document["issuer"] == house.config.issuer
    for name, value in document.items():
        if name.endswith("_endpoint") or name == "jwks_uri":
            assert value.startswith(house.config.issuer + "/")


def test_every_endpoint_named_answers(house: House) -> None:
    document = house.request("GET", PATHS[0]).get_json()
    for name, value in document.items():
        if name.endswith("_endpoint") or name == "jwks_uri":
            assert house.request("GET", value.removeprefix(house.config.issuer)).status_code not in (404, 500), name


def test_keys(house: House) -> None:
    answer = house.request("GET", "/jwks")
    assert answer.content_type == "application/jwk-set+json"
    assert answer.headers["Cache-Control"] == f"public, max-age={house.config.jwks_max_age}"
    keys = answer.get_json()["keys"]
    assert sorted(k["alg"] for k in keys) == sorted(["ES256", "RS256", "PS256", "Ed25519"] * 2)
    assert all(not {"d", "p", "q", "k"} & set(k) and k["use"] == "sig" and k["kid"] for k in keys)


@pytest.mark.parametrize("path", [*PATHS, "/jwks"])
def test_conditional_requests(house: House, path: str) -> None:
    tag = house.request("GET", path).headers["ETag"]
    for header in (tag, f'"x", W/{tag}', "*"):
        answer = house.request("GET", path, headers={"If-None-Match": header})
        assert (answer.status_code, answer.data) == (304, b"")
        assert answer.headers["ETag"] == tag and "Content-Length" not in answer.headers
    assert house.request("GET", path, headers={"If-None-Match": '"other"'}).status_code == 200
    head = house.request("HEAD", path)
    assert head.status_code == 200 and head.data == b"" and head.headers["ETag"] == tag


def test_rotation_changes_the_tag(house: House) -> None:
    from idp.flows.keys import rotate
    from keys.backends import open_root

    before = house.request("GET", "/jwks")
    rotate(
        house.parts.store,
        open_root(house.config.keys_url),
        house.config,
        house.parts.entropy,
        house.clock(),
        rotate=True,
    )
    house.clock.advance(1)
    after = house.request("GET", "/jwks")
    assert after.headers["ETag"] != before.headers["ETag"] and len(after.get_json()["keys"]) > len(
        before.get_json()["keys"]
    )


@pytest.mark.parametrize("path", ["/robots.txt", "/favicon.ico"])
def test_what_is_asked_for_unasked(house: House, path: str) -> None:
    assert house.request("GET", path).status_code == 200
    assert house.request("POST", path).status_code == 405
