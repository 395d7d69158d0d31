"""``/logout``: RP-Initiated Logout. GET decides; POST keeps the request and answers 303 to the GET."""

from idp.errors import Refusal
from idp.flows import logout as flow
from idp.parts import Parts
from idp.protocol.logout import read
from idp.web.cookies import SESSION, clear_cookie, name
from idp.web.edge import Operation
from idp.web.wire import Answer, Request, ToPage, redirect

CLEAR = ("Clear-Site-Data", '"cache", "storage"')


def operations(parts: Parts) -> dict[str, dict[str, Operation]]:
    """The operations of this endpoint."""

    def get(request: Request) -> Answer | ToPage:
        try:
            asked = read(request.query)
        except Refusal as refusal:
            return ToPage(flow.Refused(refusal, None))
        handle = request.query.get("continue")
        held = flow.held(parts, handle) if handle else None
        cookie = request.cookies.get(name(parts.config, SESSION))
        outcome = flow.begin(parts, held or asked, cookie, request.now, request.remote, request.reference)
        if isinstance(outcome, flow.Gone):
            return gone(parts, outcome)
        return ToPage(outcome)

    def post(request: Request) -> Answer | ToPage:
        try:
            handle = flow.hold(parts, read(request.form), request.remote)
        except Refusal as refusal:
            return ToPage(flow.Refused(refusal, None))
        return redirect(f"/logout?continue={handle}")

    return {"/logout": {"GET": get, "POST": post}}


def gone(parts: Parts, outcome: flow.Gone) -> Answer | ToPage:
    """Straight to the client when nothing has to be shown first; else the page that says it is done."""
    headers = (clear_cookie(parts.config, SESSION), CLEAR) if outcome.ended else ()
    if outcome.location and not outcome.frames:
        return redirect(outcome.location, headers)
    return ToPage(outcome, headers)
