"""My e-mail addresses and phone numbers: the list, one more or another instead, the code, taking one away. All for whom all proofs are recent."""

from flask import Blueprint, Response
from flask_babel import lazy_gettext as _

from idp.authn.identifiers import masked_apart
from idp.authn.throttle import Throttled
from idp.flows import contacts as flow
from idp.flows import drafts
from idp.flows.contacts import Changed, Held
from idp.flows.one_time import MINUTES
from idp.flows.people import Person
from idp.flows.sign_up import CodeSent, Over, Wrong
from idp.parts import Parts
from idp.records import Session
from idp.web.pages.account import frame, fresh, own_form, own_page
from idp.web.pages.common import current, problem_page, see_other
from idp.web.pages.just_done import just_done, page_after
from idp.web.pages.step_up import PLACES
from idp.web.pages.visit import SHOWN, Errors, Visit, field, show

PATH, NEW, CODE, REMOVE = (
    PLACES["contacts"],
    "/account/contacts/new",
    PLACES["contact-code"],
    "/account/contacts/remove",
)

_RESENT = "code-resent"
DRAFT = "contact"


def blueprint(parts: Parts) -> Blueprint:
    """``/account/contacts`` and its steps; nothing happens on GET."""
    pages = Blueprint("contacts", __name__)

    @pages.get(PATH)
    def contacts() -> Response:
        return own_page(parts, fresh("contacts", _list))

    @pages.get(NEW)
    def form() -> Response:
        return own_page(parts, fresh("contacts", _form))

    @pages.post(NEW)
    def ask() -> Response:
        return own_form(parts, NEW, fresh("contact-kept", _asked, _keep))

    @pages.get(CODE)
    def code_form() -> Response:
        return own_page(parts, fresh("contact-code", _code))

    @pages.post(CODE)
    def confirm() -> Response:
        return own_form(parts, CODE, fresh("contact-code", _confirmed))

    @pages.get(REMOVE)
    def question() -> Response:
        return own_page(parts, fresh("contacts", _question))

    @pages.post(REMOVE)
    def remove() -> Response:
        return own_form(parts, REMOVE, fresh("contacts", _removed))

    return pages


def _list(here: Visit, person: Person, session: Session, wrong: Wrong | None = None) -> Response:
    known = flow.held(here.parts, person)
    shown = masked_apart([one.contact.name for one in known])
    listed = [
        {
            "handle": one.reference,
            "value": value,
            "email": one.contact.name.kind == "email",
            "confirmed": one.row.verified_at,
            "told": one.told,
            "removable": one.removable,
        }
        for one, value in zip(known, shown, strict=True)
    ]
    return show(
        here,
        "contacts.html",
        status=422 if wrong else 200,
        errors={wrong.field: wrong.error} if wrong else {},
        contacts=listed,
        **frame(here, person, session, PATH),
    )


def _form(here: Visit, person: Person, session: Session) -> Response:
    """Empty; or, when its sender had to prove who they are meanwhile, as they filled it in."""
    query = current().query
    kept = drafts.kept(here.parts, here.caller, person, DRAFT) if query.one("kept") else None
    if kept is None:
        return _new(here, person, session, query.one("instead") or "")
    return _new(here, person, session, kept["instead"], typed=kept["identifier"])


def _keep(here: Visit, person: Person) -> None:
    drafts.keep(here.parts, here.caller, person, DRAFT, {name: field(name) for name in ("identifier", "instead")})


def _new(
    here: Visit,
    person: Person,
    session: Session,
    instead: str,
    errors: Errors | None = None,
    typed: str = "",
) -> Response:
    old = flow.named(here.parts, person, instead) if instead else None
    if instead and old is None:
        return see_other(PATH)
    common = frame(here, person, session, NEW)
    common["hidden"] = here.hidden(NEW, session.token_hash, instead=instead)
    return show(
        here,
        "contact_new.html",
        status=422 if errors else 200,
        errors=errors or {},
        old=_shown(here, person, old) if old else "",
        again=True,
        values={"identifier": typed},
        **common,
    )


