"""The receipt of one line of the history: a page to read and print, and the file to keep."""

from flask import Blueprint, Response

from idp.flows import history
from idp.flows.people import Person
from idp.flows.receipts import receipt
from idp.parts import Parts
from idp.records import Session
from idp.release.receipts import file_of
from idp.release.told import SEEN
from idp.web.pages.account import View, frame, own_page
from idp.web.pages.catalogue_words import spoken
from idp.web.pages.common import language
from idp.web.pages.history import PATH, download, known
from idp.web.pages.telling import view
from idp.web.pages.visit import Visit, show


def blueprint(parts: Parts) -> Blueprint:
    """``/account/history/<line>/receipt`` and ``…/receipt.json``."""
    pages = Blueprint("receipts", __name__)

    @pages.get(f"{PATH}/<reference>/receipt")
    def page(reference: str) -> Response:
        return known(lambda: own_page(parts, _page(reference)))

    @pages.get(f"{PATH}/<reference>/receipt.json")
    def file(reference: str) -> Response:
        return known(lambda: own_page(parts, _file(reference)))

    return pages


def _receipted(here: Visit, person: Person, reference: str) -> history.Line:
    """A line that has a receipt: what staff saw was told to nobody. Raises Unknown."""
    line = history.line(here.parts, person, reference)
    if line.told.kind == SEEN:
        raise history.Unknown
    return line


def _page(reference: str) -> View:
    def shown(here: Visit, person: Person, session: Session) -> Response:
        line = _receipted(here, person, reference)
        jws, claims = receipt(here.parts, person, line, here.caller.now)
        lang = language(None, person.account.locale)
        return show(
            here,
            "receipt.html",
            line=view(line, lang),
            purposes=list(dict.fromkeys((spoken(p.texts, lang), p.retention_days) for p in line.purposes)),
            record=claims["record"],
            claims=claims,
            jws=jws,
            **frame(here, person, session, f"{PATH}/{reference}/receipt"),
        )

    return shown


def _file(reference: str) -> View:
    def sent(here: Visit, person: Person, session: Session) -> Response:
        del session
        line = _receipted(here, person, reference)
        jws, claims = receipt(here.parts, person, line, here.caller.now)
        return download(file_of(jws, claims), "application/json", f"receipt-{line.told.event_id[:12]}.json")

    return sent
