"""No release without a record (DESIGN §2.1): what a token, a claim or a session is told by is in the same commit, or nothing leaves."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from werkzeug.test import TestResponse

from idp.errors import Unavailable
from idp.flows.provision import add_initial_token
from idp.ports import Committed, Insert, Update
from idp.records import Account, ClientRow, Consent, Event, Grant, Refresh, RevokedToken, Session
from tests.kit.house import CLAIMS, App, House, bearer
from tests.kit.person import PASSWORD, Person

SECRETS = (
    "access_token",
    "refresh_token",
    "id_token",
    "code=",
    "client_secret",
    "registration_access_token",
    "李",
    "li.wei@",
    "1990-02-03",
    "__Host-yimen-session=A",
)


@contextmanager
def commits(house: House, fail: Callable[[Any], bool] = lambda _: False) -> Iterator[list[Any]]:
    """Every batch that is committed meanwhile; one that ``fail`` says yes to is lost, as when the disk is full."""
    seen: list[Any] = []
    kind = type(house.parts.store)
    plain = kind.commit

    def commit(self: Any, writes: Any) -> Any:
        batch = list(writes)
        if fail(batch):
            raise Unavailable("database")
        done = plain(self, batch)
        if isinstance(done, Committed):
            seen.append(batch)
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "commit", commit)
        yield seen


def told(batch: Any) -> set[str]:
    """Kinds of the events in a batch."""
    return {w.record.kind for w in batch if isinstance(w, Insert) and isinstance(w.record, Event)}


def with_event(batch: Any) -> bool:
    return bool(told(batch))


Journey = Callable[[House], Callable[[], TestResponse]]


def _app(house: House, **metadata: Any) -> App:
    return house.register(**metadata)


def _code(house: House) -> Callable[[], TestResponse]:
    app, browser = _app(house), house.signed_in(house.citizen())
    house.code(browser, app)
    return lambda: house.authorize(browser, app)


def _redeem(house: House) -> Callable[[], TestResponse]:
    app = _app(house)
    asked = msgspec.json.encode({"id_token": {"email": None, "name": None}})
    code, _ = house.grant(app, house.citizen(), claims=asked)
    return lambda: house.redeem(app, code)


def _rotated(house: House) -> Callable[[], TestResponse]:
    app = _app(house)
    token = house.tokens(app, house.citizen())["refresh_token"]
    return lambda: house.refresh(app, token)


def _kept(house: House) -> Callable[[], TestResponse]:
    app = house.signing()
    token = house.tokens(app, house.citizen())["refresh_token"]
    return lambda: house.refresh(app, token)


def _machine(house: House) -> Callable[[], TestResponse]:
    app = house.machine()
    return lambda: house.as_client(app, "/token", {"grant_type": "client_credentials"})


def _userinfo(house: House, **metadata: Any) -> Callable[[], TestResponse]:
    token = house.tokens(_app(house, **metadata), house.citizen())["access_token"]
    return lambda: house.userinfo(token)


def _verified(house: House) -> Callable[[], TestResponse]:
    app, asked = _app(house, scope="openid profile"), {"verified_claims": {"wishes": [{"claims": {"name": {}}}]}}
    grant = {"claims": msgspec.json.encode({"userinfo": asked}), "scope": "openid"}
    token = house.tokens(app, house.citizen(), **grant)["access_token"]
    return lambda: house.userinfo(token)


def _register(house: House) -> Callable[[], TestResponse]:
    house.department()
    token = add_initial_token(house.parts, "tax")
    body = msgspec.json.encode({"redirect_uris": ["https://tax.example/callback"]})
    return lambda: house.request("POST", "/register", data=body, content_type="application/json", headers=bearer(token))


def _sign_in(house: House) -> Callable[[], TestResponse]:
    house.citizen(password=PASSWORD)
    return lambda: Person(house).sign_in(follow=False)


def _push(house: House) -> Callable[[], TestResponse]:
    app = _app(house)
    form = {
        "response_type": "code",
        "redirect_uri": app.client.redirect_uris[0],
        "scope": "openid",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    }
    return lambda: house.as_client(app, "/par", form)


JOURNEYS: dict[str, tuple[Journey, int, set[str]]] = {
    "a code": (_code, 303, {"code.issued"}),
    "tokens and claims for a code": (_redeem, 200, {"code.redeemed", "attributes.released"}),
    "tokens for a rotated refresh token": (_rotated, 200, {"token.refreshed"}),
    "tokens for a refresh token that stays": (_kept, 200, {"token.refreshed"}),
    "a client's own token": (_machine, 200, {"token.client_issued"}),
    "claims at userinfo": (_userinfo, 200, {"attributes.released"}),
    "verified claims at userinfo": (_verified, 200, {"attributes.released"}),
    "signed claims at userinfo": (
        lambda h: _userinfo(h, userinfo_signed_response_alg="ES256"),
        200,
        {"attributes.released"},
    ),
    "a client with its secret": (_register, 201, {"client.registered"}),
    "a session": (_sign_in, 303, {"session.started"}),
    "a pushed request": (_push, 201, {"authorization.pushed"}),
}


@pytest.mark.attack("A154")
@pytest.mark.parametrize("what", JOURNEYS)
def test_what_leaves_is_recorded_in_its_own_commit(house: House, what: str) -> None:
    """The batch that makes it holds its event, and the answer comes after it (DESIGN §2.1; ASVS 16.3)."""
    journey, status, kinds = JOURNEYS[what]
    act = journey(house)
    with commits(house) as seen:
        assert act().status_code == status
    recorded = [batch for batch in seen if kinds <= told(batch)]
    assert len(recorded) == 1, [told(batch) for batch in seen]
    changes = [b for b in seen if any(_grants(write) for write in b)]
    assert all(batch is recorded[0] for batch in changes)


def _grants(write: Any) -> bool:
    """A write that makes or spends something of value."""
    kind = type(write.record) if isinstance(write, Insert) else write.kind if isinstance(write, Update) else None
    return kind in (Grant, Refresh, ClientRow, Session, RevokedToken, Account) and not _touch(write)


def _touch(write: Any) -> bool:
    return isinstance(write, Update) and set(write.values) == {"last_seen_at"}


@pytest.mark.attack("A154")
@pytest.mark.parametrize("what", JOURNEYS)
def test_without_its_record_nothing_leaves(house: House, what: str) -> None:
    """When the event can't be written the answer is 503 and holds nothing of value; later all is as good as before (RFC 6749 §4.1.2)."""
    journey, status, _ = JOURNEYS[what]
    act = journey(house)
    kinds = (Grant, Refresh, ClientRow, Session, Consent)
    before = [house.parts.store.find(kind) for kind in kinds]
    with commits(house, fail=with_event) as seen:
        answer = act()
    assert answer.status_code == 503 and answer.headers["Retry-After"]
    said = answer.text + str(answer.headers)
    assert [secret for secret in SECRETS if secret in said] == []
    assert seen == [] or not any(_grants(write) for batch in seen for write in batch)
    assert [house.parts.store.find(kind) for kind in kinds] == before
    assert act().status_code == status


def test_userinfo_with_nothing_but_sub_needs_no_record(house: House) -> None:
    app = house.register(scope="openid")
    token = house.tokens(app, house.citizen(claims=CLAIMS))["access_token"]
    with commits(house, fail=with_event) as seen:
        answer = house.userinfo(token)
    assert (answer.status_code, set(answer.get_json()), seen) == (200, {"sub"}, [])
