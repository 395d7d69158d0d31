"""Events in the words of others: JSON lines, OCSF 1.8, Elastic Common Schema, CEF. Pure: a head in, one line out.

Every line holds the event's id, index and entry, so that whoever receives it can ask for the proof. Persons appear by pseudonym.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from idp.records import Event

PRODUCT, VENDOR, VERSION = "Yimen", "Yimen", "1"
_KNOWN = frozenset(("v", "id", "at", "kind", "person", "actor", "client_id", "reference"))
Head = Mapping[str, Any]

SEVERE = frozenset(("code.replayed", "code.misused", "token.refresh_replayed", "audit.alarmed"))
"""Kinds that somebody should look at."""
FAILURES = SEVERE | {"session.refused", "session.throttled", "authorization.refused", "consent.denied", "token.refused"}
"""Kinds that tell of something that was refused."""


def line(format_: str, index: int, event: Event) -> str:
    """One event in a format of ``FORMATS``, without a line break. One whose head was spoilt is told as such: it holds nobody up."""
    try:
        head: Head = msgspec.json.decode(event.head, type=dict[str, Any])
    except (ValueError, TypeError):
        head = {"id": event.id.hex(), "at": event.at, "kind": event.kind, "spoilt": True}
    return FORMATS[format_](index, event, head)


def _json(index: int, event: Event, head: Head) -> str:
    return _text({**head, "index": index, "entry": event.entry.hex()})


# OCSF 1.8: class, activity; the class's number begins with its category's --------------------------------------------------------

_AUTHENTICATION, _ACCOUNT, _ENTITY, _API, _FINDING = 3002, 3001, 3004, 6003, 2004
_OCSF: Mapping[str, tuple[int, int]] = {
    "session.started": (_AUTHENTICATION, 1),
    "session.refused": (_AUTHENTICATION, 1),
    "session.throttled": (_AUTHENTICATION, 1),
    "session.stepped_up": (_AUTHENTICATION, 1),
    "session.ended": (_AUTHENTICATION, 2),
    "account.created": (_ACCOUNT, 1),
    "account.password_changed": (_ACCOUNT, 3),
    "account.factor_enrolled": (_ACCOUNT, 10),
    "account.factor_removed": (_ACCOUNT, 11),
    "account.factor_always": (_ACCOUNT, 99),
    "account.factor_eased": (_ACCOUNT, 99),
    "account.contact_changed": (_ACCOUNT, 99),
    "client.registered": (_ENTITY, 1),
    "client.changed": (_ENTITY, 3),
    "client.removed": (_ENTITY, 4),
    "client.secret_replaced": (_ENTITY, 3),
    "department.added": (_ENTITY, 1),
    "attributes.released": (_API, 2),
    "audit.exported": (_API, 2),
    "audit.alarmed": (_FINDING, 1),
}
_OTHER = 99


def _ocsf(index: int, event: Event, head: Head) -> str:
    class_, activity = _OCSF.get(event.kind, (_API, _OTHER))
    failed = event.kind in FAILURES
    told: dict[str, Any] = {
        "category_uid": class_ // 1000,
        "class_uid": class_,
        "activity_id": activity,
        "type_uid": class_ * 100 + activity,
        "time": event.at // 1000,
        "severity_id": 4 if event.kind in SEVERE else 2 if failed else 1,
        "status_id": 2 if failed else 1,
        "message": event.kind,
        "metadata": {
            "version": "1.8.0",
            "uid": event.id.hex(),
            "sequence": index,
            "event_code": event.kind,
            "product": {"name": PRODUCT, "vendor_name": VENDOR},
        },
        "unmapped": {**_rest(head), "entry": event.entry.hex()},
    }
    if activity == _OTHER:
        told["activity_name"] = event.kind
    person, client = {"uid": head.get("person") or "none"}, event.client_id
    told["actor"] = {"user": {"uid": head.get("actor") or head.get("person") or "none"}}
    if client:
        told["actor"]["app_uid"] = client
    if class_ in (_AUTHENTICATION, _ACCOUNT):
        told["user"] = person
    if class_ == _AUTHENTICATION and head.get("session"):
        told["session"] = {"uid": head["session"]}
    if class_ == _ENTITY:
        told["entity"] = {"uid": client or str(head.get("department") or "none"), "type": event.kind.partition(".")[0]}
    if class_ == _API:
        told["api"] = {"operation": event.kind}
        told["src_endpoint"] = {"uid": client or "none"}
    if class_ == _FINDING:
        told["finding_info"] = {"uid": event.id.hex(), "title": event.kind}
    return _text(told)


_ECS_CATEGORY = {"session": "session", "account": "iam", "client": "iam", "department": "iam", "key": "configuration"}


def _ecs(index: int, event: Event, head: Head) -> str:
    group, _, action = event.kind.partition(".")
    told: dict[str, Any] = {
        "@timestamp": instant(event.at),
        "ecs": {"version": "8.17.0"},
        "event": {
            "id": event.id.hex(),
            "kind": "alert" if event.kind == "audit.alarmed" else "event",
            "category": ["authentication" if group == "session" else _ECS_CATEGORY.get(group, "api")],
            "type": ["denied" if event.kind in FAILURES else "start" if action == "started" else "info"],
            "action": event.kind,
            "outcome": "failure" if event.kind in FAILURES else "success",
            "sequence": index,
            "provider": PRODUCT.lower(),
            "hash": event.entry.hex(),
        },
        "labels": {name: str(value) for name, value in _rest(head).items()},
    }
    if head.get("person"):
        told["user"] = {"target": {"id": head["person"]}} if head.get("actor") else {"id": head["person"]}
    if head.get("actor"):
        told.setdefault("user", {})["id"] = head["actor"]
    if event.client_id:
        told["service"] = {"id": event.client_id}
    if head.get("reference"):
        told["trace"] = {"id": head["reference"]}
    return _text(told)


def _cef(index: int, event: Event, head: Head) -> str:
    """CEF:0; ``|`` and ``\\`` are escaped in the header, ``=`` and ``\\`` in the extension, line breaks in both."""
    severity = 8 if event.kind in SEVERE else 5 if event.kind in FAILURES else 2
    front = "|".join(_cef_header(text) for text in (VENDOR, PRODUCT, VERSION, event.kind, event.kind, str(severity)))
    pairs: dict[str, Any] = {
        "rt": event.at // 1000,
        "externalId": event.id.hex(),
        "outcome": "failure" if event.kind in FAILURES else "success",
        "suid": head.get("actor") or head.get("person"),
        "duid": head.get("person"),
        "dvchost": None,
        "sourceServiceName": event.client_id,
        "cn1": index,
        "cn1Label": "index",
        "cs1": event.entry.hex(),
        "cs1Label": "entry",
        "cs2": head.get("reference"),
        "cs2Label": "reference" if head.get("reference") else None,
        "msg": " ".join(f"{name}={value}" for name, value in _rest(head).items()) or None,
    }
    extension = " ".join(f"{name}={_cef_value(str(value))}" for name, value in pairs.items() if value is not None)
    return f"CEF:0|{front}|{extension}"


def _rest(head: Head) -> dict[str, Any]:
    """What is special to the kind."""
    return {name: value for name, value in head.items() if name not in _KNOWN and value not in (None, "")}


def _cef_header(text: str) -> str:
    return _one_line(text.replace("\\", "\\\\").replace("|", "\\|"))


def _cef_value(text: str) -> str:
    return _one_line(text.replace("\\", "\\\\").replace("=", "\\="))


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else "\\n" if c == "\n" else "\\r" if c == "\r" else "?" for c in text)


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def instant(at: int) -> str:
    """RFC 3339 in UTC."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at / 1_000_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


FORMATS: Mapping[str, Callable[[int, Event, Head], str]] = {"json": _json, "ocsf": _ocsf, "ecs": _ecs, "cef": _cef}
