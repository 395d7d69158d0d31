"""What waits for the reader: an approver decides about reveals, exchanges and clients' new keys here, about service items on their page; an auditor
sees their own."""

from typing import Any, Final

from flask import Response

from idp.errors import Refusal
from idp.flows import catalogue, client_keys, colleagues, exchanges, factors, reveals
from idp.flows.people import Person
from idp.records import ClientKeySeen, Exchange, Session
from idp.web.pages.catalogue_words import spoken
from idp.web.pages.common import problem_page, see_other
from idp.web.pages.console_cases import reveal_line
from idp.web.pages.console_events import client as client_link
from idp.web.pages.console_events import moment_of
from idp.web.pages.console_frame import reader, shown
from idp.web.pages.visit import Visit, field

PATH: Final = "/console/approvals"
SAID_AS: Final = {
    "reveal_own": "reveal_own",
    "reveal_over": "reveal_over",
    "no_client_key": "exchange_key",
    "jwks_no_encrypter": "exchange_key",
    "key_held": "exchange_key",
}


def listed(here: Visit, person: Person, session: Session) -> Response:
    """``GET /console/approvals``."""
    return _listed(here, person, session)


def decided(here: Visit, person: Person, session: Session) -> Response:
    """``POST /console/approvals``: ``decide`` like ``approve/reveal/<id>``, ``refuse/exchange/<id>``, ``approve/client/<id>``; both factors anew."""
    if not factors.fresh(here.parts, session, here.caller.now):
        return see_other("/account/confirm?to=console-approvals")
    how, _, rest = field("decide").partition("/")
    what, _, which = rest.partition("/")
    if (
        how not in ("approve", "refuse")
        or what not in ("reveal", "exchange", "client")
        or (how, what) == ("refuse", "client")
    ):
        return problem_page("bad_request", 400, service=None)
    try:
        if what == "reveal":
            reveals.decide(here.parts, here.caller, person, which, approve=how == "approve")
        elif what == "client":
            rights = [colleagues.holds(person, colleagues.DECIDES)]
            client_keys.confirm(here.parts, which, here.caller.now, person.citizen, rights)
        else:
            _exchange(here, person, which, approve=how == "approve")
    except Refusal as refusal:
        other = {"reveal": "reveal_over", "client": "case_conflict"}.get(what, "exchange_conflict")
        return _listed(here, person, session, SAID_AS.get(refusal.reason, other), 409)
    return see_other(PATH)


def _exchange(here: Visit, person: Person, which: str, *, approve: bool) -> None:
    state = exchanges.APPROVED if approve else exchanges.ENDED
    rights = [colleagues.holds(person, colleagues.DECIDES)]
    now, by = here.caller.now, "staff"
    exchanges.decide(
        here.parts, which, state, by=by, now=now, actor=person.citizen, rights=rights, only=exchanges.PROPOSED
    )


def _listed(here: Visit, person: Person, session: Session, wrong: str = "", status: int = 200) -> Response:
    roles, parts, now, lang = person.account.roles.split(), here.parts, here.caller.now, reader(person)
    decides, looks = colleagues.DECIDES in roles, colleagues.LOOKS in roles
    return shown(
        here,
        person,
        session,
        "console_approvals.html",
        "approvals",
        status=status,
        action=PATH,
        own=PATH if status != 200 else None,
        wrong={"": wrong} if wrong else {},
        decides=decides,
        looks=looks,
        items=_items(here, lang) if decides else [],
        clients=[_held(row, client_link(parts, row.client_id, lang)) for row in client_keys.held(parts, now)]
        if decides
        else [],
        exchanges=[_exchange_line(here, row, lang) for row in exchanges.proposed(parts)] if decides else [],
        reveals=[_asked(here, row) for row in reveals.for_decision(parts, person, now)] if decides else [],
        own_reveals=[reveal_line(here, row) for row in reveals.own(parts, person, now)] if looks else [],
    )


def _asked(here: Visit, row: Any) -> dict[str, Any]:
    return reveal_line(here, row) | {"why": reveals.words(here.parts, row)}


def _items(here: Visit, lang: str) -> list[dict[str, Any]]:
    return [
        {"title": spoken(draft.item.titles, lang), "code": draft.item.code, "since": moment_of(draft.created_at)}
        for draft in catalogue.waiting(here.parts)
    ]


def _held(row: ClientKeySeen, client: Any) -> dict[str, Any]:
    return {
        "id": row.client_id,
        "name": client["name"] if client else row.client_id,
        "thumbprint": row.thumbprint,
        "since": moment_of(row.first_seen_at),
        "until": moment_of(row.held_until or 0),
    }


def _exchange_line(here: Visit, row: Exchange, lang: str) -> dict[str, Any]:
    asks, reads = (client_link(here.parts, name, lang) for name in (row.client_id, row.to_client_id))
    return {
        "id": row.id.hex(),
        "asks": asks["name"] if asks else row.client_id,
        "reads": reads["name"] if reads else row.to_client_id,
        "purpose": row.purpose,
        "since": moment_of(row.created_at),
    }
