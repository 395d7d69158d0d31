"""The public directory of service items: what each service asks of a citizen, why, and for how long; for people and for programs."""

from collections.abc import Iterable
from typing import Any

from flask import Blueprint, Response
from flask_babel import force_locale

from idp.flows import catalogue
from idp.parts import Parts
from idp.ports import Op
from idp.protocol.scopes import SERVICE
from idp.records import Department
from idp.release.model import AttributeKind, Need, ServiceItem
from idp.web.pages.catalogue_words import kept, spoken
from idp.web.pages.common import current, language, page, problem_page
from idp.web.pages.public import json_of, varied, wants_json
from idp.web.theme import locale_name

PATH = "/services"
PAGE = 50


def blueprint(parts: Parts) -> Blueprint:
    """``/services`` and ``/services/<code>``; JSON by ``Accept`` or by the ending ``.json``."""
    pages = Blueprint("directory", __name__)

    @pages.get(PATH)
    def listed() -> Response:
        return _listed(parts, as_json=wants_json())

    @pages.get(PATH + ".json")
    def listed_json() -> Response:
        return _listed(parts, as_json=True)

    @pages.get(PATH + "/<code>")
    def one(code: str) -> Response:
        name = code.removesuffix(".json")
        item = parts.catalogue.item(name)
        if item is None:
            return problem_page("not_found", 404)
        if code != name or wants_json():
            return json_of(_document(parts, item, _departments(parts, [item])))
        lang = language()
        return varied(page("directory_item.html", item=_view(parts, item, _departments(parts, [item]), lang)))

    return pages


def _listed(parts: Parts, *, as_json: bool) -> Response:
    found = catalogue.published(parts, after=current().query.one("after") or "", limit=PAGE + 1)
    items, more = found[:PAGE], len(found) > PAGE
    departments = _departments(parts, items)
    if as_json:
        following = f"{PATH}.json?after={items[-1].code}" if more else None
        return json_of({"items": [_document(parts, item, departments) for item in items], "next": following})
    lang = language()
    listed = [_view(parts, item, departments, lang) for item in items]
    following = f"{PATH}?after={items[-1].code}" if more else None
    return varied(page("directory.html", items=listed, next=following))


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
