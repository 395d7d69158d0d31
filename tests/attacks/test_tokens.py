"""Attacks on codes, tokens, revocation and introspection, at the endpoints of the composed application."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from werkzeug.test import TestResponse

from idp.flows import client_rows
from idp.flows.cleanup import clean
from idp.flows.sessions import end
from idp.ports import Update
from idp.records import Account, ClientRow, Event, Grant, Message, Refresh, Session
from keys.jose import mint
from tests.kit.house import VERIFIER, App, House, basic, bearer, challenge, claims_of, header_of, key_pair, sign
from tests.kit.process import PATIENCE_S

RACERS = 50


def error(answer: TestResponse) -> tuple[int, str]:
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.status_code, answer.get_json()["error"]


def state(house: House) -> list[Any]:
    """Everything that a refused request must not change."""
    return [house.parts.store.find(kind) for kind in (Grant, Refresh, Account, Session, ClientRow)]


def refused(house: House, action: Callable[[], TestResponse], kind: str) -> TestResponse:
    """``action`` changes no row but adds one event of ``kind``."""
    before, events = state(house), house.parts.store.count(Event)
    answer = action()
    assert state(house) == before
    assert house.parts.store.count(Event) == events + 1
    assert house.events()[-1]["kind"] == kind
    return answer


def race(action: Callable[[], TestResponse]) -> list[TestResponse]:
    with ThreadPoolExecutor(RACERS) as pool:
        return [f.result() for f in [pool.submit(action) for _ in range(RACERS)]]


@pytest.fixture
def interleaved(monkeypatch: pytest.MonkeyPatch) -> Callable[[House, Callable[[], TestResponse]], list[TestResponse]]:
    """Runs an action twice at once so that both have read and judged before either commits."""

    def run(house: House, action: Callable[[], TestResponse]) -> list[TestResponse]:
        both, plain, turns = Barrier(2, timeout=PATIENCE_S), type(house.parts.store).commit, iter(range(2))

        def commit(self: Any, writes: Any) -> Any:
            if next(turns, None) is not None:
                both.wait()
            return plain(self, writes)

        with monkeypatch.context() as patch, ThreadPoolExecutor(2) as pool:
            patch.setattr(type(house.parts.store), "commit", commit)
            return [f.result() for f in [pool.submit(action) for _ in range(2)]]

    return run


# Codes ----------------------------------------------------------------------------------------------------------------


@pytest.mark.attack("A033")
@pytest.mark.parametrize("after", [0, 1, 30, 3000])
def test_a_code_used_twice(any_house: House, after: float) -> None:
    """The second use is refused and ends every token of the first, whenever it comes (RFC 6749 §4.1.2)."""
    house = any_house
    app = house.register()
    code, grant = house.grant(app, house.citizen(), offline=1)
    tokens = house.redeem(app, code).get_json()
    house.clock.advance(after)
    assert error(house.redeem(app, code)) == (400, "invalid_grant")
    assert house.introspect(app, tokens["access_token"]) == {"active": False}
    assert house.userinfo(tokens["access_token"]).status_code == 401
    assert error(house.refresh(app, tokens["refresh_token"])) == (400, "invalid_grant")
    replayed = house.events("code.replayed")
    assert [(e["grant"], e["client_id"], e["by_client"]) for e in replayed] == [(grant.id.hex(), app.id, app.id)]
    assert replayed[0]["person"] is not None


@pytest.mark.attack("A033")
def test_a_code_used_by_fifty_at_once(any_house: House) -> None:
    """One of many parallel redemptions wins, and the replays end what it won (RFC 6749 §4.1.2)."""
    house = any_house
    app = house.register()
    code, _ = house.grant(app, house.citizen())
    answers = race(lambda: house.redeem(app, code))
    won = [a for a in answers if a.status_code == 200]
    assert len(won) == 1, [a.text for a in answers][:5]
    assert {error(a) for a in answers if a is not won[0]} == {(400, "invalid_grant")}
    assert house.userinfo(won[0].get_json()["access_token"]).status_code == 401
    assert house.parts.store.count(Refresh) == 1
    assert len(house.events("code.redeemed")) == 1 and len(house.events("code.replayed")) >= 1


@pytest.mark.attack("A033")
def test_two_redemptions_that_both_read_the_code_as_good(any_house: House, interleaved: Any) -> None:
    """What decides is the commit, not the look before it (DESIGN §2.2)."""
    app = any_house.register()
    code, _ = any_house.grant(app, any_house.citizen())
    answers = interleaved(any_house, lambda: any_house.redeem(app, code))
    assert sorted(a.status_code for a in answers) == [200, 400]
    assert any_house.parts.store.count(Refresh) == 1 and len(any_house.events("code.replayed")) == 1


@pytest.mark.attack("A040")
def test_a_grant_that_ends_while_its_code_is_redeemed(any_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A withdrawal between look and commit wins: no tokens (RFC 6749 §4.1.2)."""
    house = any_house
    app = house.register()
    code, grant = house.grant(app, house.citizen())
    plain = type(house.parts.store).commit

    def commit(self: Any, writes: Any) -> Any:
        plain(self, [Update(Grant, {"id": grant.id}, {"ended_at": house.clock(), "ended_why": "withdrawn"})])
        return plain(self, writes)

    with monkeypatch.context() as patch:
        patch.setattr(type(house.parts.store), "commit", commit)
        assert error(house.redeem(app, code)) == (400, "invalid_grant")
    assert house.parts.store.count(Refresh) == 0 and house.events("code.redeemed") == []


