"""What every page shares: the frame with language, service and policy; error pages; the request as the edge read it."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from flask import Response, current_app, request
from flask_babel import force_locale
from flask_babel import gettext as _

from clients.model import Client
from idp.errors import Refusal
from idp.flows import service_names
from idp.flows.authorize import Caller
from idp.flows.interactions import Opened
from idp.parts import Parts
from idp.protocol.respond import ToClient, add_query
from idp.records import Account, ClientLogo
from idp.web.cookies import BROWSER, LANGUAGE, SESSION, name, set_cookie
from idp.web.edge import FOR_PEOPLE
from idp.web.theme import LANGUAGES, choose_language, locale_name, render, render_kept
from idp.web.wire import Request, page_policy
from idp.web.wording import LATER, PROBLEMS, again_in

LANGUAGE_AGE_S = 365 * 86400
BROWSER_AGE_S = 30 * 86400
NAMES = {"zh-Hans": "简体中文", "en": "English"}
_PARTS = "yimen.parts"
FRAME = "yimen.frame"
"""Environ key of what an error page of the console shows around itself."""
READER = "yimen.reader"
"""Environ key of the language that the account of whoever is signed in remembers."""
STAFF_PROBLEMS = {"not_found": "staff_not_found", "forbidden": "staff_forbidden", "bad_request": "own_form"}
"""The same problem told to staff."""


def current() -> Request:
    """The request as the edge read it: ``now``, ``remote``, ``reference``, ``cookies``."""
    found: Request = request.environ["yimen.request"]
    return found


def parts_of_app() -> Parts:
    """The parts of the application that answers."""
    found: Parts = request.environ[_PARTS]
    return found


def cookie(kind: str) -> str | None:
    """Our cookie of one kind (``idp.web.cookies``) as the browser sent it."""
    return current().cookies.get(name(parts_of_app().config, kind))


def caller(browser: str | None) -> Caller:
    """Who goes on in an interaction: this browser, with its session."""
    seen = current()
    return Caller(seen.now, seen.reference, cookie(SESSION), browser, remote=seen.remote)


def language(ui_locales: str | None = None, account: str | None = None) -> str:
    """The language of everything on the page: ``?lang`` just chosen, then ``ui_locales``, what was chosen at this browser, the account's
    (``account``, else that of :func:`speak_to`), the browser's, the house's."""
    chosen = request.args.get("lang")
    if chosen in LANGUAGES:
        return chosen
    here, accepted = cookie(LANGUAGE), current().header("Accept-Language")
    account = None if here in LANGUAGES else account or request.environ.get(READER)
    if not (ui_locales or account or here or accepted):
        return parts_of_app().config.default_locale
    return choose_language(ui_locales, account, here, accepted)


def others(lang: str) -> tuple[str, ...]:
    """The languages that a page is not in."""
    return tuple(tag for tag in LANGUAGES if tag != lang)


def speak_to(account: Account) -> None:
    """From here on the answer to this request is for the person of this account."""
    request.environ[READER] = account.locale


def page(
    template: str,
    status: int = 200,
    *,
    form_action: Iterable[str] = (),
    frame_src: Iterable[str] = (),
    ui_locales: str | None = None,
    locale: str | None = None,
    here: str | None = None,
    alike: Collection[str] | None = None,
    **context: Any,
) -> Response:
    """One page in the reader's language.

    ``form_action``: sources where a form's chain may end besides us (:func:`form_source`); ``locale``: the account's language; ``here``: path
    (with its query) of the GET page that stands for this one, for the language links; by default this page's own when it was a GET; ``alike``:
    the page says nothing of a person, shows no reference, and is the same for everyone but for these values (``idp.web.theme.render_kept``).
    """
    lang = language(ui_locales, locale)
    if alike is None:
        context.setdefault("reference", current().reference)
    context.setdefault("language_links", language_links(here))
    if callable(context.get("service")):
        context["service"] = context["service"](lang)
    html = render(template, lang, **context) if alike is None else render_kept(template, lang, alike, **context)
    response = Response(html, status, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = page_policy(form_action, frame_src)
    response.headers["Content-Language"] = lang
    if request.args.get("lang") in LANGUAGES:
        response.headers.add(*set_cookie(parts_of_app().config, LANGUAGE, lang, LANGUAGE_AGE_S))
    return response


def language_links(here: str | None = None) -> list[tuple[str, str, str]]:
    """The same page in each language. The path is quoted anew: a backslash in it would lead to another host (WHATWG URL §4.4)."""
    here = _asked_again() if here is None else here
    mark = "&" if "?" in here else "?"
    return [(tag, NAMES[tag], f"{here}{mark}lang={tag}") for tag in LANGUAGES]


def _asked_again() -> str:
    """The address to ask for again: this page's own. What was posted is not sent again: there the form's own page, else the start page. Nor is a
    request to a protocol endpoint, of which nothing is proven."""
    asked = current()
    if asked.path in FOR_PEOPLE:
        return "/"
    path = "/" + quote(asked.path.lstrip("/"))
    if not _repeatable():
        adapter = current_app.create_url_adapter(request)
        return path if adapter is not None and adapter.test(asked.path, "GET") else "/"
    kept = [(k, v) for k, v in request.args.items(multi=True) if k != "lang"]
    return f"{path}?{urlencode(kept)}" if kept else path


def _repeatable() -> bool:
    """Whether asking for the same address again shows the same page."""
    asked = current()
    return asked.method in ("GET", "HEAD") and asked.path not in FOR_PEOPLE


def service_view(client: Client | None, lang: str | None = None, redirect_uri: str = "") -> dict[str, Any] | None:
    """The ``service`` of a template: who asks, in one language (the page's by default). URIs are https by registration rules."""
    if client is None:
        return None
    parts, lang = parts_of_app(), lang or language()
    named = service_names.named(parts, client, lang, redirect_uri)
    logo = parts.store.count(ClientLogo, {"client_id": client.client_id})
    return {
        "name": named.name,
        "department": named.department,
        "logo_url": f"/logo/{client.client_id}" if logo else None,
        "policy_uri": client.in_language("policy_uri", (lang,)),
        "tos_uri": client.in_language("tos_uri", (lang,)),
        "client_uri": client.in_language("client_uri", (lang,)),
    }


def interaction_context(opened: Opened) -> dict[str, Any]:
    """What every page inside an interaction hands to :func:`page`: service, language wish, return path, policy, links that keep the journey."""
    query = urlencode({"handle": opened.handle})
    return {
        "service": lambda lang: service_view(opened.client, lang, opened.interaction.request.redirect_uri),
        "ui_locales": opened.interaction.request.ui_locales,
        "here": opened.path,
        "form_action": (form_source(opened.interaction.request.redirect_uri),),
        "links": {
            "sign_up": f"/sign-up?{query}",
            "forgot": f"/forgot?{query}",
            "sign_in": f"{opened.path}?other=1" if "create" in opened.interaction.request.prompt else opened.path,
            "recovery_code": f"/sign-in/recovery-code?{query}",
            "totp": opened.path,
            "other_account": f"{opened.path}?other=1",
        },
    }


def form_source(redirect_uri: str) -> str:
    """The CSP source that a form's chain of redirects may end at: the client's origin; a bare scheme for apps and IPv6 literals (CSP3 §2.3.1)."""
    parts = urlsplit(redirect_uri)
    if parts.scheme in ("https", "http") and not parts.netloc.startswith("["):
        return f"{parts.scheme}://{parts.netloc}"
    return f"{parts.scheme}:"


def back_to(client: Client | None, lang: str) -> tuple[str, str] | None:
    """(label, URI) of the way back to a service that registered one."""
    if client is None:
        return None
    target = client.in_language("client_uri", (lang,))
    if client.initiate_login_uri:  # OpenID Connect Core §4: the service starts again by itself
        target = add_query(client.initiate_login_uri, {"iss": parts_of_app().config.issuer})
    if not target or urlsplit(target).scheme not in ("https", "http"):
        return None
    with force_locale(locale_name(lang)):
        return _("Go back to the service"), target


def problem_page(
    problem: str,
    status: int,
    *,
    client: Client | None = None,
    code: str = "",
    detail: str = "",
    retry_after_s: int | None = None,
    **context: Any,
) -> Response:
    """An error page in the words of ``wording.PROBLEMS[problem]``; with the service and a way back when the client is known.

    ``retry_after_s``: when to come back, told in the header and in words (RFC 9110 §10.2.3).
    """
    own: dict[str, Any] = request.environ.get(FRAME, {})
    words = PROBLEMS[(STAFF_PROBLEMS if own else {}).get(problem, problem)]
    context = {**own, **context}
    context.setdefault("ui_locales", request.args.get("ui_locales"))  # OpenID Connect Core §3.1.2.1
    lang = language(context.get("ui_locales"))
    context.setdefault("back", back_to(client, lang))
    if not own and context.get("here") is None and not _repeatable():
        context["also_in"] = others(lang)
    context.setdefault("service", lambda lang: service_view(client, lang))
    answer = page(
        "error.html",
        status,
        title=words.title,
        happened=words.happened,
        todo=[again_in(retry_after_s) if retry_after_s and line is LATER else line for line in words.todo],
        code=code,
        detail=detail,
        **context,
    )
    if retry_after_s:
        answer.headers["Retry-After"] = str(retry_after_s)
    return answer


def later_page(refusal: Refusal) -> Response:
    """429 with Retry-After (RFC 6585 §4): too much came from one address, and nothing more of it is kept. Names no service: it costs no read."""
    return problem_page("flood", 429, code=refusal.code.value, retry_after_s=refusal.retry_after_s, service=None)


def error_page(status: int, title: str, what: str, do: str | Iterable[str], **context: Any) -> Response:
    """An error page in one's own translated words: what happened, what the citizen can do."""
    todo = (do,) if isinstance(do, str) else tuple(do)
    return page("error.html", status, title=title, happened=what, todo=todo, **context)


def see_other(path: str, headers: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> Response:
    """303 to a path of our own or a proven redirect URI (RFC 9700 §4.12)."""
    response = Response(status=303)
    response.headers["Location"] = path
    for key, value in headers.items() if isinstance(headers, Mapping) else headers:
        response.headers.add(key, value)
    response.headers["X-Yimen-Class"] = "redirect"
    response.autocorrect_location_header = False
    return response


def browser_cookie(value: str) -> tuple[str, str]:
    """The Set-Cookie header of the ``browser`` cookie."""
    return set_cookie(parts_of_app().config, BROWSER, value, BROWSER_AGE_S)


def to_client(outcome: ToClient) -> Response:
    """The answer to the client in its response mode (Form Post Response Mode §2)."""
    if outcome.mode != "form_post":
        return see_other(outcome.location)
    return page(
        "form_post.html",
        action=outcome.redirect_uri,
        fields=dict(outcome.fields),
        form_action=(form_source(outcome.redirect_uri),),
        language_links=(),
    )
