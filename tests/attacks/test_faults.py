"""Faults of the world around the house: clocks, time zones, a log nobody reads, a mail gateway that is down, a proxy that forgets."""

import fcntl
import os
import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import pytest

from idp.authn.totp import matching_step
from idp.flows.account import SHOWN
from idp.flows.outbox import deliver_message, due_messages, open_notice
from idp.ports import Insert, Write
from idp.records import Grant, LogoutDelivery, Message, OneTime, Session, Totp
from idp.web import metrics
from idp.web.access import Access, Sink
from tests.kit.house import House, claims_of
from tests.kit.person import PASSWORD, Person, enrol, last_code, totp_now
from tests.kit.process import PATIENCE_S

HOUR = 3600


@pytest.mark.attack("F20")
def test_a_clock_set_back_lengthens_nothing(any_house: House) -> None:
    """What a node made whose clock was an hour ahead is refused, not longer good, by one whose clock is right (RFC 6749 §4.1.2, RFC 9068 §4)."""
    house = any_house
    account, app = house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD), house.register()
    house.clock.advance(HOUR)
    code = house.grant(app, account, offline=1)[0]
    access = house.tokens(app, account, offline=1)["access_token"]
    person = Person(house)
    person.sign_in()
    asking = Person(house)
    asking.get("/forgot")
    asking.submit(identifier="li.wei@example.cn")
    house.clock.advance(-HOUR)
    assert house.redeem(app, code).get_json()["error"] == "invalid_grant"
    assert house.userinfo(access).status_code == 401
    assert house.introspect(app, access) == {"active": False}
    assert person.get("/account").request.path == "/sign-in"
    asking.submit(code=last_code(house, "reset_code"))
    assert 'id="new_password"' not in asking.page.text
    assert house.parts.store.find(OneTime)[0].state == "open", "refused, not used up"


@pytest.mark.attack("F20")
@pytest.mark.parametrize("skew", [-50, 50])
def test_nodes_whose_clocks_differ_a_little_work_together(house: House, skew: int) -> None:
    """Under a minute apart, what one node made is good at the other (DESIGN §2.11)."""
    account, app = house.citizen("li.wei", password=PASSWORD), house.register()
    code = house.grant(app, account)[0]
    access = house.tokens(app, account)["access_token"]
    house.clock.advance(skew)
    assert house.redeem(app, code).status_code == 200
    assert house.userinfo(access).status_code == 200


@pytest.mark.attack("F20", "A125")
def test_the_last_step_of_an_authenticator_never_goes_back(house: House) -> None:
    """A used one-time password is no second one when the clock is set back to it (RFC 6238 §5.2)."""
    house.citizen("li.wei", password=PASSWORD)
    person = Person(house)
    person.sign_in()
    secret, _ = enrol(person)
    used = totp_now(house, secret)
    other = Person(house)
    other.sign_in()
    assert other.submit(totp=used).request.path == "/account"
    (row,) = house.parts.store.find(Totp)
    house.clock.advance(-60)
    late = Person(house, remote="198.51.100.2")
    late.sign_in()
    assert late.submit(totp=totp_now(house, secret)).status_code == 422
    assert house.parts.store.find(Totp) == [row]


