"""What the house's trust framework means (OpenID Connect for Identity Assurance 1.0): whose word is told as verified, by which evidence, how fine its
time is; for people and for programs, at the address that is the framework's name."""

from typing import Any

from flask import Blueprint, Response

from idp.parts import Parts
from idp.protocol.verified_claims import EVIDENCE
from idp.release.confirmed import NO_REGISTER, REGISTERS, offered, other_type
from idp.release.correction import SELF
from idp.web.pages.common import language, page
from idp.web.pages.public import json_of, varied, wants_json
from idp.web.pages.telling import attribute_name
from idp.web.wording import KEEPERS

PATH = "/trust-framework"


def blueprint(parts: Parts) -> Blueprint:
    """``/trust-framework``, and ``/trust-framework/register``: what registers without a common name are called; JSON by ``Accept`` or ending."""
    pages = Blueprint("framework", __name__)

    @pages.get(PATH)
    def framework() -> Response:
        return json_of(_document(parts)) if wants_json() else _page(parts)

    @pages.get(PATH + "/register")
    def register() -> Response:
        return json_of(_document(parts)) if wants_json() else _page(parts)

    @pages.get(PATH + ".json")
    def document() -> Response:
        return json_of(_document(parts))

    return pages


def _page(parts: Parts) -> Response:
    lang = language()
    registers = [{"keeper": KEEPERS[source], "type": one.type} for source, one in REGISTERS.items()]
    labels = [attribute_name(claim, lang) for claim in offered(parts.catalogue.all_kinds().values())]
    name = parts.config.framework
    shown = page("trust_framework.html", name=name, registers=registers, other=other_type(name), claims=labels)
    return varied(shown)


def _document(parts: Parts) -> dict[str, Any]:
    name = parts.config.framework
    return {
        "trust_framework": name,
        "evidence": EVIDENCE,
        "registers": [
            {"source": source, "record_type": one.type, "keeper": one.keeper} for source, one in REGISTERS.items()
        ],
        "record_type_of_other_registers": other_type(name),
        "verified_without_evidence": sorted(NO_REGISTER),
        "never_verified": [SELF],
        "time": "date, UTC",
        "claims": list(offered(parts.catalogue.all_kinds().values())),
    }
