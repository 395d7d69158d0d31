"""ID tokens come back as hints for as long as a session lives, over every rotation of keys (RP-Initiated Logout §2; OIDC Core §3.1.2.1)."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from werkzeug.test import Client as Browser
from werkzeug.test import TestResponse

from idp.flows import client_status
from idp.flows.keys import rotate
from idp.records import ClientRefusal, Session
from keys.backends import open_root
from keys.jose import mint
from tests.kit.house import App, House, claims_of, header_of, key_pair, sign

OUT = "https://tax.example/out"


def turn(house: House, **how: bool) -> None:
    root = open_root(house.config.keys_url)
    rotate(house.parts.store, root, house.config, house.parts.entropy, house.clock(), **how)
    house.parts.generations.reread()


def ordinary(house: House) -> None:
    """Keys switch, and the old ones leave the published set."""
    house.clock.advance(10)
    turn(house, rotate=True)
    house.clock.advance(66)
    turn(house)


def emergency(house: House) -> None:
    turn(house, emergency=True)


def emergency_while_retiring(house: House) -> None:
    house.clock.advance(10)
    turn(house, rotate=True)
    emergency(house)


def emergency_after(house: House) -> None:
    ordinary(house)
    emergency(house)


ENDINGS = (emergency, emergency_while_retiring, emergency_after)
EMERGENCIES = pytest.mark.parametrize("ended", ENDINGS)


@dataclass(frozen=True)
class Visit:
    """A citizen who signed in at an app before the keys turned."""

    house: House
    app: App
    browser: Browser
    session: Session
    tokens: dict[str, str]

    @property
    def hint(self) -> str:
        return self.tokens["id_token"]

    def alive(self) -> bool:
        row = self.house.parts.store.one(Session, id=self.session.id)
        return row is not None and row.ended_at is None

    def leave(self, browser: Browser | None = None, **changes: str) -> TestResponse:
        sent = {"id_token_hint": self.hint, "post_logout_redirect_uri": OUT, "state": "z", **changes}
        query = urlencode({name: value for name, value in sent.items() if value})
        return (browser or self.browser).get(f"/logout?{query}", base_url=self.house.config.issuer)

    def authorized(self, **changes: str) -> dict[str, str]:
        answer = self.house.authorize(self.browser, self.app, **{"id_token_hint": self.hint, **changes})
        return {name: value[0] for name, value in parse_qs(urlsplit(answer.headers["Location"]).query).items()}

    def yes(self, page: TestResponse) -> TestResponse:
        fields = {"token": page.text.split('name="token" value="')[1].split('"')[0], "decision": "logout"}
        headers = {"Sec-Fetch-Site": "same-origin"}
        return self.browser.post("/logout/confirm", data=fields, headers=headers, base_url=self.house.config.issuer)


@pytest.fixture
def visit(make_house: Callable[..., House]) -> Visit:
    house = make_house(jwks_max_age=2, id_token_ttl=60, access_token_ttl=60)
    app = house.register(post_logout_redirect_uris=[OUT])
    browser = house.signed_in(house.citizen())
    tokens = house.redeem(app, house.code(browser, app)).get_json()
    (session,) = house.parts.store.find(Session)
    return Visit(house, app, browser, session, tokens)


def published(house: House) -> set[str]:
    return {key["kid"] for key in house.request("GET", "/jwks").get_json()["keys"]}


def test_after_an_ordinary_rotation_one_click_signs_out(visit: Visit) -> None:
    ordinary(visit.house)
    assert header_of(visit.hint)["kid"] not in published(visit.house)
    assert "code" in visit.authorized(prompt="none")
    answer = visit.leave()
    assert (answer.status_code, answer.headers["Location"]) == (303, OUT + "?state=z")
    assert not visit.alive()


@pytest.mark.attack("A168")
def test_a_retired_key_opens_nothing(visit: Visit) -> None:
    """Its word is good for a hint alone: a token that it signs is none, however long it says that it lives (RFC 9068 §4)."""
    signer = visit.house.parts.keys.signer("ES256")
    ordinary(visit.house)
    lasting = claims_of(visit.tokens["access_token"]) | {"exp": visit.house.clock.seconds + 600}
    token = mint(signer, "at+jwt", lasting)
    assert visit.house.userinfo(token).status_code == 401
    assert visit.house.introspect(visit.app, token) == {"active": False}
    fresh = visit.house.parts.keys.signer("ES256")
    assert visit.house.userinfo(mint(fresh, "at+jwt", lasting)).status_code == 200


def test_its_word_is_good_as_long_as_a_session_may_live(visit: Visit) -> None:
    """RP-Initiated Logout §2: a current or recent session; whose hint says nothing any more is at the end, not at an error."""
    house, nobody = visit.house, visit.house.browser()
    ordinary(house)
    house.clock.advance(house.config.session_max - 66)
    assert visit.leave(nobody).headers["Location"] == OUT + "?state=z"
    house.clock.advance(6)
    answer = visit.leave(nobody)
    assert answer.status_code == 200 and 'id="logout-done"' in answer.text and OUT not in answer.text
    assert visit.authorized(prompt="none")["error"] == "login_required"
    visit.house.parts.generations.reread()
    turn(house, rotate=True)
    assert 'id="logout-done"' in visit.leave(nobody).text


@EMERGENCIES
def test_after_an_emergency_the_citizen_is_asked_and_signed_out(visit: Visit, ended: Callable[[House], None]) -> None:
    """RP-Initiated Logout §2, §4: as though no hint came. Nobody proves the address without ``client_id``: the sign-out ends here."""
    ended(visit.house)
    page = visit.leave()
    assert page.status_code == 200 and 'id="logout-confirm"' in page.text and visit.alive()
    done = visit.yes(page)
    assert done.status_code == 200 and 'id="logout-done"' in done.text and OUT not in done.text
    assert not visit.alive()
    assert visit.house.parts.store.find(ClientRefusal) == []


@EMERGENCIES
def test_after_an_emergency_client_id_still_proves_where_to_go(visit: Visit, ended: Callable[[House], None]) -> None:
    """RP-Initiated Logout §2, §3: exact match against what that client registered; the question comes first."""
    ended(visit.house)
    page = visit.leave(client_id=visit.app.id)
    assert page.status_code == 200 and 'id="logout-confirm"' in page.text and visit.alive()
    answer = visit.yes(page)
    assert (answer.status_code, answer.headers["Location"]) == (303, OUT + "?state=z")
    assert not visit.alive()
    assert visit.house.parts.store.find(ClientRefusal) == []


@EMERGENCIES
@pytest.mark.parametrize("prompt", ["none", ""])
def test_after_an_emergency_a_hint_at_authorize_asks_for_a_sign_in(
    visit: Visit, ended: Callable[[House], None], prompt: str
) -> None:
    """OIDC Core §3.1.2.1: who can't be told to be the one whom the hint names gets no positive answer; the request itself is not at fault."""
    ended(visit.house)
    said = visit.authorized(prompt=prompt)
    assert said["error"] == "login_required" and "Send the request without it" in said["error_description"]
    pushed = visit.house.as_client(
        visit.app,
        "/par",
        {
            "response_type": "code",
            "scope": "openid",
            "redirect_uri": visit.app.client.redirect_uris[0],
            "code_challenge": "A" * 43,
            "code_challenge_method": "S256",
            "id_token_hint": visit.hint,
        },
    )
    assert (pushed.status_code, pushed.get_json()["error"]) == (400, "login_required")


