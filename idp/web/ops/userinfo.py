"""GET and POST /userinfo."""

from collections.abc import Mapping

import msgspec

from idp.errors import Code, Refusal
from idp.flows.access_tokens import AccessTokens
from idp.flows.userinfo import Signed, userinfo
from idp.parts import Parts
from idp.protocol.bearer import STATUS, challenge, one_token
from idp.web.edge import Operation
from idp.web.wire import FORM, Answer, Request, json_answer


def operations(parts: Parts) -> Mapping[str, Mapping[str, Operation]]:
    """The operation by path and method."""
    tokens = AccessTokens(parts)

    def answer(request: Request) -> Answer:
        try:
            found = userinfo(parts, tokens, _token(request), request.now)
        except Refusal as refusal:
            return refused(refusal)
        if isinstance(found, Signed):
            return Answer(200, "json", found.jwt.encode(), (("Content-Type", "application/jwt"),))
        return Answer(200, "json", msgspec.json.encode(found.claims), _JSON)

    return {"/userinfo": {"GET": answer, "HEAD": answer, "POST": answer}}


_JSON = (("Content-Type", "application/json"),)


def _token(request: Request) -> str:
    """RFC 6750 §2: in the header, or in a form's body; a body of another type is not looked at."""
    form = request.form if request.method == "POST" and request.content_type == FORM else None
    return one_token(
        request.header("Authorization"),
        form.one("access_token") if form is not None else None,
        in_query="access_token" in request.query,
    )


def refused(refusal: Refusal) -> Answer:
    """A protected resource's refusal (RFC 6750 §3)."""
    status = STATUS.get(refusal.code, 500 if refusal.code is Code.SERVER_ERROR else 400)
    headers = (("WWW-Authenticate", challenge(refusal, "openid")),) if refusal.code in STATUS else ()
    return json_answer(status, {"error": refusal.code.value, "error_description": refusal.public}, headers)
