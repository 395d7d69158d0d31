"""GET and POST /authorize (OpenID Connect Core §3.1.2)."""

from collections.abc import Callable

from idp.errors import Refusal
from idp.flows import authorize as flow
from idp.flows.authorize import Caller, Outcome, Paused
from idp.parts import Parts
from idp.protocol.params import Params, glimpse
from idp.protocol.respond import ToClient
from idp.web.cookies import BROWSER, SESSION, name, set_cookie
from idp.web.edge import Operation
from idp.web.wire import Answer, Request, ToPage, redirect

BROWSER_AGE_S = 30 * 86400


def operations(parts: Parts) -> dict[str, dict[str, Operation]]:
    """``/authorize``: both methods, the same answers."""
    session, browser = name(parts.config, SESSION), name(parts.config, BROWSER)

    def get(request: Request) -> Answer | ToPage:
        cookies = request.cookies
        caller = Caller(
            request.now, request.reference, cookies.get(session), cookies.get(browser), remote=request.remote
        )
        return _render(parts, _begun(parts, request, lambda: request.query, caller))

    def post(request: Request) -> Answer | ToPage:
        caller = Caller(request.now, request.reference, posted=True, remote=request.remote)
        return _render(parts, _begun(parts, request, lambda: _posted(request), caller))

    return {"/authorize": {"GET": get, "POST": post}}


def _begun(parts: Parts, request: Request, params: Callable[[], Params], caller: Caller) -> Outcome:
    """A request that can't be read is refused on a page; the client that it names, if that much is clear, finds it in its list."""
    try:
        parsed = params()
    except Refusal as refusal:
        sent = request.body.decode("latin-1") if request.method == "POST" else str(request.environ.get("QUERY_STRING"))
        named = glimpse(sent, "client_id")
        return flow.refuse_on_page(parts, parts.clients.get(named) if named else None, None, refusal, caller)
    return flow.begin(parts, parsed, caller)


def _posted(request: Request) -> Params:
    """The body alone; a name that the query gives another value counts as sent twice (RFC 6749 §3.1)."""
    form, query = request.form, request.query
    elsewhere = [name for name in form if name in query and query.every(name) != form.every(name)]
    return Params([*form.pairs(), *((name, v) for name in elsewhere for v in query.every(name))]) if elsewhere else form


def _render(parts: Parts, outcome: Outcome) -> Answer | ToPage:
    match outcome:
        case ToClient(mode="form_post"):
            return ToPage(outcome)
        case ToClient():
            return redirect(outcome.location)
        case Paused(path, None):
            return redirect(path)
        case Paused(path, fresh):
            assert fresh is not None
            return redirect(path, (set_cookie(parts.config, BROWSER, fresh.token, BROWSER_AGE_S),))
        case _:
            return ToPage(outcome)
