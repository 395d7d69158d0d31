"""POST /register (RFC 7591) and GET, PUT, DELETE /register?client_id=… (RFC 7592)."""

from collections.abc import Callable, Mapping

from clients.errors import ClientError
from clients.model import Client
from idp.errors import Code, Refusal
from idp.flows import register as flow
from idp.parts import Parts
from idp.protocol.bearer import STATUS, challenge, from_header
from idp.protocol.registration import answer, read_body
from idp.web.edge import Operation
from idp.web.wire import Answer, Request, json_answer, refusal_answer


def operations(parts: Parts) -> Mapping[str, Mapping[str, Operation]]:
    """The operations by path and method."""
    issuer = parts.config.issuer

    def shown(status: int, client: Client, token: str | None, secret: str | None) -> Answer:
        return json_answer(status, answer(client, issuer, token, secret))

    def post(request: Request) -> Answer:
        bearer = from_header(request.header("Authorization"))
        entered = flow.register(parts, bearer, _body(request), request.now, request.remote, request.reference)
        return shown(201, entered.client, entered.registration_token, entered.secret)

    def get(request: Request) -> Answer:
        found = _known(parts, request)
        return shown(200, found.client, found.token, None)

    def put(request: Request) -> Answer:
        found = _known(parts, request)
        try:
            entered = flow.update(parts, found, _body(request), request.now, request.reference)
        except (ClientError, Refusal) as refused:
            flow.note_refused(parts, found.client, refused, request.now, request.reference)
            raise
        return shown(200, entered.client, entered.registration_token, entered.secret)

    def delete(request: Request) -> Answer:
        flow.remove(parts, _known(parts, request), request.now)
        return Answer(204, "json")

    methods = {"GET": get, "HEAD": get, "POST": post, "PUT": put, "DELETE": delete}
    return {"/register": {method: _guarded(parts, operation) for method, operation in methods.items()}}


def _known(parts: Parts, request: Request) -> flow.Known:
    return flow.known(parts, request.query.one("client_id"), from_header(request.header("Authorization")))


def _named(request: Request) -> str | None:
    try:
        return request.query.get("client_id")
    except Refusal:
        return None


def _body(request: Request) -> dict[str, object]:
    if request.content_type != "application/json":
        raise Refusal(Code.INVALID_REQUEST, "The body must be application/json.", reason="wrong_content_type")
    return read_body(request.body)


def _guarded(parts: Parts, operation: Callable[[Request], Answer]) -> Operation:
    """Refusals in the form of RFC 7591 §3.2.2, and of RFC 6750 §3 where the token is at fault; too many of these answer 429 (RFC 6585 §4)."""

    def guarded(request: Request) -> Answer:
        try:
            return operation(request)
        except ClientError as error:
            return json_answer(400, {"error": error.code.value, "error_description": error.public})
        except Refusal as refusal:
            if refusal.code is Code.INVALID_TOKEN:
                refusal = flow.failed(parts, refusal, request.now, request.remote, request.reference, _named(request))
            if refusal.retry_after_s:
                return refusal_answer(refusal)
            told = challenge(refusal, sent=request.header("Authorization") is not None)
            headers = (("WWW-Authenticate", told),) if refusal.code is Code.INVALID_TOKEN else ()
            status = STATUS.get(refusal.code, 400)
            return json_answer(status, {"error": refusal.code.value, "error_description": refusal.public}, headers)

    return guarded