@pytest.mark.attack("A033")
def test_a_replay_without_the_owners_proof_ends_nothing(house: House) -> None:
    """Whoever saw a spent code but holds neither client nor verifier can't end the citizen's access (RFC 9700 §4.5)."""
    app, other = house.public(), house.public("social", redirect_uris=["https://tax.example/callback"])
    code, _ = house.grant(app, house.citizen())
    tokens = house.redeem(app, code).get_json()
    assert error(house.redeem(other, code)) == (400, "invalid_grant")
    assert error(house.redeem(app, code, code_verifier="x" * 43)) == (400, "invalid_grant")
    assert house.userinfo(tokens["access_token"]).status_code == 200
    assert [e["reason"] for e in house.events("code.misused")] == ["wrong_client", "wrong_verifier"]


@pytest.mark.attack("A035")
def test_a_code_redeemed_by_another_client(house: House) -> None:
    """The stranger gets nothing, the owner's code stays good, both are named (RFC 6749 §4.1.3)."""
    app, thief = house.register(), house.register("social")
    code, grant = house.grant(app, house.citizen())
    answer = refused(house, lambda: house.redeem(thief, code), "code.misused")
    assert error(answer) == (400, "invalid_grant")
    event = house.events("code.misused")[0]
    assert (event["client_id"], event["by_client"], event["grant"]) == (app.id, thief.id, grant.id.hex())
    assert house.redeem(app, code).status_code == 200


@pytest.mark.attack("A036")
@pytest.mark.parametrize(
    "uri", ["", "https://tax.example/callback/", "https://TAX.example/callback", "https://evil.example/"]
)
def test_the_redirect_uri_at_the_token_endpoint(house: House, uri: str) -> None:
    """It must be there and be the one of the request, byte for byte (RFC 6749 §4.1.3); the developer sees both."""
    app = house.register()
    code, _ = house.grant(app, house.citizen())
    before = state(house)
    assert error(house.redeem(app, code, redirect_uri=uri)) == (400, "invalid_grant")
    assert state(house) == before
    assert [e["reason"] for e in house.events("code.misused")] == ["wrong_redirect_uri"]
    assert house.redeem(app, code).status_code == 200


@pytest.mark.attack("A037")
def test_the_verifier_omitted(house: House) -> None:
    """A code bound to a challenge is worth nothing without its verifier, for confidential clients too (RFC 7636 §4.6)."""
    for app in (house.register(), house.public()):
        code, _ = house.grant(app, house.citizen(f"citizen{house.parts.entropy(4).hex()}"))
        assert error(house.redeem(app, code, code_verifier="")) == (400, "invalid_grant")
        assert house.redeem(app, code).status_code == 200
    assert [e["reason"] for e in house.events("code.misused")] == ["verifier_missing"] * 2


