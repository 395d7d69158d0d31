"""Who has an account can't be told by the work: the same hashes, statements, trips and bytes for known, unknown and suspended accounts (A105).

Nothing is timed here. What is compared is everything that takes time: each call of a store, of the volatile store, of the keyring and of the
password hasher during one request, with the rows that it writes, in whatever order; and the length of the answer.
"""

from collections.abc import Callable
from typing import Any

import pytest

from idp.flows import staff
from idp.ports import Delete, Insert, Update
from tests.kit.house import House
from tests.kit.person import PASSWORD, Person

VERBS = {
    "store": ("one", "pair", "find", "count", "commit"),
    "volatile": ("put", "peek", "take", "consume", "claim", "bump", "forget", "several"),
    "keyring": ("put", "get"),
    "hasher": ("hash", "verify"),
}


class Work:
    """Records what a house does."""

    def __init__(self, house: House, patch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        for part, verbs in VERBS.items():
            kind = type(getattr(house.parts, part))
            for verb in verbs:
                patch.setattr(kind, verb, self._told(part, verb, getattr(kind, verb)))

    def _told(self, part: str, verb: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        def told(itself: Any, *given: Any, **more: Any) -> Any:
            self.done.append(f"{part}.{verb}{_subject(part, verb, given)}")
            return plain(itself, *given, **more)

        return told

    def of(self, request: Callable[[], object]) -> list[str]:
        self.done.clear()
        request()
        return sorted(self.done)


def _subject(part: str, verb: str, given: tuple[Any, ...]) -> str:
    if verb == "commit":
        return " " + " ".join(_write(write) for write in given[0])
    if part == "store":
        return " " + given[0].__name__
    if verb == "several":
        return " " + " ".join(f"{type(one).__name__}:{one.kind}" for one in given[0])
    return f" {given[0]}" if part == "volatile" else ""


def _write(write: Insert | Update | Delete) -> str:
    kind = type(write.record) if isinstance(write, Insert) else write.kind
    return f"{type(write).__name__}:{kind.__name__}"


@pytest.fixture
def citizens(house: House) -> House:
    """One that signs in, one that is suspended."""
    house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    house.citizen("zhang.min", "zhangmin@example.cn", claims={}, password=PASSWORD)
    staff.set_status(house.parts, "zhang.min", "disabled", "requested", now=house.clock())
    for _ in range(
        2
    ):  # nobody's key and the month's are made at the very first failure; a process asks for the month's every two seconds
        Person(house).sign_in("first.ever")
    house.parts.vault.passing(house.clock())  # the day's at its first code
    return house


def at(house: House, path: str) -> Person:
    person = Person(house)
    person.get(path)
    return person


@pytest.mark.attack("A105")
def test_a_refused_sign_in(citizens: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong password, unknown name, suspended account, right and wrong password: one and the same work (OWASP ASVS 6.3.8)."""
    work, seen = Work(citizens, monkeypatch), list[tuple[list[str], int]]()
    for name, password in (
        ("li.wei", "some wrong password"),
        ("no.wei", "some wrong password"),
        ("no.wei@example.cn", "some wrong password"),
        ("zhang.min", "some wrong password"),
        ("zhang.min", PASSWORD),
    ):
        person = at(citizens, "/sign-in")
        done = work.of(lambda who=person, name=name, secret=password: who.submit(username=name, password=secret))  # type: ignore[misc]
        assert person.page.status_code == 422
        seen.append((done, len(person.page.data) - len(name)))
    assert [call for call in seen[0][0] if call.startswith("hasher")] == ["hasher.verify"]
    assert all(other == seen[0] for other in seen[1:]), differences(seen)


@pytest.mark.attack("A105")
@pytest.mark.parametrize("path", ["/forgot", "/sign-up"])
def test_a_code_that_is_asked_for(citizens: House, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """A reset and a sign-up do the same for an address that somebody has and for one that nobody has (OWASP ASVS 6.3.8)."""
    work, seen = Work(citizens, monkeypatch), list[tuple[list[str], int]]()
    for address in ("li.wei@example.cn", "lost.it@example.cn", "zhangmin@example.cn"):
        person = at(citizens, path)
        done = work.of(lambda who=person, address=address: who.submit(identifier=address))  # type: ignore[misc]
        assert person.page.status_code == 200
        seen.append((done, len(person.page.data)))
        guess = work.of(lambda who=person: who.submit(code="00000000"))  # type: ignore[misc]
        seen[-1] = (done + guess, seen[-1][1] + len(person.page.data))
    assert all(other == seen[0] for other in seen[1:]), differences(seen)


def differences(seen: list[tuple[list[str], int]]) -> str:
    first = seen[0]
    return (
        "\n".join(
            f"{n}: {sorted(set(first[0]) ^ set(other[0]))} {len(first[0])}/{len(other[0])} {first[1]}/{other[1]}"
            for n, other in enumerate(seen)
            if other != first
        )
        + "\n"
        + "\n".join(first[0])
    )
