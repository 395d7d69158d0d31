"""POST /introspect."""

from collections.abc import Mapping

from idp.flows.access_tokens import AccessTokens
from idp.flows.introspect import introspect
from idp.parts import Parts
from idp.protocol.introspection import TYP
from idp.web.edge import Operation
from idp.web.ops.token import form_only
from idp.web.wire import Answer, Request, accepts, json_answer

MEDIA_TYPE = f"application/{TYP}"


def operations(parts: Parts) -> Mapping[str, Mapping[str, Operation]]:
    """The operation by path and method."""
    tokens = AccessTokens(parts)

    def post(request: Request) -> Answer:
        form, authorization = form_only(parts, request, "introspect"), request.header("Authorization")
        told = introspect(
            parts,
            tokens,
            form,
            authorization,
            request.now,
            request.remote,
            request.reference,
            as_jwt=accepts(request.header("Accept"), MEDIA_TYPE),
        )
        if told.jwt is None:
            return json_answer(200, told.document)
        return Answer(200, "json", told.jwt.encode(), (("Content-Type", MEDIA_TYPE),))

    return {"/introspect": {"POST": post}}
