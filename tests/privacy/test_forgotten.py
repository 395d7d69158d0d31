"""What was sealed of a person ends with their erasure: each key that sealed a word of theirs is gone, so that no older copy tells it (issue 3.8)."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from idp.errors import Unavailable
from idp.flows import erasure
from idp.flows.cleanup import clean
from idp.flows.outbox import open_notice
from idp.ports import Insert
from idp.records import AlertDone, Message, Objection
from keys.sealed import DataKey
from tests.journeys.test_cases import act, alert, opened
from tests.journeys.test_comparing import NEEDS, numbers
from tests.journeys.test_console import auditor, pseudonym, settle
from tests.journeys.test_history import HANDLE
from tests.journeys.test_par import go, reference
from tests.journeys.test_reveals import decide, look
from tests.journeys.test_service_items import allow
from tests.journeys.test_sign_up import sign_up
from tests.kit.catalogue import LOAN, item
from tests.kit.house import House
from tests.kit.person import Person, last_code

DAY = 86_400
EMAIL, NAME, AGENT, REMOTE = (
    "jinsique@example.cn",
    "欧阳金丝雀",
    "Canary/1.0 (Windows NT 10.0) Chrome/140.0",
    "192.0.2.177",
)
SITE, NUMBER, TYPED = "https://canary.example.cn/feathers", "330102198706056622", "Canary Typed"
WORDS = tuple(f"canary words {n}" for n in ("objection", "case", "note", "alert", "closing", "answer", "reveal"))
ABOUT = (EMAIL, NAME, SITE, NUMBER, TYPED, REMOTE, *WORDS)
"""Everything of the person and about them, with what a department typed of them."""


@pytest.fixture
def seals(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bytes, str]]:
    """Each value that is sealed: where it stands, whose key seals it, what it says."""
    found, plain = list[tuple[str, bytes, str]](), DataKey.seal

    def seal(self: DataKey, aad: bytes, text: bytes, *given: Any, **more: Any) -> bytes:
        _, table, column, owner, *_ = parts_of(aad)
        found.append((f"{table.decode()}.{column.decode()}", owner, text.decode(errors="replace")))
        return plain(self, aad, text, *given, **more)

    monkeypatch.setattr(DataKey, "seal", seal)
    return found


def parts_of(aad: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(aad):
        size = int.from_bytes(aad[at : at + 4], "big")
        yield aad[at + 4 : at + 4 + size]
        at += 4 + size


def test_every_key_that_sealed_a_word_about_somebody_ends_with_them(
    any_house: House, seals: list[tuple[str, bytes, str]]
) -> None:
    """Sign-up, recovery, releases, comparisons, verified claims, corrections, cases, alerts, looks, the copy: after the erasure no key that is left
    opens any of it, in this database or in an older one"""
    house = any_house
    person = Person(house, remote=REMOTE, agent=AGENT)
    sign_up(person, EMAIL, NAME)
    citizen_at_work(house, person)
    staff_at_work(house, person)
    sealed = [(place, owner, [w for w in ABOUT if w in text]) for place, owner, text in seals]
    about = [(place, owner, words) for place, owner, words in sealed if words]
    places = {place for place, _, _ in about}
    assert {word for _, _, words in about for word in words} == set(ABOUT), "each was sealed somewhere"
    assert {"one_time.facts", "message.notice", "alert.note", "case_step.words", "objection.case"} <= places
    assert {"grant.claims", "reveal.words", "session.where", "attribute.value", "identifier.value"} <= places, places
    erasure.by_order(house.parts, EMAIL, "requested", now=house.clock())
    house.clock.advance(4 * DAY)
    clean(house.parts, house.clock())
    left = {(place, tuple(words)) for place, owner, words in about if house.parts.keyring.get(owner) is not None}
    assert left == set()


def test_a_day_that_is_over_gets_no_key_again(house: House) -> None:
    """The day's key ends on the third day after it; a clock that goes back makes none, and a copy that brings it back keeps it for one round"""
    sign_up(Person(house), EMAIL, NAME)
    vault, day = house.parts.vault, house.clock()
    entry = house.parts.keyring.get(b"passing-20260101")
    house.clock.advance(2 * DAY)
    clean(house.parts, house.clock())
    assert house.parts.keyring.get(b"passing-20260101") == entry is not None
    house.clock.advance(DAY + 300)
    clean(house.parts, house.clock())
    assert house.parts.keyring.get(b"passing-20260101") is None
    vault.passing(house.clock())
    with pytest.raises(Unavailable):
        vault.passing(day)
    house.parts.keyring.destroy(b"passing-20260101")
    house.parts.keyring.put(entry)
    clean(house.parts, house.clock())
    assert house.parts.keyring.get(b"passing-20260101") is None
    assert sign_up(Person(house), "other@example.cn").request.path == "/account"