@pytest.mark.attack("F21")
@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/St_Johns", "Pacific/Apia", "UTC"])
@pytest.mark.parametrize(
    "at", ["2028-02-29T23:59:30", "2038-01-19T03:14:00", "2106-02-07T06:28:00", "2026-10-25T00:59:30"]
)
def test_times_are_utc_wherever_and_whenever(house: House, monkeypatch: pytest.MonkeyPatch, zone: str, at: str) -> None:
    """Leap day, 2038, 2106 and the end of summer time pass unnoticed in every time zone of the host (RFC 7519 §2 NumericDate)."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        moment = int(datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp())
        house.clock.advance(moment - house.clock.seconds)
        account, app = house.citizen("li.wei", password=PASSWORD), house.register(require_auth_time=True)
        tokens = house.tokens(app, account)
        told = claims_of(tokens["id_token"])
        assert (told["iat"], told["exp"]) == (moment, moment + house.config.id_token_ttl)
        house.clock.advance(59)
        assert house.redeem(app, house.grant(app, account)[0]).status_code == 200
        assert house.userinfo(tokens["access_token"]).status_code == 200
        house.clock.advance(house.config.access_token_ttl - 59)
        assert house.userinfo(tokens["access_token"]).status_code == 401
        assert Person(house).sign_in().request.path == "/account"
        (session,) = house.parts.store.find(Session, {"amr": "pwd"}, order=("-created_at",), limit=1)
        assert session.expires_at - session.created_at == house.config.session_max * 1_000_000
        secret = b"x" * 20
        assert matching_step(secret, "000000", house.clock()) is None
    finally:
        monkeypatch.undo()
        time.tzset()


class Down:
    """A gateway that does not answer, and then does."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.down = True

    def send(self, channel: str, to: str, subject: str, body: str) -> None:
        if self.down:
            raise ConnectionRefusedError(f"gateway for {to}")
        self.sent.append(to)


@pytest.mark.attack("F43")
def test_a_mail_gateway_that_is_down_is_nobodys_to_notice(any_house: House) -> None:
    """The page answers alike, the message waits in the outbox with growing pauses and leaves when it can (OWASP ASVS 6.3.8)."""
    house, gateway = any_house, Down()
    person = Person(house)
    person.get("/sign-up")
    person.submit(identifier="new@example.cn")
    assert person.page.status_code == 200 and 'name="code"' in person.page.text
    waits = []
    for _ in range(3):
        (message,) = due_messages(house.parts, house.clock())
        assert deliver_message(house.parts, gateway, message) == "pending"
        row = house.parts.store.one(Message, id=message.id)
        assert row is not None and row.last_error == "ConnectionRefusedError", "no address in the trouble"
        assert due_messages(house.parts, house.clock()) == []
        waits.append(row.next_at - house.clock())
        house.clock.advance((row.next_at - house.clock()) / 1_000_000)
    assert waits == sorted(waits) and waits[0] < waits[-1]
    gateway.down = False
    (message,) = due_messages(house.parts, house.clock())
    assert deliver_message(house.parts, gateway, message) == "sent" and gateway.sent == ["new@example.cn"]
    person.submit(code=last_code_of(house, message))
    assert 'id="new_password"' in person.page.text or 'name="new_password"' in person.page.text


def last_code_of(house: House, message: Message) -> str:
    notice = open_notice(house.parts, message)
    assert notice is not None
    found = re.search(r"[0-9]{8}", notice.body)
    assert found is not None
    return found[0]


