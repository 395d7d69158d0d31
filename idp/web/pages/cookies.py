"""Cookies that can't be read: no page pretends that there were none, and a citizen gets rid of what a neighbour set."""

from flask import Blueprint, Response, request

from idp.errors import Code
from idp.parts import Parts
from idp.web.pages.common import current, problem_page, see_other

PATH = "/cookies"
DELETE = ("Clear-Site-Data", '"cookies"')
_ANYHOW = frozenset({"cookies", "home"})
"""Whose pages need no cookie."""


def blueprint(parts: Parts) -> Blueprint:  # noqa: ARG001
    """``POST /cookies``: the browser deletes those of this domain (Clear Site Data §3.1), where none of them can be read."""
    pages = Blueprint("cookies", __name__)
    pages.before_app_request(_lost)

    @pages.post(PATH)
    def delete() -> Response:
        if not current().cookies_lost:
            return see_other("/")
        answer = problem_page("cookies_deleted", 200, service=None)
        answer.headers.add(*DELETE)
        return answer

    return pages


def _lost() -> Response | None:
    if not current().cookies_lost or request.blueprint in _ANYHOW:
        return None
    return problem_page(
        "cookies_lost",
        400,
        code=Code.INVALID_REQUEST.value,
        detail="The Cookie header field has a byte that is not ASCII.",
        service=None,
        delete_cookies=PATH,
    )
