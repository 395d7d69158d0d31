"""Who may open which route of the console: one table. What is not in it is for auditors alone, whatever is added later."""

from collections.abc import Mapping
from typing import Final

from idp.flows.people import Person

AUDITOR: Final = "auditor"
APPROVER: Final = "approver"
OPERATOR: Final = "operator"
ALONE: Final = frozenset({AUDITOR})
WATCHED: Final = frozenset({AUDITOR, OPERATOR})
"""How the house does, without a person: whoever runs it sees it too."""

RIGHTS: Final[Mapping[tuple[str, str], frozenset[str]]] = {
    ("GET", "/console/log"): WATCHED,
    ("GET", "/console/rules"): WATCHED,
    ("GET", "/console/rules/<name>"): WATCHED,
    ("GET", "/console/approvals"): frozenset({AUDITOR, APPROVER}),
    ("POST", "/console/approvals"): frozenset({APPROVER}),
}
HOMES: Final = (("auditor", "/console"), ("approver", "/console/approvals"), ("operator", "/console/log"))
"""Role → where its day begins; the first that somebody has."""


def may(person: Person, method: str, rule: str) -> bool:
    """Whether one of the person's roles opens a route."""
    return not RIGHTS.get((method, rule), ALONE).isdisjoint(person.account.roles.split())


def home(person: Person) -> str:
    """Where the console begins for somebody; empty for whoever has no role."""
    return next((path for role, path in HOMES if role in person.account.roles.split()), "")


def led_on(person: Person, method: str, rule: str) -> str:
    """Where the front door leads staff who may not read the overview; empty at any other door."""
    return home(person) if (method, rule) == ("GET", "/console") and not may(person, method, rule) else ""