@pytest.mark.attack("F46")
def test_a_log_that_nobody_reads_stops_no_request(house: House) -> None:
    """Lines that the pipe can't take are dropped and counted; writing never waits (DESIGN §2.6: what must be kept is an event, not a line)."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    try:
        access = Access(house.clock, every=True, write=Sink(writer))
        before = metrics._DROPPED._value.get()

        def tell() -> None:
            for _ in range(200):
                access.record("GET", "page", 503, 0.1, "R")

        told = threading.Thread(target=tell, daemon=True)
        told.start()
        told.join(PATIENCE_S)
        assert not told.is_alive(), "it waits for a reader"
        assert metrics._DROPPED._value.get() > before
        assert b'"status":503' in os.read(reader, 65536)
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.attack("F46")
def test_a_log_that_is_gone_stops_no_request(house: House) -> None:
    """The reader has died: every line is dropped, no error comes of it (DESIGN §2.1)."""
    reader, writer = os.pipe()
    os.close(reader)
    access = Access(house.clock, every=True, write=Sink(writer))
    access.record("GET", "page", 503, 0.1, "R")
    access.record("GET", "page", 503, 0.1, "R", "unavailable: database")
    os.close(writer)
    access.record("GET", "page", 503, 0.1, "R")


FORWARDED = [
    (None, "10.0.0.5"),
    ("198.51.100.9", "198.51.100.9"),
    ("203.0.113.66, 198.51.100.9", "198.51.100.9"),
    ("198.51.100.9, 10.1.1.1", "198.51.100.9"),
    ("203.0.113.66, 198.51.100.9, 10.1.1.1, 10.2.2.2", "198.51.100.9"),
    ("not an address", "10.0.0.5"),
    ("198.51.100.9, <script>", "10.0.0.5"),
    ("10.1.1.1, 10.2.2.2", "10.1.1.1"),
    ("", "10.0.0.5"),
    ("2001:db8::7", "2001:db8::7"),
]


@pytest.mark.attack("F45", "A109")
@pytest.mark.parametrize(("header", "address"), FORWARDED, ids=[str(header) for header, _ in FORWARDED])
def test_the_callers_address_behind_a_proxy(make_house: Callable[..., House], header: str | None, address: str) -> None:
    """The last address that is no proxy of ours; without the header, or with a broken one, the peer itself (RFC 7239 §8.1)."""
    house = make_house(trusted_proxies=("10.0.0.0/8",))
    house.citizen("li.wei", password=PASSWORD)
    person = Person(house, remote="10.0.0.5")
    person.get("/sign-in")
    action, hidden = person.form()
    headers = {"X-Forwarded-For": header} if header is not None else {}
    person.post(action, {**hidden, "username": "li.wei", "password": PASSWORD}, headers)
    assert f"<bdi>{address}</bdi>" in person.get("/account/sessions").text


@pytest.mark.attack("F45", "A118")
def test_the_issuer_stays_what_it_is_whatever_a_proxy_says(make_house: Callable[..., House]) -> None:
    """Forwarded host and scheme change no address that is told to anyone (RFC 8414 §3.3)."""
    house = make_house(trusted_proxies=("10.0.0.0/8",))
    forged = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "http",
        "Forwarded": "host=evil.example;proto=http",
    }
    plain = house.request("GET", "/.well-known/openid-configuration")
    told = house.request(
        "GET", "/.well-known/openid-configuration", headers=forged, environ_overrides={"REMOTE_ADDR": "10.0.0.5"}
    )
    assert told.data == plain.data and told.get_json()["issuer"] == house.config.issuer


@pytest.mark.attack("F38")
def test_a_citizen_with_very_many_sessions(house: House) -> None:
    """The page lists the last used; signing out everywhere ends each one and tells each client of each session (Back-Channel Logout §2.5)."""
    many = 2500
    account = house.citizen("li.wei", password=PASSWORD)
    app = house.register(backchannel_logout_uri="https://tax.example/bye")
    session, grant = house.session(account)[0], house.grant(app, account)[1]
    rows: list[Write] = []
    for n in range(many):
        own = n.to_bytes(16, "big")
        rows.append(Insert(msgspec.structs.replace(session, id=own, token_hash=own + own)))
        rows.append(
            Insert(msgspec.structs.replace(grant, id=own, session_id=own, code_hash=own + own, origin=own + own))
        )
    for start in range(0, len(rows), 500):
        house.parts.store.commit(rows[start : start + 500])
    person = Person(house)
    person.sign_in()
    page = person.get("/account/sessions?lang=en").text
    assert page.count('name="end" value=') == SHOWN - 1 and "Only the devices used last are listed" in page
    person.submit(end_all="1")
    assert house.parts.store.count(Session, {"account_id": account, "ended_at": None}) == 1
    assert house.parts.store.count(LogoutDelivery, {"client_id": app.id}) == many + 1
    assert house.parts.store.count(Grant, {"account_id": account, "ended_at": None}) == 0
    assert person.get("/account/services").status_code == 200