def test_a_message_of_before_is_still_sent(house: House) -> None:
    """An earlier version sealed it under nobody's key"""
    row_id, notice = house.parts.entropy(16), b'{"channel":"email","to":"a@example.cn","subject":"s","body":"b"}'
    sealed = house.parts.vault.nobody().seal("message", "notice", row_id, 0, notice)
    row = Message(row_id, "sign_up_code", None, sealed, "pending", 0, 0, house.clock(), None)
    opened = open_notice(house.parts, row)
    assert opened is not None and opened.to == "a@example.cn" and house.events("seal.failed") == []


def test_a_note_of_before_is_still_read(house: House) -> None:
    """Sealed under nobody's key, whomever its alert is about: shown, and no failure on record"""
    watch = auditor(house)
    house.citizen("li.wei")
    raw = bytes.fromhex(alert(house, f"person={pseudonym(house, 'li.wei')}"))
    sealed = house.parts.vault.nobody().seal("alert", "note", raw, 0, WORDS[3].encode())
    house.parts.store.commit([Insert(AlertDone(raw, "handled", None, sealed, house.clock()))])
    assert WORDS[3] in watch.get(f"/console/alerts/{raw.hex()}").text and house.events("seal.failed") == []


def citizen_at_work(house: House, person: Person) -> None:
    forgetful = Person(house, remote=REMOTE, agent=AGENT)
    forgetful.sign_in(EMAIL, "wrong horse battery staple")
    forgetful.get("/forgot")
    forgetful.submit(identifier=EMAIL)
    last_code(house, "reset_code")
    person.get("/account/correct?attribute=website")
    person.submit(value=SITE)
    item(house, {**LOAN, "needs": NEEDS})
    app = house.register(scope="openid profile email")
    typed = {"verification": {"trust_framework": None}, "claims": {"name": {"value": TYPED}}}
    claims = json.loads(numbers(NUMBER)) | {"id_token": {"verified_claims": typed}}
    page = go(
        house,
        app,
        reference(house, app, scope="openid profile service:loan", claims=json.dumps(claims)),
        person.browser,
    )
    tokens = house.redeem(app, allow(house, person.browser, page)).get_json()
    assert house.userinfo(tokens["access_token"]).get_json()["name"] == NAME
    settle(house)
    person.get("/account/history")
    person.get(f"/account/history/{HANDLE.findall(person.page.text)[0]}")
    person.submit(kind="not_me", words=WORDS[0])
    person.get("/account/copy")
    assert SITE in person.submit({"form": "json"}).text


def staff_at_work(house: House, person: Person) -> None:
    watch, approver = auditor(house), auditor(house, "chen.approve", "approver")
    who = pseudonym(house, EMAIL)
    case = opened(watch, f"objection={house.parts.store.find(Objection)[0].id.hex()}", WORDS[1])
    act(watch, case, "note", note=WORDS[2])
    asked = act(watch, case, "ask", see_name="1", see_identifiers="1", see_places="1", reason="objection", why=WORDS[6])
    reveal = asked.request.path.rpartition("/")[2]
    decide(approver, "approve", reveal)
    assert NAME in look(watch, reveal).text
    act(watch, case, "take")
    assert act(watch, case, "close", outcome="explained", closing=WORDS[4], answer=WORDS[5]).status_code == 200
    watch.get(f"/console/alerts/{alert(house, f'person={who}')}")
    assert WORDS[3] in watch.submit(form=1, outcome="harmless", note=WORDS[3]).text
