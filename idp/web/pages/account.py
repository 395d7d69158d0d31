"""The citizen's own pages: overview, where I am signed in, which services I use; and the language of all pages."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response
from flask_babel import LazyString, force_locale, ngettext

from idp.authn.identifiers import masked
from idp.flows import account as flow
from idp.flows import erasure, factors, people
from idp.flows.account import Service
from idp.flows.people import Person
from idp.parts import Parts
from idp.protocol.second_factor import Wanted
from idp.records import Session
from idp.web.cookies import LANGUAGE, set_cookie
from idp.web.done_words import DONE
from idp.web.pages.catalogue_words import spoken
from idp.web.pages.common import (
    LANGUAGE_AGE_S,
    NAMES,
    language,
    parts_of_app,
    problem_page,
    see_other,
    service_view,
)
from idp.web.pages.console_rights import home as console_home
from idp.web.pages.just_done import just_done, page_after
from idp.web.pages.visit import Visit, field, owner, show, visit
from idp.web.theme import LANGUAGES, locale_name
from idp.web.wording import CLAIMS

HOME, SESSIONS, SERVICES = "/account", "/account/sessions", "/account/services"
LANGUAGE_FORM = "/language"
KEPT_SHOWN_US = 10 * 60 * 1_000_000
"""So long after the sign-in that cancelled a deletion the account's first page says so."""
View = Callable[[Visit, Person, Session], Response]


def blueprint(parts: Parts) -> Blueprint:
    """``/account``, ``/account/sessions``, ``/account/services``, ``/language``."""
    pages = Blueprint("account", __name__)

    @pages.get(HOME)
    def home() -> Response:
        return own_page(parts, _home)

    @pages.get(SESSIONS)
    def sessions() -> Response:
        return own_page(parts, _sessions)

    @pages.post(SESSIONS)
    def end() -> Response:
        return own_form(parts, SESSIONS, _end)

    @pages.get(SERVICES)
    def services() -> Response:
        return own_page(parts, _services)

    @pages.post(SERVICES)
    def withdraw() -> Response:
        return own_form(parts, SERVICES, _withdraw)

    @pages.post(LANGUAGE_FORM)
    def speak() -> Response:
        return _speak(visit(parts, bound=False))

    return pages


def own_page(parts: Parts, view: View, *, touch: bool = True, to: str = "") -> Response:
    """A page for the signed-in citizen: nobody signed in goes to the sign-in page, a second factor that they have comes first.

    ``touch`` false for what a script asks for by itself; ``to``: the name of the page that the sign-in leads on to (``step_up.PLACES``).
    """
    here = visit(parts, touch=touch)
    session, person = here.caller.session, owner(here)
    if session is None or person is None:
        return see_other(here.path("/sign-in", to=to))
    factor = people.factor_due(parts, person.account, session.acr, Wanted(own_page=True))
    if factor is not None and factor.enrolled:
        return see_other(here.path("/sign-in/totp", to=to))
    return view(here, person, session)


def own_form(parts: Parts, action: str, view: View, *, to: str = "") -> Response:
    """A form of the signed-in citizen, made for this session and this action (OWASP ASVS 3.5.1)."""

    def proven(here: Visit, person: Person, session: Session) -> Response:
        if here.proven(action, session.token_hash):
            return view(here, person, session)
        return problem_page("own_expired", 403, service=None)

    return own_page(parts, proven, to=to)


def fresh(place: str, view: View, stale: Callable[[Visit, Person], None] | None = None) -> View:
    """A view for whom all proofs are recent alone (OWASP ASVS 7.5.1); ``place``: where the proof leads back to (``step_up.PLACES``); ``stale``: done
    before it is asked for."""

    def guarded(here: Visit, person: Person, session: Session) -> Response:
        if factors.fresh(here.parts, session, here.caller.now):
            return view(here, person, session)
        if stale is not None:
            stale(here, person)
        return see_other(f"/account/confirm?to={place}")

    return guarded


def frame(here: Visit, person: Person, session: Session, action: str) -> dict[str, Any]:
    """What every own page hands to its template: who, in which language, proof of the form."""
    return {
        "account": name_of(here, person),
        "locale": person.account.locale,
        "action": action,
        "hidden": here.hidden(action, session.token_hash),
        "own": action,
    }


def name_of(here: Visit, person: Person) -> str:
    """The first identifier, masked."""
    known = people.names(here.parts, person.citizen)
    return masked(known[0]) if known else ""