@pytest.mark.attack("A038")
def test_a_verifier_where_the_challenge_was_stripped(house: House) -> None:
    """A verifier without challenge shows that someone took the challenge out (RFC 9700 §4.8.2)."""
    app = house.register(require_pkce=False)
    code, _ = house.grant(app, house.citizen(), code_challenge=None)
    assert error(house.redeem(app, code)) == (400, "invalid_grant")
    assert house.redeem(app, code, code_verifier="").status_code == 200


@pytest.mark.attack("A039")
@pytest.mark.parametrize("verifier", ["a" * 42, "a" * 129, VERIFIER + "*", VERIFIER[:-1] + "é"])
def test_malformed_verifiers(house: House, verifier: str) -> None:
    """Lengths and characters of RFC 7636 §4.1, or an invalid request that leaves the code alone."""
    app = house.register()
    code, _ = house.grant(app, house.citizen())
    assert error(house.redeem(app, code, code_verifier=verifier)) == (400, "invalid_request")
    assert house.redeem(app, code).status_code == 200


@pytest.mark.attack("A039")
def test_the_challenge_is_no_verifier(house: House) -> None:
    """What everyone saw in the request proves nothing: plain is not spoken (RFC 7636 §7.2)."""
    app = house.register()
    code, _ = house.grant(app, house.citizen())
    assert error(house.redeem(app, code, code_verifier=challenge())) == (400, "invalid_grant")


def expire(house: House, app: App, grant: Grant) -> None:
    house.clock.advance(house.config.code_ttl)


def log_out(house: House, app: App, grant: Grant) -> None:
    session = house.parts.store.one(Session, id=grant.session_id)
    assert session is not None
    house.parts.store.commit(end(house.parts, session, "logout", house.clock()))


def disable_account(house: House, app: App, grant: Grant) -> None:
    house.parts.store.commit([Update(Account, {"id": grant.account_id}, {"status": "disabled"})])


def withdraw(house: House, app: App, grant: Grant) -> None:
    ended = {"ended_at": house.clock(), "ended_why": "withdrawn"}
    house.parts.store.commit([Update(Grant, {"id": grant.id}, ended)])


def disable_client(house: House, app: App, grant: Grant) -> None:
    house.parts.store.commit(
        client_rows.change(msgspec.structs.replace(app.client, status="disabled"), 1, house.clock())
    )
    house.clock.advance(1)


CAUSES = [expire, log_out, disable_account, withdraw, disable_client]


@pytest.mark.attack("A040")
@pytest.mark.parametrize("cause", CAUSES)
def test_a_code_whose_ground_is_gone(house: House, cause: Callable[[House, App, Grant], None]) -> None:
    """Expired, logged out, account or client disabled, consent withdrawn: no tokens, not even for offline access (RFC 6749 §4.1.2)."""
    app = house.register()
    code, grant = house.grant(app, house.citizen(), offline=1)
    cause(house, app, grant)
    expected = (401, "invalid_client") if cause is disable_client else (400, "invalid_grant")
    assert error(house.redeem(app, code)) == expected
    assert house.parts.store.count(Refresh) == 0 and house.events("code.redeemed") == []


# Refresh --------------------------------------------------------------------------------------------------------------


@pytest.mark.attack("A044")
@pytest.mark.parametrize("after", [0, 1, 3600])
def test_an_old_refresh_token(any_house: House, after: int) -> None:
    """A rotated token that comes again ends the family, newest token included (RFC 9700 §4.14.2)."""
    house = any_house
    app = house.public()
    first = house.tokens(app, house.citizen(), offline=1)
    second = house.refresh(app, first["refresh_token"]).get_json()
    house.clock.advance(after)
    assert error(house.refresh(app, first["refresh_token"])) == (400, "invalid_grant")
    assert error(house.refresh(app, second["refresh_token"])) == (400, "invalid_grant")
    assert house.userinfo(second["access_token"]).status_code == 401
    assert [e["client_id"] for e in house.events("token.refresh_replayed")] == [app.id]
    assert [m.kind for m in house.parts.store.find(Message)] == ["access_ended"]


