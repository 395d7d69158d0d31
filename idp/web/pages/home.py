"""The start page."""

from urllib.parse import urlsplit

from flask import Blueprint, Response
from flask_babel import LazyString
from flask_babel import lazy_gettext as _

from clients.model import from_json
from idp.authn.identifiers import masked
from idp.flows import people, service_names
from idp.parts import Parts
from idp.records import ClientLogo, ClientRow
from idp.web.pages.common import language, page, problem_page
from idp.web.pages.visit import reader

SHOWN = 20


def blueprint(parts: Parts) -> Blueprint:
    """``/`` and the logos of clients, served from our own origin alone."""
    pages = Blueprint("home", __name__)

    @pages.get("/")
    def home() -> Response:
        person = reader(parts)
        known = people.names(parts, person.citizen) if person is not None else []
        demo = _demo(parts) if parts.config.outbox_page else None
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


def _demo(parts: Parts) -> list[tuple[str | LazyString, str]]:
    """What a visitor of the demonstration may open: the services with an address of their own, and the messages."""
    rows = parts.store.find(ClientRow, {"status": "active"}, order=("created_at",), limit=SHOWN)
    clients = [from_json(row.document) for row in rows]
    lang = language(None)
    named = [(service_names.named(parts, c, lang).name, c.in_language("client_uri", (lang,))) for c in clients]
    apps = [(name, uri) for name, uri in named if uri and urlsplit(uri).scheme in ("http", "https")]
    return [*apps, (_("Messages of the demonstration"), "/outbox")]
