"""POST /token."""

from collections.abc import Callable, Mapping

from idp.errors import Code, Refusal
from idp.flows.client_auth import Call, unreadable
from idp.flows.token import token
from idp.parts import Parts
from idp.protocol.params import Params
from idp.web.edge import Operation
from idp.web.wire import Answer, Request, json_answer


def operations(parts: Parts) -> Mapping[str, Mapping[str, Operation]]:
    """The operation by path and method."""

    def post(request: Request) -> Answer:
        form = form_only(parts, request, "token")
        document = token(parts, form, request.header("Authorization"), request.now, request.remote, request.reference)
        return json_answer(200, document, (("Pragma", "no-cache"),))

    return {"/token": {"POST": post}}


def form_only(parts: Parts, request: Request, endpoint: str) -> Params:
    """The body's parameters. A query is refused: what it holds was written to logs on the way (RFC 6749 §2.3.1, §3.2).

    Raises Refusal(invalid_request), which the client that the header names finds in its list.
    """

    def read() -> Params:
        if request.environ.get("QUERY_STRING"):
            raise Refusal(Code.INVALID_REQUEST, "Parameters must be sent in the body.", reason="parameters_in_query")
        return request.form

    return told_to_client(parts, request, endpoint, read)


def told_to_client(parts: Parts, request: Request, endpoint: str, read: Callable[[], Params]) -> Params:
    """What ``read`` answers; its Refusal goes on, after the client that the header names has it in its list."""
    try:
        return read()
    except Refusal as refusal:
        call = Call(endpoint, request.now, request.remote, request.reference)
        unreadable(parts, request.header("Authorization"), refusal, call)
        raise
