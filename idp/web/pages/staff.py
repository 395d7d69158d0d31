"""The page behind a staff link: identifier, name and password; then the second factor that staff always have."""

from collections.abc import Mapping

from flask import Blueprint, Response

from idp.flows import secrets
from idp.flows import staff as flow
from idp.flows.sign_up import Over, Wrong
from idp.parts import Parts
from idp.web.pages.common import current, problem_page, see_other
from idp.web.pages.enrol import STAFF
from idp.web.pages.visit import SHOWN, Visit, field, show, visit

PATH = "/staff/"


def blueprint(parts: Parts) -> Blueprint:
    """``/staff/<token>``: looking uses nothing up."""
    pages = Blueprint("staff", __name__)

    @pages.get("/staff/<token>")
    def form(token: str) -> Response:
        here = visit(parts)
        return _over() if flow.invitation(parts, token, current().now) is None else _page(here, token, {})

    @pages.post("/staff/<token>")
    def accept(token: str) -> Response:
        here = visit(parts)
        if not here.proven(PATH):
            return _over()
        if field(SHOWN):
            return _over() if flow.invitation(parts, token, current().now) is None else _page(here, token, {})
        typed = field("identifier"), field("name"), field("new_password"), field("repeat_password")
        outcome = flow.accept(parts, here.caller, token, *typed)
        if isinstance(outcome, Over):
            outcome = flow.sent_again(parts, here.caller, token, typed[0], typed[2])
        match outcome:
            case Wrong():
                return _page(here, token, {outcome.field: outcome.error}, 422)
            case Over():
                return _over()
            case _:
                return see_other(here.path(STAFF))

    return pages


def _over() -> Response:
    """The link or its form is too old, used, or another browser's: one text for all."""
    return problem_page("staff_link", 400, service=None)


def _page(here: Visit, token: str, errors: Mapping[str, str], status: int = 200) -> Response:
    return show(
        here,
        "set_password.html",
        status=status,
        errors=errors,
        again=True,
        action=PATH + token,
        hidden=here.hidden(PATH),
        values={"identifier": field("identifier"), "name": field("name")},
        shortest=secrets.least(here.parts, None),
        ask_identifier=True,
        ask_name=True,
    )
