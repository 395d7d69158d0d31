"""POST /par: pushed authorization requests (RFC 9126)."""

from idp.flows import par as flow
from idp.parts import Parts
from idp.web.edge import Operation
from idp.web.ops.token import told_to_client
from idp.web.wire import Answer, Request, json_answer


def operations(parts: Parts) -> dict[str, dict[str, Operation]]:
    """``/par``; a Refusal becomes the token endpoint's JSON error (§2.3)."""

    def post(request: Request) -> Answer:
        header = request.header("Authorization")
        form = told_to_client(parts, request, "par", lambda: request.form)
        given = flow.push(parts, form, header, request.now, request.remote, request.reference)
        return json_answer(201, {"request_uri": given.request_uri, "expires_in": given.expires_in})

    return {"/par": {"POST": post}}
