"""A log that was cut, forked or brought back from a copy is known by what is remembered outside of the database (F08, F28, F29)."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from idp.audit import note
from idp.audit.verify import Bad
from idp.errors import Refusal, Unavailable
from idp.flows import log_memory, staff
from idp.flows.log_health import measures
from idp.flows.log_keeper import LogKeeper
from idp.flows.log_verify import verify
from idp.flows.log_waiting import alarm
from idp.flows.register import register
from idp.flows.restored import would_end
from idp.flows.sequencer import catch_up, head, log_signer
from idp.records import Attribute, Event, Identifier
from tests.journeys.test_log_verify import Insider, written
from tests.journeys.test_sequencer import happen
from tests.kit.house import House
from tests.kit.person import PASSWORD, Person


def keeper(house: House) -> LogKeeper:
    said: list[str] = []
    made = LogKeeper(house.parts, trouble=said.append)
    made.said = said  # type: ignore[attr-defined]
    return made


def said(made: LogKeeper) -> list[str]:
    return made.said  # type: ignore[attr-defined]


def database(house: House) -> Path:
    return Path(house.config.database_url.removeprefix("sqlite:///"))


def brought_back(make_house: Any, house: House, when: Any) -> House:
    """Yesterday's database under today's everything else."""
    copy = database(house).with_name("copy.db")
    house.parts.store.backup(str(copy))
    when()
    house.close()
    for end in ("", "-wal", "-shm"):
        Path(f"{database(house)}{end}").unlink(missing_ok=True)
    shutil.copyfile(copy, database(house))
    return make_house()


def test_the_newest_head_is_remembered_outside_of_the_database(any_house):
    house, keeping = any_house, keeper(any_house)
    written(house, 30)
    keeping.tick()
    signer = log_signer(house.parts)
    assert log_memory.remembered(house.parts, signer) == {30: head(house.parts).root}
    happen(house, 300)
    house.clock.advance(2)
    keeping.sequence()
    keeping.tick()
    assert set(log_memory.remembered(house.parts, signer)) == {330}
    assert (keeping.check(), said(keeping), alarm(house.parts)) == (True, [], False)


@pytest.mark.attack("A155", "F29")
def test_yesterdays_database_is_noticed_and_nothing_is_issued(make_house, house):
    """C2SP tlog-checkpoint: a smaller tree than the remembered one is no continuation"""
    written(house, 40)
    app = house.machine()

    def today() -> None:
        happen(house, 300)
        keeping = keeper(house)
        keeping.sequence()
        keeping.tick()

    old = brought_back(make_house, house, today)
    keeping = keeper(old)
    keeping.tick()
    assert any("ALARM" in line and "idp audit verify" in line for line in said(keeping))
    old.clock.advance(1)
    answer = old.as_client(app, "/token", {"grant_type": "client_credentials"})
    assert answer.status_code == 503
    kinds = [e.kind for e in old.parts.store.find(Event, order=("-seq",), limit=1)]
    assert kinds == ["audit.alarmed"]
    keeping.tick()
    assert old.parts.store.count(Event, {"kind": "audit.alarmed"}) == 1, "once until it is accepted"


@pytest.mark.attack("A155", "F29")
def test_an_operator_accepts_what_was_brought_back(make_house, house):
    """The way on is recorded: what the log had, and what it has"""
    written(house, 40)
    app = house.machine()

    def today() -> None:
        happen(house, 5)
        keeping = keeper(house)
        keeping.sequence()
        keeping.tick()

    old = brought_back(make_house, house, today)
    keeping = keeper(old)
    keeping.tick()
    keeping.sequence()
    size, today_had = head(old.parts).size, log_memory.had(old.parts)
    told = log_memory.accept(old.parts, log_signer(old.parts), "restored")
    assert {name: told[name] for name in ("had", "has", "reason")} == {
        "had": today_had,
        "has": size,
        "reason": "restored",
    }
    old.clock.advance(1)
    assert old.as_client(app, "/token", {"grant_type": "client_credentials"}).status_code == 200
    keeping.sequence()
    old.clock.advance(3600)
    keeping.tick()
    assert alarm(old.parts) is False
    assert verify(old.parts, log_signer(old.parts)).size > size


@pytest.mark.attack("A155", "F29")
@pytest.mark.parametrize("reason", ["restored", "failover", "lost", "other"])
def test_what_was_revoked_stays_dead_when_an_older_database_is_accepted(make_house, house, reason):
    """RFC 6749 §10.4, RFC 7009 §2.1: the copy knows of no revocation; `other` does not get around it where the log lost events (DECISIONS 7)"""
    app, account = house.register(), house.citizen(claims={"name": "李伟"})
    stays, forgotten = house.tokens(app, account)["refresh_token"], house.citizen("zhang.min")
    house.signed_in(account)
    link = staff.staff_link(house.parts, ("auditor",), now=house.clock()).rpartition("/")[2]
    written(house, 40)

    def today() -> None:
        assert house.as_client(app, "/revoke", {"token": stays}).status_code == 200
        assert house.refresh(app, stays).status_code == 400
        house.parts.keyring.erase(forgotten)
        happen(house, 5)
        keeper(house).sequence()
        keeper(house).tick()

    old = brought_back(make_house, house, today)
    keeper(old).tick()
    old.clock.advance(1)
    told = log_memory.accept(old.parts, log_signer(old.parts), reason)
    ended = ("sessions_ended", "grants_ended", "codes_ended", "erased_again")
    assert [told[name] for name in ended] == [2, 1, 1, 1]
    assert would_end(old.parts) == {"would_end_sessions": 0, "would_end_grants": 0, "would_end_codes": 0}
    old.clock.advance(1)
    answer = old.refresh(app, stays)
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_grant")
    assert staff.invitation(old.parts, link, old.clock()) is None
    assert old.parts.store.count(Attribute, {"account_id": account}) and not old.parts.store.count(
        Identifier, {"account_id": forgotten}
    )
    assert old.tokens(app, account)["access_token"], "and work goes on"


def test_sessions_live_on_when_nothing_was_lost(house):
    """A false alarm signs nobody out: the log holds all that was remembered, and the operator says so"""
    house.signed_in(house.citizen())
    written(house, 40)
    keeper(house).tick()
    assert log_memory.sound_alarm(house.parts, Bad(3, "looked wrong"))
    assert not log_memory.lost(house.parts, "other") and log_memory.lost(house.parts, "failover")
    log_memory.accept(house.parts, log_signer(house.parts), "other")
    assert would_end(house.parts)["would_end_sessions"] == 1


@pytest.mark.attack("A155", "F29")
def test_everything_is_ended_before_the_alarm_is_over(make_house, house, monkeypatch):
    """Whoever dies in between is still stopped: nothing is issued over what was not ended"""
    house.signed_in(house.citizen())
    written(house, 40)
    log_memory.sound_alarm(house.parts, Bad(3, "looked wrong"))

    def dies(*_: Any) -> None:
        raise Unavailable("keyring")

    monkeypatch.setattr("idp.flows.restored.after_restore", dies)
    with pytest.raises(Unavailable):
        log_memory.accept(house.parts, log_signer(house.parts), "lost")
    assert alarm(house.parts) and would_end(house.parts)["would_end_sessions"] == 0


@pytest.mark.attack("A155", "F29")
def test_a_fork_of_the_same_length_is_noticed(make_house, house):
    """RFC 9162 §2.1.4: as many events, but others"""
    written(house, 40)

    def today() -> None:
        happen(house, 5)
        keeper(house).sequence()
        keeper(house).tick()

    old = brought_back(make_house, house, today)
    happen(old, 9)
    catch_up(old.parts, log_signer(old.parts), old.clock())
    with pytest.raises(Bad, match="signed before"):
        log_memory.check(old.parts, log_signer(old.parts))


@pytest.mark.attack("A155", "F28")
@pytest.mark.parametrize("policy", ["stop", "continue"])
def test_deleted_rows_raise_the_alarm_at_the_next_event_and_work_goes_on_once_accepted(make_house, policy):
    """The rows' numbers are given again on SQLite: the new events get leaves of their own"""
    house = make_house(log_alarm=policy)
    app, web, browser = house.machine(), house.register(), house.signed_in(house.citizen())
    token = house.tokens(web, house.citizen("zhang.min", password=PASSWORD))["access_token"]
    house.code(browser, web)
    signed = house.register(userinfo_signed_response_alg="ES256", introspection_signed_response_alg="ES256")
    signed_token = house.tokens(signed, house.citizen("wang.fang"))["access_token"]
    written(house, 60)
    keeping = keeper(house)
    keeping.tick()
    Insider(house).do(f"DELETE FROM events WHERE seq >= {Insider(house).seq(50)}")
    happen(house, 3)
    house.clock.advance(1)
    keeping.tick()
    house.clock.advance(1)
    answer = house.as_client(app, "/token", {"grant_type": "client_credentials"})
    stopped = policy == "stop"
    assert answer.status_code == (503 if stopped else 200)
    assert house.userinfo(token).status_code == (503 if stopped else 200)
    assert house.userinfo(signed_token).status_code == (503 if stopped else 200)
    assert house.as_client(signed, "/introspect", {"token": token}).status_code == (503 if stopped else 200)
    assert house.authorize(browser, web).status_code == (503 if stopped else 303)
    with pytest.raises(Unavailable if stopped else Refusal):  # with no token at all
        register(house.parts, None, {}, house.clock())
    assert Person(house).sign_in("zhang.min").status_code == 200, "staff must get in"
    assert measures(house.parts)["idp_audit_alarm"][1] == 1
    log_memory.accept(house.parts, log_signer(house.parts), "lost")
    waiting = house.parts.store.count(Event) - 50
    assert keeping.sequence() == waiting
    house.clock.advance(3600)
    keeping.tick()
    assert (alarm(house.parts), keeping.check()) == (False, True)
    named = verify(house.parts, log_signer(house.parts)).spoilt
    assert [row.index for row in named] == list(range(50, 60)), "what is gone stays named"


