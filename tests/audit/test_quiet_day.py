"""The starter rules over a recorded day: an ordinary one wakes nobody, and each recorded attack is found in the midst of it (issue 4, Build 5)."""

from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from heapq import merge
from typing import Any

import pytest

from idp.audit.alerts import SECOND, Watcher, hours, parse
from idp.flows.alert_rules import starter
from tests.audit.test_alerts import BY_PLACE, KINDS, RECORDED

Head = dict[str, Any]
DAY_S = 86_400
PEOPLE = 8_000
"""Citizens who come in a day, each to one to three of four departments."""
CLIENTS = ("tax", "social", "housing", "library")


def draw(*what: object) -> int:
    """The same number at each run."""
    return int.from_bytes(sha256(repr(what).encode()).digest()[:6])


def event(at: float, kind: str, **more: Any) -> Head:
    return {"kind": kind, "at": round(at * SECOND), **more}


def when(n: int) -> float:
    """From eight in the morning of a Thursday in China on: nine of ten in the ten hours of work, the others whenever."""
    return draw("when", n) % (36_000 if draw("day", n) % 10 else DAY_S)


def where(n: int) -> dict[str, str]:
    """A citizen's network; a few hundred share an office's or a carrier's address."""
    home = f"home{n}" if n % 20 else f"shared{n % 400}"
    return {"address": home, "network": f"n{home}", "block": f"b{n % 300}"}


def visit(n: int) -> Iterator[Head]:
    """Mistyped once or twice in a while, signed in, data read, refreshed later; on the move a second session from elsewhere."""
    at, person, here = when(n), f"p{n}", where(n)
    if draw("name", n) % 40 == 0:
        yield event(at - 30, "session.refused", reason="unknown_identifier", person="nobody", **here)
    for wrong in range(max(0, draw("typo", n) % 12 - 9)):
        yield event(at - 20 + wrong * 9, "session.refused", reason="wrong_password", person=person, **here)
    if draw("otp", n) % 60 == 0:
        yield event(at - 5, "session.refused", reason="wrong_totp", person=person, **here)
    yield event(at, "session.started", person=person, **here)
    if n % 9 == 0:
        yield event(at + 1800, "session.started", person=person, address=f"m{n}", network=f"m{n}", block=f"m{n % 50}")
    for k in range(1 + draw("apps", n) % 3):
        client, then = CLIENTS[(n + k) % 4], at + 20 + 300 * k
        yield event(then, "code.redeemed", person=person, client_id=client)
        yield event(then + 1, "attributes.released", person=person, client_id=client)
        yield event(then + 900, "token.refreshed", person=person, client_id=client)
        yield event(then + 901, "attributes.released", person=person, client_id=client)
    yield event(at + 3000, "session.ended", person=person)


def house() -> Iterator[Head]:
    """What happens beside the citizens: keys turn as planned, a client deploys a wrong secret, two lose their telephone, a bot is slowed down."""
    yield event(3600, "key.moved", state="active", emergency=False)
    yield from (event(7200 + n * 30, "token.refused", code="invalid_client", client_id="library") for n in range(12))
    yield from (event(9000 + n * 9000, "account.factor_removed", person=f"p{n}") for n in range(2))
    yield from (event(20_000 + n * 60, "session.throttled", rule="address", address="bot") for n in range(6))
    yield from (event(n * 3600, "audit.witness", witness="w", state="cosigned") for n in range(24))
    yield event(11_000, "account.changed", what="status", value="disabled", person="p7")


@cache
def day() -> tuple[Head, ...]:
    """All of it in the order of the log."""
    heads = [*house(), *(head for n in range(PEOPLE) for head in visit(n))]
    return tuple(sorted((head for head in heads if head["at"] >= 0), key=lambda head: head["at"]))


def raised(heads: Any) -> list[str]:
    watcher = Watcher(parse(starter(), KINDS))
    return [alert.rule for index, head in enumerate(heads) for alert in watcher.see(index, head)]


def test_an_ordinary_day_wakes_nobody() -> None:
    """It is a day worth the name: thousands of sign-ins, failures of every kind, work and night"""
    heads = day()
    kinds = [head["kind"] for head in heads]
    assert kinds.count("session.started") > PEOPLE and kinds.count("session.refused") > PEOPLE // 5
    assert {hours(head["at"]) for head in heads} == {"working", "off"} and set(kinds) <= set(KINDS)
    assert raised(heads) == []


@pytest.mark.slow  # a day for each rule
@pytest.mark.parametrize("name", sorted(set(RECORDED) - BY_PLACE))
def test_an_attack_is_found_in_the_midst_of_it(name: str) -> None:
    """It alone, and once: what else happens neither hides it nor is taken for it"""
    assert raised(merge(day(), RECORDED[name], key=lambda head: head["at"])) == [name]
