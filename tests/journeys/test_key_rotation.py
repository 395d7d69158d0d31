"""Signing keys over time: rotation while serving, two nodes at once, emergency (DESIGN: keys; ATTACKS F22, F23, A168)."""

import threading

import pytest
from werkzeug.test import Client as Browser

from idp.flows.keys import rotate
from idp.records import Generation, SigningKey
from keys.backends import open_root
from keys.jose import VerifyKeys, verify
from tests.kit.house import House, header_of


@pytest.fixture
def quick(make_house) -> House:
    return make_house(jwks_max_age=2)


def _rotate(house: House, **how: bool):
    root = open_root(house.config.keys_url)
    return rotate(house.parts.store, root, house.config, house.parts.entropy, house.clock(), **how)


def _jwks(house: House) -> VerifyKeys:
    house.parts.generations.reread()
    return VerifyKeys.from_jwks(house.request("GET", "/jwks").get_json())


@pytest.mark.attack("F22")
def test_client_that_follows_the_cache_header_never_meets_an_unknown_key(quick):
    """F22: twenty rotations; the client refetches when its copy is older than max-age says"""
    app = quick.machine()
    cached, fetched_at, kids = _jwks(quick), quick.clock(), set()
    for second in range(200):
        if second % 10 == 0:
            _rotate(quick, rotate=True)
        _rotate(quick)
        quick.parts.generations.reread()
        token = quick.as_client(app, "/token", {"grant_type": "client_credentials"}).get_json()["access_token"]
        if quick.clock() - fetched_at >= 2_000_000:
            cached, fetched_at = _jwks(quick), quick.clock()
        verify(token, cached, ("ES256",), "at+jwt")
        kids.add(header_of(token)["kid"])
        quick.clock.advance(1)
    assert len(kids) >= 15


def test_tokens_of_a_retiring_key_stay_good_until_they_expire(quick):
    app = quick.register()
    token = quick.tokens(app, quick.citizen())["access_token"]
    quick.clock.advance(30)
    _rotate(quick, rotate=True)
    quick.clock.advance(30)
    quick.parts.generations.reread()
    assert quick.userinfo(token).status_code == 200


@pytest.mark.attack("F23")
def test_two_nodes_rotating_at_once_agree_on_one_active_key(any_house):
    """Whoever turns keys, and however many at once: one active key of each algorithm, no version twice (DESIGN §6)."""
    any_house.clock.advance(86400)
    barrier = threading.Barrier(4)

    def node() -> None:
        barrier.wait()
        _rotate(any_house, rotate=True)

    nodes = [threading.Thread(target=node) for _ in range(4)]
    for n in nodes:
        n.start()
    for n in nodes:
        n.join()
    rows = any_house.parts.store.find(SigningKey)
    for alg in {r.alg for r in rows}:
        assert len([r for r in rows if r.alg == alg and r.state == "active"]) == 1
        versions = [r.version for r in rows if r.alg == alg]
        assert len(versions) == len(set(versions))


@pytest.mark.attack("A168")
def test_emergency_ends_belief_in_older_keys(quick):
    """A token under a key that was withdrawn in an emergency (F22)."""
    app = quick.register()
    tokens = quick.tokens(app, quick.citizen())
    _rotate(quick, emergency=True)
    quick.parts.generations.reread()
    assert quick.userinfo(tokens["access_token"]).status_code == 401
    assert quick.introspect(app, tokens["access_token"]) == {"active": False}
    assert {e["emergency"] for e in quick.events("key.moved") if e["state"] == "retired"} == {True}


@pytest.mark.attack("A168")
def test_token_under_a_key_that_may_not_sign_yet_is_refused(quick):
    """A token signed by a published next key before its time (CVE-2026-54787)."""
    from keys.jose import mint
    from keys.signing import load_signer
    from tests.kit.house import claims_of

    app = quick.register()
    _rotate(quick, rotate=True)
    quick.parts.generations.reread()
    token = quick.tokens(app, quick.citizen())["access_token"]
    newest = max((r for r in quick.parts.store.find(SigningKey) if r.alg == "ES256"), key=lambda r: r.version)
    assert newest.state == "next"
    early = mint(load_signer(open_root(quick.config.keys_url), newest), "at+jwt", claims_of(token))
    assert quick.userinfo(token).status_code == 200
    assert quick.userinfo(early).status_code == 401


def test_rotation_moves_the_generation_so_that_every_process_sees_it(quick):
    before = quick.parts.store.one(Generation, kind="key")
    _rotate(quick, rotate=True)
    after = quick.parts.store.one(Generation, kind="key")
    assert after.n == (before.n if before else 0) + 1


def test_jwks_is_ready_bytes_with_the_configured_age(quick):
    answer = Browser(quick.app).get("/jwks?x=1", base_url=quick.config.issuer)
    assert "max-age=2" in answer.headers["Cache-Control"]
    assert answer.headers["ETag"]