def test_keys_from_after_an_emergency_vouch_as_any(visit: Visit) -> None:
    emergency(visit.house)
    tokens = visit.house.redeem(visit.app, visit.house.code(visit.browser, visit.app)).get_json()
    ordinary(visit.house)
    assert visit.leave(id_token_hint=tokens["id_token"]).headers["Location"] == OUT + "?state=z"
    assert not visit.alive()


# Attacks ----------------------------------------------------------------------------------------------------------------


@pytest.mark.attack("A147", "A146")
@pytest.mark.parametrize(
    ("turned", "forge"),
    [(how, forge) for how in (ordinary, *ENDINGS) for forge in ("another's key", "altered")]
    + [(how, "by the withdrawn key") for how in ENDINGS],
)
def test_a_hint_under_an_old_name_is_no_proof(visit: Visit, turned: Callable[[House], None], forge: str) -> None:
    """Who signs under the kid of a key that is gone, or holds one that was withdrawn, ends no session unasked and leads nowhere
    (RP-Initiated Logout §2, §4)."""
    house, old = visit.house, visit.house.parts.keys.signer("ES256")
    turned(house)
    header, claims = {"alg": "ES256", "typ": "JWT", "kid": old.kid}, claims_of(visit.hint)
    if forge == "another's key":
        token = sign(key_pair(), header, claims)
    elif forge == "altered":
        head, _, mark = visit.hint.split(".")
        other = mint(old, "JWT", claims | {"aud": house.register("social").id}).split(".")
        token = f"{head}.{other[1]}.{mark}"
    else:
        token = mint(old, "JWT", claims)
    for client_id in ("", visit.app.id):
        page = visit.leave(id_token_hint=token, client_id=client_id)
        assert page.status_code == 200 and 'id="logout-confirm"' in page.text and visit.alive()
    for uri in ("https://evil.example/", OUT + "?x=1"):
        page = visit.leave(id_token_hint=token, post_logout_redirect_uri=uri)
        assert 'id="logout-confirm"' in page.text and "evil.example" not in page.text
        refused = visit.leave(id_token_hint=token, post_logout_redirect_uri=uri, client_id=visit.app.id)
        assert refused.status_code == 400 and "Location" not in refused.headers
    assert visit.leave(house.browser(), id_token_hint=token).status_code == 200
    assert visit.authorized(prompt="none", id_token_hint=token)["error"] in ("login_required", "invalid_request")
    assert visit.alive()


@pytest.mark.attack("A146")
def test_a_verified_hint_that_contradicts_stays_an_error(visit: Visit) -> None:
    """RP-Initiated Logout §2: ``client_id`` must be the hint's audience, before and after a rotation."""
    other = visit.house.register("social", redirect_uris=["https://social.example/cb"], post_logout_redirect_uris=[OUT])
    ordinary(visit.house)
    answer = visit.leave(client_id=other.id)
    assert answer.status_code == 400 and visit.alive()


@pytest.mark.parametrize("change", [client_status.disable, client_status.delete])
def test_a_client_that_was_paused_or_removed_keeps_nobody_signed_in(
    visit: Visit, change: Callable[..., object]
) -> None:
    """RP-Initiated Logout §4: the address of who may do nothing now is not used; the sign-out goes on."""
    change(visit.house.parts, visit.app.id, "misuse", now=visit.house.clock())
    visit.house.parts.generations.reread()
    done = visit.leave(client_id=visit.app.id)
    assert done.status_code == 200 and 'id="logout-done"' in done.text and OUT not in done.text
    assert not visit.alive() and visit.house.parts.store.find(ClientRefusal) == []
