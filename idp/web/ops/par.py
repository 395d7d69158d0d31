"""POST /par: pushed authorization requests (RFC 9126)."""

from idp.flows import par as flow
from idp.parts import Parts
from idp.web.edge import Operation
from idp.web.wire import Answer, Request, json_answer


def operations(parts: Parts) -> dict[str, dict[str, Operation]]:
    """``/par``; a Refusal becomes the token endpoint's JSON error (§2.3)."""

    def post(request: Request) -> Answer:
        header = request.header("Authorization")
        given = flow.push(parts, request.form, header, request.now, request.remote, request.reference)
        return json_answer(201, {"request_uri": given.request_uri, "expires_in": given.expires_in})

    return {"/par": {"POST": post}}
