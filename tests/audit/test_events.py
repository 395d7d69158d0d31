"""Events: closed vocabulary, entry format of the tree (RFC 9162 leaves are built on it later)."""

from hashlib import sha256
from typing import Any

import msgspec
import pytest

from idp.audit import events
from idp.audit.entry import entry, field_digest, unpack
from idp.records import Event


class _Person:
    pseudonym = b"p" * 16

    def seal_event(self, kind: str, at: int, event_id: bytes, name: str, plaintext: bytes) -> bytes:
        return b"sealed:" + plaintext[::-1]


def _entropy():
    n = iter(range(256))
    return lambda size: bytes(next(n) for _ in range(size))


def _row(*fact: events.Fact, **how: Any) -> Event:
    row = events.record(*fact, **how).record
    assert isinstance(row, Event)
    return row


@pytest.mark.parametrize("kind", sorted(events.vocabulary()))
def test_every_kind_is_documented_and_named_subject_dot_action(kind):
    fact = events.vocabulary()[kind]
    assert fact.__doc__ and kind.count(".") == 1
    assert fact.__doc__ != events.Fact.__doc__


def test_kinds_are_unique():
    assert len(events.vocabulary()) == len(events.Fact.__subclasses__())


def test_entry_is_recomputable_from_head_salt_and_digests():
    row = _row(
        events.SignedIn(session="00", amr="pwd", acr="1", client_id="c"),
        at=7,
        entropy=_entropy(),
        person=_Person(),
        personal={"address": "192.0.2.1", "device": "Firefox"},
    )
    fields = unpack(row.fields or b"")
    inner = sha256(row.salt + row.head).digest()
    assert row.entry == sha256(b"yimen-event/1" + inner + fields[0].digest + fields[1].digest).digest()
    own = fields[0].sealed[7:][::-1]
    assert field_digest(own[:16], "address", own[16:].decode()) == fields[0].digest
    assert msgspec.json.decode(row.head)["person"] == (b"p" * 16).hex()


def test_personal_values_are_not_in_head_or_digest():
    row = _row(
        events.SignInFailed(reason="password"),
        at=7,
        entropy=_entropy(),
        person=_Person(),
        personal={"address": "192.0.2.77"},
    )
    assert b"192.0.2.77" not in row.head + row.entry + unpack(row.fields or b"")[0].digest


def test_undeclared_personal_field_is_a_programming_error():
    with pytest.raises(ValueError, match="no personal field"):
        events.record(
            events.SignedIn(session="00", amr="", acr=""),
            at=1,
            entropy=_entropy(),
            person=_Person(),
            personal={"email": "x"},
        )


@pytest.mark.parametrize("change", [b"head", b"salt", b"field"])
def test_any_change_changes_the_entry(change):
    base = (b"s" * 16, b"{}", [b"d" * 32])
    other = {
        b"head": (b"s" * 16, b"{ }", [b"d" * 32]),
        b"salt": (b"t" * 16, b"{}", [b"d" * 32]),
        b"field": (b"s" * 16, b"{}", [b"e" * 32]),
    }[change]
    assert entry(*base) != entry(*other)
