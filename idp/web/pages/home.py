"""The start page."""

from flask import Blueprint, Response
from flask_babel import lazy_gettext as _

from idp.authn.identifiers import masked
from idp.flows import people
from idp.flows.sessions import live
from idp.parts import Parts
from idp.records import ClientLogo
from idp.web.cookies import SESSION
from idp.web.pages.common import cookie, current, page, problem_page


def blueprint(parts: Parts) -> Blueprint:
    """``/`` and the logos of clients, served from our own origin alone."""
    pages = Blueprint("home", __name__)

    @pages.get("/")
    def home() -> Response:
        session = live(parts, cookie(SESSION), current().now, touch=False)
        person = people.load(parts, session.account_id) if session is not None else None
        known = people.names(parts, person.citizen) if person is not None else []
        demo = [(_("Messages of the demonstration"), "/outbox")] if parts.config.outbox_page else None
        return page("home.html", account=masked(known[0]) if known else None, demo=demo, developers_url=None)

    @pages.get("/logo/<client_id>")
    def logo(client_id: str) -> Response:
        found = parts.store.one(ClientLogo, client_id=client_id)
        if found is None:
            return problem_page("not_found", 404)
        response = Response(found.png, content_type="image/png")
        response.headers["X-Yimen-Class"] = "static"
        response.headers["Cache-Control"] = "public, max-age=3600"
        return response

    return pages