@pytest.mark.attack("A044")
def test_an_old_refresh_token_is_remembered_until_the_family_ends(house: House) -> None:
    """Clean-up does not turn a replay into an unknown token (RFC 9700 §4.14.2)."""
    app = house.register()
    first = house.tokens(app, house.citizen(), offline=1)["refresh_token"]
    token = house.refresh(app, first).get_json()["refresh_token"]
    for _ in range(2):
        house.clock.advance(house.config.refresh_idle - 60)
        clean(house.parts, house.clock())
        token = house.refresh(app, token).get_json()["refresh_token"]
    assert error(house.refresh(app, first)) == (400, "invalid_grant")
    assert error(house.refresh(app, token)) == (400, "invalid_grant")
    assert len(house.events("token.refresh_replayed")) == 1


@pytest.mark.attack("A044")
def test_a_refresh_token_used_by_fifty_at_once(any_house: House) -> None:
    """One wins; the others are replays and end the family (RFC 9700 §4.14.2)."""
    house = any_house
    app = house.register()
    first = house.tokens(app, house.citizen())
    answers = race(lambda: house.refresh(app, first["refresh_token"]))
    won = [a.get_json() for a in answers if a.status_code == 200]
    assert len(won) == 1
    assert {error(a) for a in answers if a.status_code != 200} == {(400, "invalid_grant")}
    assert error(house.refresh(app, won[0]["refresh_token"])) == (400, "invalid_grant")
    assert house.parts.store.count(Refresh) == 2


@pytest.mark.attack("A044")
def test_two_refreshes_that_both_read_the_token_as_good(any_house: House, interleaved: Any) -> None:
    """What decides is the commit, not the look before it (DESIGN §2.2)."""
    app = any_house.register()
    first = any_house.tokens(app, any_house.citizen())
    answers = interleaved(any_house, lambda: any_house.refresh(app, first["refresh_token"]))
    assert sorted(a.status_code for a in answers) == [200, 400]
    assert any_house.parts.store.count(Refresh) == 2 and len(any_house.events("token.refresh_replayed")) == 1


@pytest.mark.attack("A044")
def test_a_strangers_replay_ends_nothing(house: House) -> None:
    """Another client with a spent token can't end the owner's access (RFC 6749 §6)."""
    app, other = house.register(), house.register("social")
    first = house.tokens(app, house.citizen())
    second = house.refresh(app, first["refresh_token"]).get_json()
    for token in (first["refresh_token"], second["refresh_token"]):
        assert error(house.refresh(other, token)) == (400, "invalid_grant")
    assert house.refresh(app, second["refresh_token"]).status_code == 200


@pytest.mark.attack("A047")
@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"scope": "openid profile email phone address admin"}, "invalid_scope"),
        ({"scope": "offline_access"}, "invalid_scope"),
        ({"resource": "https://api.example"}, "invalid_target"),
    ],
)
def test_a_refresh_that_asks_for_more(house: House, more: dict[str, str], code: str) -> None:
    """Wider scope or another resource is refused and the token stays as it was (RFC 6749 §6, RFC 8707 §2)."""
    app = house.register()
    tokens = house.tokens(app, house.citizen())
    answer = refused(house, lambda: house.refresh(app, tokens["refresh_token"], **more), "token.refused")
    assert error(answer) == (400, code)
    assert house.refresh(app, tokens["refresh_token"]).status_code == 200


@pytest.mark.attack("A058")
@pytest.mark.parametrize("cause", [disable_account, disable_client, withdraw])
def test_tokens_whose_ground_is_gone(house: House, cause: Callable[[House, App, Grant], None]) -> None:
    """Access and refresh tokens die within a second with account, client or consent (RFC 9700 §4.14)."""
    app, watcher = house.register(), house.register()
    code, grant = house.grant(app, house.citizen(), offline=1)
    tokens = house.redeem(app, code).get_json()
    assert house.userinfo(tokens["access_token"]).status_code == 200
    cause(house, app, grant)
    assert error(house.userinfo(tokens["access_token"])) == (401, "invalid_token")
    expected = (401, "invalid_client") if cause is disable_client else (400, "invalid_grant")
    assert error(house.refresh(app, tokens["refresh_token"])) == expected
    assert house.introspect(watcher, tokens["access_token"]) == {"active": False}
    if cause is not disable_client:
        assert house.introspect(app, tokens["access_token"]) == {"active": False}