def test_every_answer_asks_once_whether_anything_may_leave(house, monkeypatch):
    """Signed or not: once, before anything is written"""
    asked = []
    monkeypatch.setattr(house.parts.keys, "_halted", lambda: asked.append(1))
    account, plain = house.citizen(), house.register()
    signed = house.register(userinfo_signed_response_alg="ES256", introspection_signed_response_alg="ES256")
    machine = house.machine()

    def once(status, call):
        asked.clear()
        answer = call()
        assert (answer.status_code, len(asked)) == (status, 1), answer.text
        return answer

    for app in (plain, signed):
        code, _ = house.grant(app, account)
        tokens = once(200, lambda app=app, code=code: house.redeem(app, code)).get_json()
        once(200, lambda tokens=tokens: house.userinfo(tokens["access_token"]))
        once(200, lambda app=app, tokens=tokens: house.refresh(app, tokens["refresh_token"]))
    once(200, lambda: house.as_client(signed, "/introspect", {"token": tokens["access_token"]}))
    once(200, lambda: house.as_client(machine, "/token", {"grant_type": "client_credentials"}))
    browser = house.signed_in(account)
    house.code(browser, plain)
    once(303, lambda: house.authorize(browser, plain))


@pytest.mark.attack("A155", "F28")
def test_the_hourly_check_reads_every_row_in_its_turn(any_house, monkeypatch):
    """An old row that nobody asks for is looked at all the same"""
    house, keeping = any_house, keeper(any_house)
    written(house, 1200)
    monkeypatch.setattr("idp.flows.log_keeper.SLICE", 2)
    assert keeping.check()
    Insider(house).do(f"UPDATE events SET at = at, kind = kind, head = salt WHERE seq = {Insider(house).seq(600)}")
    assert not keeping.check()
    assert "index 600" in said(keeping)[0]


