"""POST /revoke."""

from collections.abc import Mapping

from idp.flows.access_tokens import AccessTokens
from idp.flows.revoke import revoke
from idp.parts import Parts
from idp.web.edge import Operation
from idp.web.ops.token import form_only
from idp.web.wire import Answer, Request


def operations(parts: Parts) -> Mapping[str, Mapping[str, Operation]]:
    """The operation by path and method."""
    tokens = AccessTokens(parts)

    def post(request: Request) -> Answer:
        form, authorization = form_only(parts, request, "revoke"), request.header("Authorization")
        revoke(parts, tokens, form, authorization, request.now, request.remote, request.reference)
        return Answer(200, "json")

    return {"/revoke": {"POST": post}}
