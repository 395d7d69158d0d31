"""Taking a copy of everything, and deleting the account: both for whom all proofs are recent alone."""

from typing import Any

import msgspec
from flask import Blueprint, Response
from flask_babel import LazyString

from idp.flows import copies, erasure, history, sessions
from idp.flows.people import Person, load
from idp.parts import Parts
from idp.records import Session
from idp.web.code_words import event_words
from idp.web.cookies import SESSION, clear_cookie
from idp.web.copy_words import COPY_EVENTS, COPY_LOCKS
from idp.web.done_words import DONE
from idp.web.pages.account import frame, fresh, own_form, own_page
from idp.web.pages.common import cookie, language, speak_to
from idp.web.pages.history import download
from idp.web.pages.said import whole as said_whole
from idp.web.pages.telling import attribute_name, document, heads, in_order, lacking, row
from idp.web.pages.visit import Visit, field, show, visit
from idp.web.theme import instant_iso, instant_text, render
from idp.web.wording import IN_LOG, KEEPERS, OBJECTION_KINDS, OBJECTION_OUTCOMES

COPY, DELETE = "/account/copy", "/account/delete"
_TIMES = ("_at", "at", "since", "due", "until")


def blueprint(parts: Parts) -> Blueprint:
    """``/account/copy`` and ``/account/delete``."""
    pages = Blueprint("rights", __name__)

    @pages.get(COPY)
    def copy_form() -> Response:
        return own_page(parts, fresh("copy", _copy))

    @pages.post(COPY)
    def copy() -> Response:
        return own_form(parts, COPY, fresh("copy", _copied))

    @pages.get(DELETE)
    def delete_form() -> Response:
        return own_page(parts, fresh("delete", _delete))

    @pages.post(DELETE)
    def delete() -> Response:
        return _deleted_before(visit(parts)) or own_form(parts, DELETE, fresh("delete", _deleted))

    return pages


def _copy(here: Visit, person: Person, session: Session) -> Response:
    return show(here, "copy.html", **frame(here, person, session, COPY))


def _copied(here: Visit, person: Person, session: Session) -> Response:
    del session
    form = "html" if field("form") == "html" else "json"
    lang = language(None, person.account.locale)
    lines = history.page(here.parts, person, history.Asked(), history.FILE)
    whole = copies.take(here.parts, here.caller, person, form, lang)
    if form == "json":
        told = [document(here.parts, line, lang) for line in lines.lines]
        made = {**_dated(whole), "history": told, "history_complete": not lines.after and lines.gap is None}
        made |= {f"history_{name}": told for name, told in lacking(lines.gap, lines.altered).items()}
        return download(msgspec.json.format(msgspec.json.encode(made), indent=1), "application/json", "my-data.json")
    body = render(
        "_copy_file.html",
        lang,
        copy=whole,
        in_order=in_order,
        name_of=lambda code: attribute_name(code, lang),
        said=lambda code, value: said_whole(code, value, lang),
        sources={a["source"]: KEEPERS.get(a["source"], a["source"]) for a in whole["attributes"]},
        told_heads=heads(lang),
        told=[[instant_text(line.told.at, lang), *row(line, lang)[1:]] for line in lines.lines],
        event_said=_event_words,
        in_log=IN_LOG,
        objection_kinds=OBJECTION_KINDS,
        outcomes=OBJECTION_OUTCOMES,
        older=bool(lines.after) or whole["events_older"],
        gap=whole.get("events_missing"),
        altered=whole.get("events_altered", 0),
    )
    return download(body.encode(), "text/html; charset=utf-8", "my-data.html")


def _event_words(event: dict[str, Any]) -> LazyString | str:
    """A lock is called one, whoever did it."""
    locks = (event["kind"], event.get("what")) == ("account.changed", "status")
    lock = COPY_LOCKS.get(event.get("value", "")) if locks else None
    return lock or COPY_EVENTS.get(event["kind"]) or event_words(event["kind"], event)


def _dated(value: Any, name: str = "") -> Any:
    """Instants as RFC 3339, so that a program needs no key to the file."""
    if isinstance(value, dict):
        return {key: _dated(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_dated(inner) for inner in value]
    if isinstance(value, int) and not isinstance(value, bool) and name.endswith(_TIMES):
        return instant_iso(value)
    return value


def _delete(here: Visit, person: Person, session: Session, errors: dict[str, str] | None = None) -> Response:
    return show(
        here,
        "delete.html",
        status=422 if errors else 200,
        errors=errors or {},
        days=here.parts.config.erasure_days,
        **frame(here, person, session, DELETE),
    )


def _deleted(here: Visit, person: Person, session: Session) -> Response:
    if not field("sure"):
        return _delete(here, person, session, {"sure": "delete_sure"})
    return _signed_out(here, erasure.ask(here.parts, here.caller, person))


def _deleted_before(here: Visit) -> Response | None:
    """The same form once more, from the browser whose session it ended: asked to sign in, the citizen would keep the account by it."""
    ended = sessions.ended_lately(here.parts, cookie(SESSION), "erasure_asked", here.caller.now)
    if ended is None or not here.proven(DELETE, ended.token_hash):
        return None
    due, person = erasure.waiting(here.parts, ended.account_id), load(here.parts, ended.account_id)
    if due is None or person is None:
        return None
    speak_to(person.account)
    return _signed_out(here, due)


def _signed_out(here: Visit, due: int) -> Response:
    title, text = DONE["deletion_waits"]
    answer = show(here, "delete_done.html", once=True, title=title, text=text, until=due)
    answer.headers.add(*clear_cookie(here.parts.config, SESSION))
    return answer