@pytest.mark.attack("A058")
def test_a_disabled_clients_own_token(house: House) -> None:
    """A service's token dies with the service's registration (RFC 7662 §2.2)."""
    app = house.machine()
    token = house.as_client(app, "/token", {"grant_type": "client_credentials"}).get_json()["access_token"]
    grant = house.grant(house.register("social"), house.citizen())[1]
    disable_client(house, app, grant)
    assert error(house.as_client(app, "/token", {"grant_type": "client_credentials"})) == (401, "invalid_client")
    assert error(house.as_client(app, "/introspect", {"token": token})) == (401, "invalid_client")


# Revocation and introspection -----------------------------------------------------------------------------------------


@pytest.mark.attack("A049")
@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
def test_another_clients_token_is_not_revoked(house: House, name: str) -> None:
    """No effect, and the attempt is an event (RFC 7009 §2.1)."""
    app, other = house.register(), house.register("social")
    tokens = house.tokens(app, house.citizen())
    answer = refused(house, lambda: house.as_client(other, "/revoke", {"token": tokens[name]}), "token.refused")
    assert answer.status_code == 200
    assert house.introspect(app, tokens[name])["active"] is True


@pytest.mark.attack("A050", "A052")
def test_introspection_is_no_oracle(house: House) -> None:
    """Unknown, expired, revoked and foreign tokens are one and the same answer (RFC 7662 §2.2)."""
    app, other = house.register(), house.register("social")
    tokens = house.tokens(app, house.citizen(), offline=1)
    own = house.tokens(other, house.citizen("zhang.min"))
    answers = [
        house.as_client(other, "/introspect", {"token": token})
        for token in (
            tokens["access_token"],
            tokens["refresh_token"],
            tokens["id_token"],
            "unknown",
            "a.b.c",
            own["id_token"],
        )
    ]
    house.as_client(other, "/revoke", {"token": own["refresh_token"]})
    answers.append(house.as_client(other, "/introspect", {"token": own["access_token"]}))
    house.clock.advance(house.config.access_token_ttl)
    answers.append(house.as_client(app, "/introspect", {"token": tokens["access_token"]}))
    assert {a.data for a in answers} == {b'{"active":false}'}
    assert {tuple(sorted(a.headers.items())) for a in answers} == {tuple(sorted(answers[0].headers.items()))}


