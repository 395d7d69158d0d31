"""The demonstration's messages, in place of e-mail and text messages. Never there outside it."""

import re

from flask import Blueprint, Response

from idp.flows.notices import VOID
from idp.flows.outbox import open_notice
from idp.parts import Parts
from idp.ports import Op
from idp.records import Message
from idp.web.pages.common import page

SHOWN = 50
_CODE = re.compile(r"\b[0-9]{8}\b")


def blueprint(parts: Parts) -> Blueprint:
    """``/outbox``, only where the configuration says so (``idp.config`` allows it on loopback issuers alone)."""
    pages = Blueprint("outbox", __name__)
    if not parts.config.outbox_page:
        return pages

    @pages.get("/outbox")
    def outbox() -> Response:
        rows = parts.store.find(Message, {"state": Op("!=", VOID)}, order=("-created_at",), limit=SHOWN)
        messages = [_view(parts, row) for row in rows]
        return page("outbox.html", messages=[view for view in messages if view is not None])

    return pages


def _view(parts: Parts, row: Message) -> dict[str, object] | None:
    notice = open_notice(parts, row)
    if notice is None:
        return None
    code = _CODE.search(notice.body)
    return {
        "at": row.created_at,
        "to": notice.to,
        "subject": notice.subject,
        "body": notice.body,
        "code": code[0] if code else "",
    }
