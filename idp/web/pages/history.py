"""*Who saw my data*: the list with its filter and files, one line with its case, and the objection."""

from typing import Any
from urllib.parse import urlencode

import msgspec
from flask import Blueprint, Response

from idp.audit.rights import CopyTaken
from idp.errors import Unavailable
from idp.flows import history as flow
from idp.flows import objections, service_names
from idp.flows.history import Asked, Unknown
from idp.flows.people import Person, event
from idp.parts import Parts
from idp.ports import Committed
from idp.records import Session
from idp.release.told import table
from idp.web.pages.account import View, frame, own_form, own_page
from idp.web.pages.common import current, language, problem_page, see_other
from idp.web.pages.telling import case_view, document, heads, lacking, row, span, view
from idp.web.pages.visit import Visit, field, show

PATH = "/account/history"
FILTER = ("service", "from", "to")


def blueprint(parts: Parts) -> Blueprint:
    """``/account/history`` and ``/account/history/<line>``."""
    pages = Blueprint("history", __name__)

    @pages.get(PATH)
    def lines() -> Response:
        return known(lambda: own_page(parts, _lines))

    @pages.post(PATH)
    def choose() -> Response:
        return known(lambda: own_form(parts, PATH, _choose))

    @pages.get(f"{PATH}/<reference>")
    def line(reference: str) -> Response:
        return known(lambda: own_page(parts, _line(reference)))

    @pages.post(f"{PATH}/<reference>")
    def object_(reference: str) -> Response:
        return known(lambda: own_form(parts, f"{PATH}/*", _object(reference)))

    return pages


def known(answer: Any) -> Response:
    """What is nobody's, another's or altered is not found (CWE-639)."""
    try:
        response: Response = answer()
    except Unknown:
        return problem_page("not_found", 404)
    return response


def _lines(here: Visit, person: Person, session: Session) -> Response:
    query = current().query
    chosen = {name: query.one(name) or "" for name in FILTER}
    since, until, errors = span(chosen["from"], chosen["to"])
    asked = Asked(chosen["service"], since, until, query.one("after") or "")
    lang = language(None, person.account.locale)
    found = flow.page(here.parts, person, asked)
    kept = {name: value for name, value in chosen.items() if value}
    shown = kept | ({"after": asked.after} if asked.after else {})
    return show(
        here,
        "history.html",
        status=422 if errors else 200,
        errors=errors,
        lines=[view(line, lang) for line in found.lines],
        services=[(own, service_names.named(here.parts, client, lang).name) for own, client in flow.services(here.parts, person)],
        values=chosen,
        filtered=bool(kept),
        first=not asked.after,
        gap=found.gap,
        altered=found.altered,
        more=f"{PATH}?{urlencode({**kept, 'after': found.after})}" if found.after else "",
        **frame(here, person, session, PATH) | {"own": here.path(PATH, **shown)},
    )  # fmt: skip


def _choose(here: Visit, person: Person, session: Session) -> Response:
    """The filter as a link of its own, or a file of what it lets through."""
    del session
    chosen = {name: value for name in FILTER if (value := field(name))}
    form = field("file")
    if form not in ("csv", "json"):
        return see_other(f"{PATH}?{urlencode(chosen)}" if chosen else PATH)
    since, until, errors = span(field("from"), field("to"))
    if errors:
        return see_other(f"{PATH}?{urlencode(chosen)}")
    fact = CopyTaken(what="history", form=form, reference=here.caller.reference)
    page = flow.page(here.parts, person, Asked(field("service"), since, until), flow.FILE)
    told = event(here.parts, here.caller, fact, person.citizen, address=True)
    if not isinstance(here.parts.store.commit([told]), Committed):
        raise Unavailable("event log")
    return _file(here, person, page, form)


def _file(here: Visit, person: Person, page: flow.Page, form: str) -> Response:
    lang = language(None, person.account.locale)
    if form == "csv":
        body = table(heads(lang), (row(line, lang) for line in page.lines))
        return download(body, "text/csv; charset=utf-8", "history.csv")
    lines = [document(here.parts, line, lang) for line in page.lines]
    whole = {"issuer": here.parts.config.issuer, "lines": lines, "complete": not page.after and page.gap is None}
    whole |= lacking(page.gap, page.altered)
    return download(msgspec.json.format(msgspec.json.encode(whole), indent=1), "application/json", "history.json")


def download(body: bytes, kind: str, name: str) -> Response:
    """A file for the citizen, kept by no cache."""
    answer = Response(body, content_type=kind)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers["X-Yimen-Class"] = "json"
    return answer


def _line(reference: str) -> View:
    def shown(here: Visit, person: Person, session: Session) -> Response:
        return one(here, person, session, reference, {})

    return shown


def one(
    here: Visit, person: Person, session: Session, reference: str, errors: dict[str, str], status: int = 200
) -> Response:
    """The page of one line, with its case or the form that opens one."""
    found = flow.line(here.parts, person, reference)
    lang = language(None, person.account.locale)
    common = frame(here, person, session, f"{PATH}/{reference}")
    common["hidden"] = here.hidden(f"{PATH}/*", session.token_hash)
    return show(
        here,
        "history_line.html",
        status=status,
        errors=errors,
        line=view(found, lang),
        case=case_view(here.parts, person, found.objection) if found.objection else None,
        values={"kind": field("kind"), "words": field("words")} if errors else {},
        **common,
    )


def _object(reference: str) -> View:
    def opened(here: Visit, person: Person, session: Session) -> Response:
        about = flow.line(here.parts, person, reference)
        kind, words = field("kind"), field("words")
        errors = objections.problem(kind, words)
        if errors:
            return one(here, person, session, reference, errors, 422)
        objections.open_case(here.parts, here.caller, person, about, kind, words)
        return see_other(f"{PATH}/{reference}")

    return opened
