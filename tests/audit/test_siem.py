"""Events in the words of others: each required field is there, nothing in a value begins another field or line."""

from hashlib import sha256
from typing import Any

import msgspec
import pytest

from idp.audit import events
from idp.audit.siem import FORMATS, line
from idp.records import Event


class Person:
    pseudonym = b"\xaa" * 16

    def seal_event(self, kind: str, at: int, event_id: bytes, name: str, plaintext: bytes) -> bytes:
        return b"sealed"


def made(fact: events.Fact, **more: Any) -> Event:
    given = {"at": 1_700_000_000_123_456, "entropy": lambda n: sha256(b"x").digest()[:n], **more}
    row = events.record(fact, **given).record
    assert isinstance(row, Event)
    return row


SIGNED_IN = events.SignedIn(session="5e55", amr="pwd otp", acr="2", client_id="tax", reference="AB12CD34EF")
REFUSED = events.SignInFailed(reason="password")


def test_json_lines_hold_the_head_and_where_it_stands():
    told = msgspec.json.decode(line("json", 7, made(SIGNED_IN, person=Person(), personal={"address": "192.0.2.1"})))
    assert (told["kind"], told["index"], told["person"], len(told["entry"])) == ("session.started", 7, "aa" * 16, 64)


@pytest.mark.parametrize(
    ("fact", "uid", "status", "severity"),
    [
        (SIGNED_IN, 300201, 1, 1),
        (REFUSED, 300201, 2, 2),
        (events.SessionEnded(session="5e55", why="logout"), 300202, 1, 1),
        (events.PasswordChanged(how="reset"), 300103, 1, 1),
        (events.ClientRemoved(client_id="tax", how="cli"), 300404, 1, 1),
        (events.LogAlarmed(what="cut"), 200401, 2, 4),
        (events.KeyMoved(kid="k", alg="ES256", state="next"), 600399, 1, 1),
    ],
)
def test_ocsf_names_class_activity_and_outcome(fact, uid, status, severity):
    """OCSF 1.8: class_uid, type_uid = class_uid × 100 + activity_id, time in milliseconds"""
    told = msgspec.json.decode(line("ocsf", 3, made(fact, person=Person())))
    assert (told["type_uid"], told["status_id"], told["severity_id"]) == (uid, status, severity)
    assert told["class_uid"] * 100 + told["activity_id"] == uid and told["category_uid"] == uid // 100_000
    assert told["time"] == 1_700_000_000_123 and told["metadata"]["version"] == "1.8.0"
    if told["class_uid"] == 3002:
        assert told["user"]["uid"] == "aa" * 16
    if told["class_uid"] == 6003:
        assert told["api"]["operation"] == "key.moved" and told["src_endpoint"] and told["activity_name"]


def test_ecs_names_action_outcome_and_user():
    told = msgspec.json.decode(line("ecs", 3, made(REFUSED, person=Person())))
    assert told["event"]["action"] == "session.refused" and told["event"]["outcome"] == "failure"
    assert told["user"]["id"] == "aa" * 16 and told["@timestamp"] == "2023-11-14T22:13:20.123Z"
    told = msgspec.json.decode(line("ecs", 3, made(SIGNED_IN, person=Person(), actor=Person())))
    assert told["user"] == {"target": {"id": "aa" * 16}, "id": "aa" * 16}
    assert (told["service"]["id"], told["trace"]["id"]) == ("tax", "AB12CD34EF")


def test_cef_has_seven_header_fields_and_pairs():
    text = line("cef", 3, made(REFUSED, person=Person()))
    assert text.startswith("CEF:0|Yimen|Yimen|1|session.refused|session.refused|5|rt=1700000000123 ")
    assert " suid=" + "aa" * 16 in text and " cn1=3 cn1Label=index" in text and text.endswith("msg=reason\\=password")


@pytest.mark.attack("A153")
@pytest.mark.parametrize("format_", sorted(FORMATS))
def test_no_value_begins_another_line_or_field(format_):
    """CWE-117: line breaks, escapes, separators and control characters stay inside of their value"""
    hostile = "a\nCEF:0|x|=\r\x1b[31m\u2028|\\ cs9=1"
    text = line(format_, 0, made(events.SignInFailed(reason=hostile, client_id=hostile)))
    assert "\n" not in text and "\r" not in text and "\x1b" not in text
    if format_ == "cef":
        assert " cs9=1" not in text and text.replace("\\|", "").replace("\\\\", "").count("|") >= 7
        assert "\u2028" not in text
    else:
        assert isinstance(msgspec.json.decode(text), dict)


@pytest.mark.parametrize("format_", sorted(FORMATS))
@pytest.mark.parametrize("kind", sorted(events.vocabulary()))
def test_every_kind_has_a_line(format_, kind):
    values: dict[Any, Any] = {str: "x", int: 1, bool: True, tuple[str, ...]: ("a",)}
    fact = events.vocabulary()[kind]
    given = {f.name: values.get(f.type, "x") for f in msgspec.structs.fields(fact) if f.required}
    assert kind in line(format_, 1, made(fact(**given)))


@pytest.mark.parametrize("format_", sorted(FORMATS))
@pytest.mark.parametrize("head", [b"", b"[]", b"\xff", b"{"])
def test_a_spoilt_head_holds_nobody_up(format_, head):
    spoilt = msgspec.structs.replace(made(REFUSED), head=head)
    assert "session.refused" in line(format_, 1, spoilt)
