"""The public directory of service items: what each service asks of a citizen, why, and for how long; for people and for programs."""

from collections.abc import Iterable
from typing import Any

import msgspec
from flask import Blueprint, Response, request
from flask_babel import force_locale

from idp.flows import catalogue
from idp.flows.discovery import published
from idp.parts import Parts
from idp.ports import Op
from idp.protocol.scopes import SERVICE
from idp.records import Department
from idp.release.model import AttributeKind, Need, ServiceItem
from idp.web.pages.catalogue_words import kept, spoken
from idp.web.pages.common import current, language, page, problem_page
from idp.web.theme import locale_name

PATH = "/services"
PAGE = 50
AGE_S = 300
JSON = "application/json"


def blueprint(parts: Parts) -> Blueprint:
    """``/services`` and ``/services/<code>``; JSON by ``Accept`` or by the ending ``.json``."""
    pages = Blueprint("directory", __name__)

    @pages.get(PATH)
    def listed() -> Response:
        return _listed(parts, as_json=_wants_json())

    @pages.get(PATH + ".json")
    def listed_json() -> Response:
        return _listed(parts, as_json=True)

    @pages.get(PATH + "/<code>")
    def one(code: str) -> Response:
        name = code.removesuffix(".json")
        item = parts.catalogue.item(name)
        if item is None:
            return problem_page("not_found", 404)
        if code != name or _wants_json():
            return _json(_document(parts, item, _departments(parts, [item])))
        lang = language()
        return _varied(page("directory_item.html", item=_view(parts, item, _departments(parts, [item]), lang)))

    return pages


def _listed(parts: Parts, *, as_json: bool) -> Response:
    found = catalogue.published(parts, after=current().query.one("after") or "", limit=PAGE + 1)
    items, more = found[:PAGE], len(found) > PAGE
    departments = _departments(parts, items)
    if as_json:
        following = f"{PATH}.json?after={items[-1].code}" if more else None
        return _json({"items": [_document(parts, item, departments) for item in items], "next": following})
    lang = language()
    listed = [_view(parts, item, departments, lang) for item in items]
    following = f"{PATH}?after={items[-1].code}" if more else None
    return _varied(page("directory.html", items=listed, next=following))


def _wants_json() -> bool:
    """Whether the caller would rather have JSON (RFC 9110 §12.5.1); a browser would not."""
    best = request.accept_mimetypes.best_match(("text/html", JSON), default="text/html")
    return best == JSON


def _json(document: dict[str, Any]) -> Response:
    found = published(msgspec.json.encode(document))
    asked = current().header("If-None-Match")
    if asked is not None and found.etag in {tag.strip().removeprefix("W/") for tag in asked.split(",")}:
        answer = Response(status=304)  # RFC 9110 §15.4.5
    else:
        answer = Response(found.body, content_type=JSON)
    answer.headers["ETag"] = found.etag
    answer.headers["Cache-Control"] = f"public, max-age={AGE_S}"
    answer.headers["X-Yimen-Class"] = "public"
    return _varied(answer)


def _varied(answer: Response) -> Response:
    answer.headers["Vary"] = "Accept, Accept-Language, Cookie"
    return answer


def _departments(parts: Parts, items: Iterable[ServiceItem]) -> dict[str, Department]:
    ids = tuple({item.department_id for item in items})
    return {row.id: row for row in parts.store.find(Department, {"id": Op("in", ids)})} if ids else {}


def _document(parts: Parts, item: ServiceItem, departments: dict[str, Department]) -> dict[str, Any]:
    office = departments[item.department_id]
    return {
        "code": item.code,
        "version": item.version,
        "scope": SERVICE + item.code,
        "department": {
            "id": office.id,
            "names": {"zh": office.name_zh, "en": office.name_en},
            "credit_code": office.credit_code,
            "region": office.region,
        },
        "titles": item.titles,
        "purposes": item.purposes,
        "retention_days": item.retention_days,
        "attributes": [_need(need, parts.catalogue.kind(need.attribute)) for need in item.needs],
    }


def _need(need: Need, kind: AttributeKind | None) -> dict[str, Any]:
    return {
        "code": need.attribute,
        "claim": kind.claim if kind else need.attribute,
        "names": kind.names if kind else {},
        "essential": need.essential,
        "basis": need.basis,
        "citation": need.citation,
        "sensitive": kind is not None and kind.sensitive,
    }


def _view(parts: Parts, item: ServiceItem, departments: dict[str, Department], lang: str) -> dict[str, Any]:
    office, kinds = departments[item.department_id], parts.catalogue.kinds(need.attribute for need in item.needs)
    rows = [
        {
            "label": spoken(kinds[need.attribute].names, lang) if need.attribute in kinds else need.attribute,
            "why": spoken(kinds[need.attribute].explanations, lang) if need.attribute in kinds else "",
            "essential": need.essential,
            "statutory": need.basis == "statutory",
            "citation": spoken(need.citation, lang),
        }
        for need in item.needs
    ]
    with force_locale(locale_name(lang)):
        length = kept(item.retention_days)
    return {
        "code": item.code,
        "version": item.version,
        "href": f"{PATH}/{item.code}",
        "title": spoken(item.titles, lang),
        "purpose": spoken(item.purposes, lang),
        "department": office.name_en if lang == "en" else office.name_zh,
        "kept": length,
        "rows": rows,
    }