@pytest.mark.parametrize(
    "text", ["not a note", "other.example/log\n3\n" + "A" * 43 + "=\n\n\N{EM DASH} other.example/log AAAAAAAA\n"]
)
def test_what_is_remembered_must_be_this_logs(house, text):
    written(house, 20)
    house.parts.log_memory.change(lambda _: text)
    with pytest.raises(Bad):
        log_memory.check(house.parts, log_signer(house.parts))


def test_a_folder_that_is_gone_is_trouble_not_an_alarm(make_house, tmp_path):
    """F50: the log goes on, and says so"""
    house = make_house(log_checkpoint_file=str(tmp_path / "gone" / "checkpoint"))
    written(house, 20)
    with pytest.raises(Unavailable, match="IDP_LOG_CHECKPOINT_FILE"):
        keeper(house).tick()
    happen(house, 2)
    assert keeper(house).sequence() == 2
    assert alarm(house.parts) is False


def test_an_idle_log_signs_again(any_house):
    """An old checkpoint shows that the log was held back: the cosignature bears its time"""
    house, keeping = any_house, keeper(any_house)
    written(house, 20)
    before = head(house.parts)
    house.clock.advance(601)
    assert keeping.sequence() == 0
    after = head(house.parts)
    assert (after.size, after.root) == (before.size, before.root)
    cosignature = next(s for s in note.split(after.note.decode())[1] if len(s.value) > 2000)
    assert int.from_bytes(cosignature.value[:8], "big") == house.clock.seconds


def test_what_the_log_does_is_measured(any_house):
    house = any_house
    written(house, 20)
    happen(house, 3)
    house.clock.advance(7)
    told = {name: value for name, (_, value) in measures(house.parts).items()}
    assert told == {
        "idp_audit_sequence_lag": 3,
        "idp_audit_tree_size": 20,
        "idp_audit_checkpoint_age_seconds": 7,
        "idp_audit_alarm": 0,
        "idp_audit_accepted_rows": 0,
        "idp_audit_unwatched_seconds": 7,
    }