def _shown(here: Visit, person: Person, one: Held) -> str:
    """As the list shows it."""
    known = [other.contact.name for other in flow.held(here.parts, person)]
    return masked_apart(known)[known.index(one.contact.name)]


def _asked(here: Visit, person: Person, session: Session) -> Response:
    typed, instead = field("identifier"), field("instead")
    if field(SHOWN):
        return _new(here, person, session, instead, typed=typed)
    outcome = flow.ask(here.parts, here.caller, person, typed, instead)
    match outcome:
        case CodeSent():
            drafts.forget(here.parts, here.caller, DRAFT)
            return see_other(CODE)
        case Wrong():
            return _new(here, person, session, instead, {outcome.field: outcome.error}, typed)
        case Throttled():
            return _new(here, person, session, instead, {"": outcome}, typed)
        case Over():
            return _over(404)


def _code(here: Visit, person: Person, session: Session) -> Response:
    sent = flow.under_way(here.parts, here.caller, person)
    return see_other(PATH) if sent is None else _code_page(here, person, session, sent, {})


def _code_page(here: Visit, person: Person, session: Session, sent: CodeSent, errors: Errors) -> Response:
    common = frame(here, person, session, CODE)
    done, _own = just_done(here, CODE)
    common["hidden"] = here.hidden(CODE, session.token_hash, ticket=sent.ticket, sent_to=sent.sent_to)
    return show(
        here,
        "confirm_code.html",
        status=422 if errors else 200,
        errors=errors,
        again=True,
        values={"code": field("code")} if field(SHOWN) else {},
        sent_to=sent.sent_to,
        minutes=MINUTES,
        resend=True,
        resent=done == _RESENT,
        cancel=PATH,
        **common,
    )


def _confirmed(here: Visit, person: Person, session: Session) -> Response:
    ticket = field("ticket")
    sent = CodeSent(ticket, field("sent_to"))
    outcome: CodeSent | flow.Outcome
    if field(SHOWN):
        return _code_page(here, person, session, sent, {})
    if field("again"):
        outcome = flow.again(here.parts, here.caller, person, ticket)
    else:
        outcome = flow.confirm(here.parts, here.caller, person, ticket, field("code"))
    match outcome:
        case CodeSent():
            return see_other(page_after(here, CODE, _RESENT))
        case Changed():
            return _done(here, outcome)
        case Wrong():
            return _code_page(here, person, session, sent, {outcome.field: outcome.error})
        case Throttled():
            return _code_page(here, person, session, sent, {"": outcome})
        case Over():
            return _over(400)


def _question(here: Visit, person: Person, session: Session) -> Response:
    found: Held | None = flow.named(here.parts, person, current().query.one("contact") or "")
    if found is None:
        return see_other(PATH)
    common = frame(here, person, session, REMOVE)
    common["hidden"] = here.hidden(REMOVE, session.token_hash, contact=found.reference)
    common["own"] = here.path(REMOVE, contact=found.reference)
    shown = _shown(here, person, found)
    return show(here, "contact_remove.html", contact=shown, removable=found.removable, **common)


def _removed(here: Visit, person: Person, session: Session) -> Response:
    outcome = flow.remove(here.parts, here.caller, person, field("contact"))
    match outcome:
        case Changed():
            return _done(here, outcome)
        case Wrong():
            return _list(here, person, session, outcome)
        case Over():
            return _over(404)


def _done(here: Visit, outcome: Changed) -> Response:
    """On a page that wants no fresh proof."""
    return see_other(page_after(here, PLACES["security"], f"contact-{outcome.how}"))


def _over(status: int) -> Response:
    return problem_page(
        "own_expired", status, service=None, back=(_("Back to your e-mail addresses and phone numbers"), PATH)
    )
