"""A search as the text of an alert rule: what is looked for, with a threshold, a window and a grouping to be changed by hand. Pure."""

from collections.abc import Sequence
from typing import Final

import msgspec

from idp.audit.search import Query, kinds

FIELDS: Final = {
    "client": "client_id",
    "person": "person",
    "staff": "actor",
    "session": "session",
    "grant": "grant",
    "reference": "reference",
    "item": "item",
    "department": "department",
}
"""Conditions of a search that are fields of an event's head."""
COUNT, WITHIN_S = 10, 600


def rule_text(name: str, query: Query, known: Sequence[str]) -> str:
    """TOML of one rule, ready for the file of ``IDP_LOG_ALERTS``. ``known``: every kind; rules watch those that tell of no alert."""
    watched = [kind for kind in kinds(query, known) or known if not kind.startswith("alert.")]
    where = {field: value for condition, field in FIELDS.items() if (value := getattr(query, condition))}
    group = next((field for field in ("client_id", "person") if field not in where), "person")
    lines = [
        f"[{_text(name)}]",
        f"about = {_text(name)}",
        f"kind = [{', '.join(_text(kind) for kind in watched)}]",
        *(
            [f"where = {{ {', '.join(f'{field} = {_text(value)}' for field, value in where.items())} }}"]
            if where
            else []
        ),
        *([f"# which data was told ({_text(query.data)}) is no condition of a rule"] if query.data else []),
        f"count = {COUNT}",
        f"within = {WITHIN_S}",
        f'group = ["{group}"]',
        'severity = "medium"',
    ]
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    """A basic string of TOML: JSON's escapes are among its own, and DEL is printable to none of them."""
    return msgspec.json.encode(value.replace("\x7f", "")).decode()
