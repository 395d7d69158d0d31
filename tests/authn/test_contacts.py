"""What an account's e-mail addresses and phone numbers may become, and what services are told of them."""

from typing import Any

import pytest

from idp.authn import contacts as law
from idp.authn.contacts import MOST, Contact, Told
from idp.authn.identifiers import Identifier, canonical

NAME = canonical("li.wei")
OLD, NEW, OTHER = (canonical(f"{one}@example.cn") for one in ("old", "new", "other"))
PHONE, PHONE_2 = canonical("13800138000"), canonical("13900139000")
FULL = [Contact(canonical(f"a{n}@example.cn"), True) for n in range(MOST)]


def have(*names: Identifier, unconfirmed: tuple[Identifier, ...] = ()) -> list[Contact]:
    return [Contact(name, True) for name in names] + [Contact(name, False) for name in unconfirmed]


@pytest.mark.parametrize(
    ("held", "added", "removed", "why"),
    [
        (have(OLD), NEW, None, None),
        (have(OLD), PHONE, None, None),
        (have(NAME), NEW, None, None),
        (have(OLD), OLD, None, "contact_own"),
        (have(OLD, PHONE), OLD, PHONE, "contact_own"),
        (have(OLD), OLD, OLD, "contact_own"),
        (have(unconfirmed=(OLD,)), OLD, None, None),
        (have(unconfirmed=(OLD,)), OLD, OLD, None),
        (have(OLD), NAME, None, "identifier_invalid"),
        (FULL, NEW, None, "contact_many"),
        (FULL, NEW, FULL[3].name, None),
        (FULL + have(NAME), NEW, FULL[3].name, None),
        (have(OLD), NEW, OLD, None),
        (have(OLD), PHONE, OLD, None),
        (have(OLD, PHONE), None, OLD, None),
        (have(OLD, OTHER), None, OLD, None),
        (have(OLD), None, OLD, "contact_last"),
        (have(OLD, NAME), None, OLD, "contact_last"),
        (have(OLD, unconfirmed=(OTHER,)), None, OLD, "contact_last"),
        (have(OLD, unconfirmed=(OTHER,)), None, OTHER, None),
        (have(NAME, unconfirmed=(OTHER,)), None, OTHER, None),
        (have(unconfirmed=(OTHER,)), None, OTHER, "contact_last"),
    ],
)
def test_what_may_change(
    held: list[Contact], added: Identifier | None, removed: Identifier | None, why: str | None
) -> None:
    """The last confirmed address never goes without another in its place."""
    assert law.refusal(held, added, removed) == why


@pytest.mark.parametrize(
    ("held", "added", "removed", "left", "how"),
    [
        (have(OLD), NEW, None, have(OLD, NEW), "added"),
        (have(OLD, PHONE), NEW, OLD, have(PHONE, NEW), "replaced"),
        (have(OLD, PHONE), None, OLD, have(PHONE), "removed"),
        (have(PHONE, unconfirmed=(OLD,)), OLD, None, have(PHONE, OLD), "confirmed"),
        (have(unconfirmed=(OLD,)), OLD, OLD, have(OLD), "confirmed"),
        (have(PHONE, unconfirmed=(OLD,)), OLD, PHONE, have(OLD), "replaced"),
    ],
)
def test_what_is_left(
    held: list[Contact], added: Identifier | None, removed: Identifier | None, left: list[Contact], how: str
) -> None:
    assert law.after(held, added, removed) == left
    assert law.how(held, added, removed) == how


@pytest.mark.parametrize(
    ("kind", "value", "left", "added", "removed", "told"),
    [
        ("email", None, have(NEW), NEW, None, Told("new@example.cn")),
        ("phone", None, have(NEW), NEW, None, None),
        ("phone", None, have(PHONE), PHONE, OLD, Told("+8613800138000")),
        ("email", "old@example.cn", have(OLD, NEW), NEW, None, None),
        ("email", "old@example.cn", have(NEW), NEW, OLD, Told("new@example.cn")),
        ("email", "Old@Example.CN", have(NEW), NEW, OLD, Told("new@example.cn")),
        ("email", "old@example.cn", have(OTHER, PHONE), PHONE, OLD, Told("other@example.cn")),
        ("email", "old@example.cn", have(OTHER), None, OLD, Told("other@example.cn")),
        ("email", "old@example.cn", have(PHONE, unconfirmed=(OTHER,)), None, OLD, Told(None)),
        ("email", "old@example.cn", have(PHONE), PHONE, OLD, Told(None)),
        ("phone", "+8613800138000", have(PHONE, PHONE_2), PHONE_2, None, None),
        ("phone", "+86 138 0013 8000", have(PHONE_2), PHONE_2, PHONE, Told("+8613900139000")),
        ("email", "office@example.cn", have(NEW), NEW, OLD, None),
        ("email", "new@example.cn", have(OLD, NEW), NEW, None, Told("new@example.cn")),
        ("email", "not an address", have(NEW), NEW, OLD, None),
        ("email", ["old@example.cn"], have(NEW), NEW, OLD, None),
    ],
)
def test_what_services_are_told(
    kind: str, value: Any, left: list[Contact], added: Identifier | None, removed: Identifier | None, told: Told | None
) -> None:
    """The claim follows the account where it told what the account had, and nowhere else (OIDC Core §5.1)."""
    assert law.told(kind, value, left, added, removed) == told