@pytest.mark.attack("A052")
def test_introspection_costs_the_same_for_unknown_and_foreign(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many reads for a refresh token that is another's as for one that does not exist: time tells nothing (RFC 7662 §4)."""
    app, other = house.register(), house.register("social")
    foreign = house.tokens(app, house.citizen())["refresh_token"]
    from keys.tokens import new_token

    unknown = new_token(house.parts.ring, "refresh", house.parts.entropy).token
    house.as_client(other, "/introspect", {"token": unknown})
    seen: list[str] = []
    plain = type(house.parts.store).one

    def counted(self: Any, kind: type, /, **where: Any) -> Any:
        seen.append(kind.__name__)
        return plain(self, kind, **where)

    monkeypatch.setattr(type(house.parts.store), "one", counted)
    counts = []
    for token in (unknown, foreign):
        seen.clear()
        house.as_client(other, "/introspect", {"token": token})
        counts.append(list(seen))
    assert counts[0] == counts[1] and len(counts[0]) == 2


@pytest.mark.attack("A052")
def test_introspection_is_for_confidential_clients(house: House) -> None:
    """Nobody, a bearer of a token, or a public client learns anything (RFC 7662 §2.1)."""
    app, spa = house.register(), house.public()
    token = house.tokens(app, house.citizen())["access_token"]
    assert error(house.post("/introspect", {"token": token})) == (401, "invalid_client")
    assert error(house.post("/introspect", {"token": token}, bearer(token))) == (401, "invalid_client")
    assert error(house.as_client(spa, "/introspect", {"token": token})) == (401, "invalid_client")


# Tokens in the wrong place --------------------------------------------------------------------------------------------


@pytest.mark.attack("A053")
def test_other_tokens_are_no_access_token(house: House) -> None:
    """ID token, logout token, client assertion, another issuer's, another audience's: typ, iss, aud and jti decide (RFC 9068 §4)."""
    app = house.signing()
    tokens = house.tokens(app, house.citizen())
    good = claims_of(tokens["access_token"])
    signer = house.parts.keys.signer("ES256")
    assert app.signer is not None
    others = [
        tokens["id_token"],
        tokens["refresh_token"],
        house.assertion(app),
        mint(signer, "logout+jwt", good),
        mint(signer, "JWT", good),
        mint(signer, "at+jwt", {**good, "iss": "https://other.example"}),
        mint(signer, "at+jwt", {**good, "jti": "guessed"}),
        mint(house.parts.keys.signer("RS256"), "at+jwt", good),
        sign(app.signer, header_of(tokens["access_token"]), good),
        sign(key_pair(), {**header_of(tokens["access_token"]), "jwk": dict(key_pair().public_jwk)}, good),
        tokens["access_token"][:-4] + "AAAA",
        sign(app.signer, {"alg": "none", "typ": "at+jwt"}, good).rpartition(".")[0] + ".",
    ]
    for token in others:
        answer = (
            house.request("POST", "/userinfo", headers=bearer(token)) if token[-1] != "." else house.userinfo(token)
        )
        assert error(answer) == (401, "invalid_token"), token[:30]
        assert house.introspect(app, token)["active"] is (token == tokens["refresh_token"])


@pytest.mark.attack("A055")
def test_a_token_in_the_query_or_twice(house: House) -> None:
    """Refused without use; nothing of it in the log (RFC 6750 §2, RFC 9700 §4.3.2)."""
    token = house.tokens(house.register(), house.citizen())["access_token"]
    before = house.parts.store.count(Event)
    query = house.request("GET", "/userinfo?" + urlencode({"access_token": token}))
    both = house.post("/userinfo", {"access_token": token}, bearer(token))
    twice = house.post("/userinfo", [("access_token", token), ("access_token", token)])
    mixed = house.request("GET", "/userinfo?" + urlencode({"access_token": token}), headers=bearer(token))
    for answer in (query, both, twice, mixed):
        assert error(answer) == (400, "invalid_request")
        assert 'error="invalid_request"' in answer.headers["WWW-Authenticate"]
    assert house.parts.store.count(Event) == before
    assert token.encode() not in b"".join(house.lines)


@pytest.mark.attack("A056")
def test_userinfo_with_a_lesser_token(house: House) -> None:
    """A client's own token has no citizen; without openid there is no UserInfo; expired is expired (OIDC Core §5.3.3, RFC 6750 §3.1)."""
    app, machine = house.register(), house.machine()
    own = house.as_client(machine, "/token", {"grant_type": "client_credentials"}).get_json()["access_token"]
    assert error(house.userinfo(own)) == (401, "invalid_token")
    narrow = house.tokens(app, house.citizen(), scope="email")["access_token"]
    answer = house.userinfo(narrow)
    assert error(answer) == (403, "insufficient_scope")
    assert answer.headers["WWW-Authenticate"].endswith('scope="openid"')
    good = house.tokens(app, house.citizen("zhang.min"))["access_token"]
    for scheme in ("bearer", "BEARER"):
        assert house.request("GET", "/userinfo", headers={"Authorization": f"{scheme} {good}"}).status_code == 200
    house.clock.advance(house.config.access_token_ttl)
    answer = house.userinfo(good)
    assert error(answer) == (401, "invalid_token") and 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert house.request("GET", "/userinfo").headers["WWW-Authenticate"] == 'Bearer realm="yimen"'


@pytest.mark.attack("A057")
@pytest.mark.parametrize(
    "grant_type",
    [
        "password",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:saml2-bearer",
        "urn:ietf:params:oauth:grant-type:device_code",
        "implicit",
    ],
)
def test_grant_types_that_are_not_offered(house: House, grant_type: str) -> None:
    """Refused before anything of them is read, and not published (RFC 6749 §5.2, RFC 9700 §2.4)."""
    app = house.register()
    house.citizen(password="correct horse battery staple")
    form = {
        "grant_type": grant_type,
        "username": "li.wei",
        "password": "correct horse battery staple",
        "scope": "openid",
    }
    answer = refused(house, lambda: house.as_client(app, "/token", form), "token.refused")
    assert error(answer) == (400, "unsupported_grant_type")
    assert grant_type not in house.request("GET", "/.well-known/openid-configuration").text


@pytest.mark.attack("A057")
def test_grant_types_that_the_client_did_not_register(house: House) -> None:
    """A client does what it is registered for (RFC 6749 §5.2)."""
    app = house.register(grant_types=["authorization_code"])
    for grant_type in ("client_credentials", "refresh_token"):
        answer = house.as_client(app, "/token", {"grant_type": grant_type, "refresh_token": "x"})
        assert error(answer) == (400, "unauthorized_client")


# Form of requests -----------------------------------------------------------------------------------------------------


@pytest.mark.attack("A012")
@pytest.mark.parametrize("path", ["/token", "/introspect", "/revoke"])
def test_parameters_in_the_query_or_twice(house: House, path: str) -> None:
    """The body alone counts, each parameter once (RFC 6749 §3.2)."""
    app = house.machine()
    form, head = {"grant_type": "client_credentials", "token": "x"}, basic(app.id, app.secret or "")
    assert error(house.post(path + "?grant_type=client_credentials&token=x", {}, head)) == (400, "invalid_request")
    assert error(house.post(path + "?x=1", form, head)) == (400, "invalid_request")
    assert error(house.post(path, [*form.items(), ("scope", "openid"), ("scope", "openid")], head)) == (
        400,
        "invalid_request",
    )
    assert error(house.post(path, [*form.items(), ("unknown", "1"), ("unknown", "2")], head)) == (
        400,
        "invalid_request",
    )
    json_body = house.request(
        "POST", path, data=b'{"grant_type":"client_credentials"}', content_type="application/json", headers=head
    )
    assert error(json_body) == (400, "invalid_request")
    assert house.request("GET", path).status_code == 405


@pytest.mark.attack("A151")
def test_nothing_personal_is_cacheable(house: House) -> None:
    """Tokens, claims and their refusals are not stored and set no cookie (RFC 6749 §5.1, RFC 9111 §5.2.2.5)."""
    app = house.register()
    code, _ = house.grant(app, house.citizen())
    tokens = house.redeem(app, code)
    access = tokens.get_json()["access_token"]
    answers = [
        tokens,
        house.redeem(app, "wrong"),
        house.userinfo(access),
        house.userinfo("wrong"),
        house.as_client(app, "/introspect", {"token": access}),
        house.as_client(app, "/revoke", {"token": access}),
        house.request("POST", "/register", data=b"{}", content_type="application/json"),
        house.request("OPTIONS", "/token"),
        house.request("GET", "/token"),
    ]
    for answer in answers:
        assert answer.headers.get_all("Cache-Control") == ["no-store"], answer.request
        assert "Set-Cookie" not in answer.headers and "ETag" not in answer.headers
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.attack("A083")
def test_two_departments_share_nothing(house: House) -> None:
    """No value of two sectors' tokens is equal, but what says nothing of the person (SP 800-63C §5.4.1)."""
    one, two = house.register(), house.register("social", redirect_uris=["https://social.example/cb"])
    account = house.citizen()
    session, _ = house.session(account)
    claims = []
    for app in (one, two):
        tokens = house.tokens(app, account, session=session, nonce=app.id)
        told = [claims_of(tokens[name]) for name in ("access_token", "id_token")]
        claims.append({**told[0], **told[1], "jti": told[0]["jti"], "refresh": tokens["refresh_token"]})
    same = {name for name in claims[0] if claims[0][name] == claims[1][name]}
    assert same == {"iss", "iat", "exp", "acr", "amr", "scope"}
    assert account.hex() not in str(claims) and session.id.hex() not in str(claims)


@pytest.mark.attack("A033")
def test_tokens_in_no_row_and_no_log(house: House) -> None:
    """Codes and tokens are kept as keyed hashes (DESIGN §2.10): neither files nor log lines hold one."""
    from pathlib import Path

    app = house.register()
    code, _ = house.grant(app, house.citizen())
    tokens = house.redeem(app, code).get_json()
    house.userinfo(tokens["access_token"])
    house.introspect(app, tokens["refresh_token"])
    house.redeem(app, code)
    folder = Path(house.config.database_url.removeprefix("sqlite:///")).parent
    kept = b"".join(p.read_bytes() for p in folder.iterdir() if p.is_file()) + b"".join(house.lines)
    for secret in (
        code,
        tokens["refresh_token"],
        tokens["access_token"],
        tokens["id_token"],
        app.secret or "",
        VERIFIER,
    ):
        assert secret.encode() not in kept
        assert secret[-20:].encode() not in kept
