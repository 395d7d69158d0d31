"""POST /token."""

from collections.abc import Mapping

from idp.errors import Code, Refusal
from idp.flows.token import token
from idp.parts import Parts
from idp.protocol.params import Params
from idp.web.edge import Operation
from idp.web.wire import Answer, Request, json_answer


def operations(parts: Parts) -> Mapping[str, Mapping[str, Operation]]:
    """The operation by path and method."""

    def post(request: Request) -> Answer:
        form = form_only(request)
        document = token(parts, form, request.header("Authorization"), request.now, request.remote, request.reference)
        return json_answer(200, document, (("Pragma", "no-cache"),))

    return {"/token": {"POST": post}}


def form_only(request: Request) -> Params:
    """The body's parameters. A query is refused: what it holds was written to logs on the way (RFC 6749 §2.3.1, §3.2).

    Raises Refusal(invalid_request).
    """
    if request.environ.get("QUERY_STRING"):
        raise Refusal(Code.INVALID_REQUEST, "Parameters must be sent in the body.", reason="parameters_in_query")
    return request.form
