"""A sign-in that has to be written anew, since something of the account was decided in the same instant."""

from typing import Any

import msgspec
import pytest

from idp.flows import erasure
from idp.parts import Parts
from idp.records import Erasure, Session
from tests.kit.house import House
from tests.kit.person import PASSWORD, Person


@pytest.mark.attack("A115")
def test_another_citizens_session_of_the_browser_ends_all_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ASVS 7.2.4: two keep the account at once; who loses that signs in anew, and nobody else stays signed in behind it"""
    for name in ("li.wei", "zhao.min"):
        house.citizen(name, f"{name}@example.cn", password=PASSWORD)
    browser = Person(house)
    first_tab = browser.get("/sign-in")
    browser.sign_in("zhao.min")
    (theirs,) = house.parts.store.find(Session)
    real, asked = erasure.asked_for, list[int]()

    def stale(parts: Parts, account_id: bytes) -> Erasure | None:
        asked.append(1)
        nothing: dict[str, Any] = dict.fromkeys(Erasure.__struct_fields__[1:], 0)
        waiting = Erasure(account_id=account_id, **nothing)
        return msgspec.structs.replace(waiting, state="waiting") if len(asked) == 1 else real(parts, account_id)

    monkeypatch.setattr(erasure, "asked_for", stale)
    browser.page = first_tab
    browser.submit(username="li.wei", password=PASSWORD)
    assert len(asked) > 1, "the first try met a conflict"
    ended = house.parts.store.one(Session, id=theirs.id)
    assert ended is not None and ended.ended_at is not None
