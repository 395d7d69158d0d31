"""How a line of the history is written for people and for files."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from flask_babel import force_locale

from idp.flows.history import Line
from idp.flows.log_unsequenced import Gap
from idp.flows.objections import opened, readings
from idp.flows.people import Person
from idp.parts import Parts
from idp.records import Department, Objection
from idp.release.model import Texts
from idp.release.receipts import Purpose
from idp.release.told import GIVEN, RELEASED, SEEN
from idp.web.pages.catalogue_words import spoken
from idp.web.pages.common import parts_of_app, service_view
from idp.web.theme import day_begins, instant_iso, locale_name
from idp.web.wording import (
    CLAIMS,
    IN_LOG,
    LASTS,
    OBJECTION_KINDS,
    OBJECTION_OUTCOMES,
    REVEAL_FIELDS,
    REVEAL_REASONS,
    STAFF,
    TOLD_BY_LAW,
    TOLD_HEADS,
    TOLD_KINDS,
    TOLD_REASONS,
    TOLD_WAYS,
)

DAY_US = 86_400_000_000


def attribute_name(name: str, lang: str) -> str:
    """An attribute, by code or claim, in words; itself when nobody has any."""
    if (known := CLAIMS.get(name) or REVEAL_FIELDS.get(name)) is not None:
        with force_locale(locale_name(lang)):
            return str(known)
    catalogue = parts_of_app().catalogue
    kind = catalogue.kind(name) or next((k for k in catalogue.all_kinds().values() if k.claim == name), None)
    return (spoken(kind.names, lang) if kind else "") or name


def in_order(names: Iterable[str]) -> list[str]:
    """Standard claims first and as OIDC Core §5.1 lists them: a consent keeps them by the alphabet of programs."""
    order = {name: at for at, name in enumerate(CLAIMS)}
    return sorted(names, key=lambda name: order.get(name, len(order)))


def names_in_order(line: Line) -> list[str]:
    """Every attribute of a line."""
    return in_order(line.told.names)


def view(line: Line, lang: str) -> dict[str, Any]:
    """What the templates show of a line."""
    service = service_view(line.client, lang) or {"name": "", "department": "", "logo_url": None}
    other = service_view(line.other, lang) or {"name": line.told.to_client}
    lawful = {claim for purpose in line.purposes if purpose.basis == "statutory" for claim in purpose.claims}
    names = names_in_order(line)
    with force_locale(locale_name(lang)):
        return {
            "handle": line.reference,
            "kind": line.told.kind,
            "title": str(TOLD_KINDS[line.told.kind]),
            "at": line.told.at,
            "service": str(STAFF) if line.told.kind == SEEN else service["name"],
            "department": service["department"],
            "other": other["name"],
            "items": [title for title in dict.fromkeys(_title(purpose, lang) for purpose in line.purposes) if title],
            "attributes": [attribute_name(claim, lang) for claim in names],
            "chosen": [attribute_name(claim, lang) for claim in names if claim not in lawful],
            "lawful": [attribute_name(claim, lang) for claim in names if claim in lawful],
            "verified": [attribute_name(claim, lang) for claim in line.told.verified],
            "way": str(TOLD_WAYS[line.told.via]) if line.told.via in TOLD_WAYS else "",
            "why": _why(line),
            "laws": [law for law in dict.fromkeys(_text(p.citation or {}, lang) for p in line.purposes) if law],
            "lasts": str(LASTS.get(line.told.lasts, "")),
            "until": line.told.until if line.told.lasts == "year" else 0,
            "case": line.objection.state if line.objection else "",
            "words": line.words,
            "receipt": line.told.kind != SEEN,
            "waits": line.waits,
            "in_log": str(IN_LOG[not line.waits]),
        }


def _why(line: Line) -> str:
    """By the bases of what was told; a decision of the citizen speaks for itself."""
    if line.told.kind == SEEN:
        return str(REVEAL_REASONS.get(line.told.reason, ""))
    by_law = {purpose.basis == "statutory" for purpose in line.purposes if purpose.claims}
    if line.told.kind in (RELEASED, GIVEN) and True in by_law:
        return str(TOLD_BY_LAW[by_law == {True}])
    return str(TOLD_REASONS[line.told.kind])


def _title(purpose: Purpose, lang: str) -> str:
    return _text(purpose.item_titles or {}, lang) or purpose.item


def _text(texts: Texts, lang: str) -> str:
    return texts.get("en" if lang == "en" else "zh", "")


def case_view(parts: Parts, person: Person, row: Objection) -> dict[str, Any]:
    """A case as its citizen sees it: their words, when staff read them, and the answer once there is one."""
    case = opened(person.citizen, row)
    return {
        "kind": OBJECTION_KINDS[row.kind],
        "open": row.closed_at is None,
        "since": row.created_at,
        "closed": row.closed_at,
        "words": case.words if case else "",
        "read": readings(parts, person.citizen, row),
        "outcome": OBJECTION_OUTCOMES[case.outcome] if case and case.outcome else "",
        "answer": case.answer if case else "",
    }


def heads(lang: str) -> list[str]:
    """The first line of a table file."""
    with force_locale(locale_name(lang)):
        return [str(text) for text in TOLD_HEADS]


def row(line: Line, lang: str) -> list[str]:
    """The cells of a line, in the order of :func:`heads`."""
    seen = view(line, lang)
    parted = "、" if lang == "zh-Hans" else ", "
    return [
        instant_iso(seen["at"]),
        seen["title"],
        seen["department"],
        seen["service"],
        parted.join(seen["items"]),
        parted.join(seen["attributes"]),
        seen["why"],
        seen["way"],
        seen["in_log"],
    ]


def document(parts: Parts, line: Line, lang: str) -> dict[str, Any]:
    """A line as JSON: names that programs know beside words that people read."""
    seen = view(line, lang)
    department = parts.store.one(Department, id=line.client.department_id) if line.client else None
    return {
        "time": instant_iso(seen["at"]),
        "kind": line.told.kind,
        "what": seen["title"],
        "client_id": line.told.client_id,
        "service": seen["service"],
        "department": seen["department"],
        "with": line.told.to_client or None,
        "credit_code": department.credit_code if department else None,
        "items": [{"code": item.code, "version": item.version} for item in line.told.items],
        "attributes": [
            {"claim": c, "name": n, **({"verified": True} if c in line.told.verified else {})}
            for c, n in zip(names_in_order(line), seen["attributes"], strict=True)
        ],
        "why": seen["why"],
        "words": line.words or None,
        "way": line.told.via or None,
        "lasts": line.told.lasts or None,
        "until": instant_iso(line.told.until) if seen["until"] else None,
        "objection": seen["case"] or None,
        **({"in_log": False} if line.waits else {}),
    }


def lacking(gap: Gap | None, altered: int) -> dict[str, Any]:
    """What a file says it lacks: nothing, or the time that could not be looked through, and how many entries are not as they were written."""
    missing = {"since": instant_iso(gap[0]), "until": instant_iso(gap[1])} if gap else {}
    return {**({"missing": missing} if missing else {}), **({"altered": altered} if altered else {})}


def span(since: str, until: str) -> tuple[int | None, int | None, dict[str, str]]:
    """Two days as typed, the second included: microseconds from and before, and what is wrong: field → key of the wording."""
    errors: dict[str, str] = {}
    found: list[int | None] = []
    for name, text in (("from", since), ("to", until)):
        try:
            found.append(day_begins(date.fromisoformat(text)) if text else None)
        except (ValueError, OverflowError):
            errors[name] = "date_invalid"
            found.append(None)
    first, last = found
    return first, None if last is None else last + DAY_US, errors