def _home(here: Visit, person: Person, session: Session) -> Response:
    name = here.parts.vault.claims(person.citizen, ("name",)).get("name", "")
    places = flow.places(here.parts, person, session, here.caller.now)
    services = flow.services(here.parts, person)
    with force_locale(locale_name(language(None, person.account.locale))):
        devices = str(ngettext("%(num)d device", "%(num)d devices", len(places)))
        used = str(ngettext("%(num)d service", "%(num)d services", len(services)))
    common = frame(here, person, session, HOME)
    fresh = here.caller.now - session.auth_at < KEPT_SHOWN_US
    kept = fresh and erasure.cancelled_by(erasure.asked_for(here.parts, person.account.id), session)
    return show(
        here,
        "account.html",
        kept=kept,
        name=name,
        security_state="",
        sessions_state=devices,
        services_state=used,
        approver="approver" in person.account.roles.split(),
        console=console_home(person),
        written_in=_written_in(here, person, session),
        **common,
    )


def _written_in(here: Visit, person: Person, session: Session) -> dict[str, Any]:
    """The language of our messages, and a form for each other one: a link chooses for this browser, only a form for the account (RFC 9110 §9.2.1)."""
    theirs = person.account.locale or here.parts.config.default_locale
    others = [
        {
            "tag": tag,
            "label": NAMES[tag],
            "hidden": here.hidden(LANGUAGE_FORM, session.token_hash, language=tag, next=HOME),
        }
        for tag in LANGUAGES
        if tag != theirs
    ]
    return {"tag": theirs, "label": NAMES.get(theirs, theirs), "action": LANGUAGE_FORM, "others": others}


def _sessions(here: Visit, person: Person, session: Session, status: int = 200) -> Response:
    listed = [
        {
            "handle": place.reference,
            "device": place.where.device,
            "address": place.where.address,
            "since": place.since,
            "last_seen": place.last_seen,
            "current": place.current,
        }
        for place in flow.places(here.parts, person, session, here.caller.now)
    ]
    more = len(listed) >= flow.SHOWN
    return show(
        here, "sessions.html", status=status, sessions=listed, more=more, **frame(here, person, session, SESSIONS)
    )


def _end(here: Visit, person: Person, session: Session) -> Response:
    del session
    if field("end_all"):
        flow.end_other_places(here.parts, here.caller, person)
    elif not flow.end_place(here.parts, here.caller, person, field("end")):
        return problem_page("not_found", 404)
    return see_other(SESSIONS)


def _services(here: Visit, person: Person, session: Session) -> Response:
    lang = language(None, person.account.locale)
    listed = [_service(service, lang) for service in flow.services(here.parts, person)]
    done, own = just_done(here, SERVICES)
    said = DONE["withdrawn"] if done == "withdrawn" else None
    common = {**frame(here, person, session, SERVICES), "own": own}
    return show(here, "services.html", services=listed, said=said, **common)


def _service(service: Service, lang: str) -> dict[str, Any]:
    view = service_view(service.client, lang) or {}
    return {
        "handle": service.reference,
        "name": view["name"],
        "department": view["department"],
        "since": service.since,
        "last_used": service.last_used,
        "sees": [_label(code, lang) for code in sorted(service.sees, key=_order)],
        "lawful": [_label(code, lang) for code in sorted(service.lawful, key=_order)],
        "offline": service.offline,
        "once": service.once,
        "until": service.until,
    }


def _label(code: str, lang: str) -> LazyString | str:
    kind = parts_of_app().catalogue.kind(code)
    return CLAIMS.get(code) or (spoken(kind.names, lang) if kind else code)


def _order(claim: str) -> int:
    """As claims are listed everywhere: the name first."""
    return list(CLAIMS).index(claim) if claim in CLAIMS else len(CLAIMS)


def _withdraw(here: Visit, person: Person, session: Session) -> Response:
    """The first time the question, then the act."""
    if field("sure"):
        done = flow.withdraw(here.parts, here.caller, person, field("withdraw"))
        return see_other(page_after(here, SERVICES, "withdrawn")) if done else problem_page("not_found", 404)
    service = flow.service_of(here.parts, person, field("withdraw"))
    if service is None:
        return problem_page("not_found", 404)
    item = _service(service, language(None, person.account.locale))
    common = frame(here, person, session, SERVICES)
    common["hidden"] = here.hidden(SERVICES, session.token_hash, withdraw=service.reference)
    return show(here, "withdraw.html", again=True, item=item, **common)


def _speak(here: Visit) -> Response:
    """Choose a language for this browser and, by the form that was made for this session, the account; back to a path of our own."""
    chosen, back = field("language"), field("next")
    own = back.startswith("/") and not back.startswith(("//", "/\\")) and back.isprintable() and "\\" not in back
    answer = see_other(back if own else "/")
    if chosen in LANGUAGES:
        person, session = owner(here), here.caller.session
        if person is not None and session is not None and here.proven(LANGUAGE_FORM, session.token_hash):
            flow.set_locale(here.parts, here.caller, person, chosen)
        answer.headers.add(*set_cookie(here.parts.config, LANGUAGE, chosen, LANGUAGE_AGE_S))
    return answer
