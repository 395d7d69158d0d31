"""One visit to a page of the citizen's journeys: who calls, in which interaction, with which proof; and the answer's cookies.

Inside an authorization every page carries its handle; outside there is none and the journey ends on the account page.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from flask import Response
from flask_babel import lazy_gettext as _

from idp.authn.device import device_label
from idp.authn.throttle import Throttled
from idp.flows import interactions, proofs, sessions
from idp.flows.interactions import Lost, Opened
from idp.flows.people import Caller, Person, load
from idp.flows.sign_in import SignedIn
from idp.parts import Parts
from idp.web.cookies import BROWSER, SESSION, set_cookie
from idp.web.done_words import DONE
from idp.web.pages.common import (
    browser_cookie,
    cookie,
    current,
    interaction_context,
    language,
    others,
    page,
    problem_page,
    see_other,
    speak_to,
)
from idp.web.wording import FIELD_ERRORS, GO_ON, too_many
from keys.tokens import token_hash

Errors = Mapping[str, str | Throttled]
"""Field → the key of its words in ``wording.FIELD_ERRORS``; or, under no field, that it was tried too often."""


SHOWN = "shown"
"""Field of a form that does nothing but show its page once more, in the language that its address names, with what was typed but for secrets."""


@dataclass(frozen=True, slots=True)
class Visit:
    """``fresh``: the browser got its cookie only now, which the answer must set."""

    parts: Parts
    caller: Caller
    opened: Opened | None
    browser: str
    fresh: bool

    def __repr__(self) -> str:
        return "Visit(…)"

    @property
    def home(self) -> str:
        """Where the journey goes on."""
        return self.opened.path if self.opened else "/account"

    @property
    def bound(self) -> bytes:
        """What forms of this visit are made for: browser and interaction."""
        return self.caller.browser + self.caller.flow

    @property
    def language(self) -> str:
        """The language that the page of this visit is in."""
        return language(self.opened.interaction.request.ui_locales if self.opened else None)

    def path(self, base: str, **query: str) -> str:
        """A page of ours that keeps the interaction."""
        kept = ({"handle": self.opened.handle} if self.opened else {}) | {k: v for k, v in query.items() if v}
        return f"{base}?{urlencode(kept)}" if kept else base

    def hidden(self, action: str, bound: bytes | None = None, **more: str) -> dict[str, str]:
        """The hidden inputs of a form that posts to ``action``."""
        own = {"handle": self.opened.handle} if self.opened else {}
        return {
            **own,
            "proof": proofs.proof(self.parts, bound or self.bound, action),
            **{k: v for k, v in more.items() if v},
        }

    def proven(self, action: str, bound: bytes | None = None) -> bool:
        """Whether the posted form was made by us for just this (RFC 9700 §4.7)."""
        return proofs.holds(self.parts, bound or self.bound, action, field("proof"))


def visit(parts: Parts, opened: Opened | None = None, *, bound: bool = True, touch: bool = True) -> Visit:
    """This request as a visit. ``opened``: the interaction, where the caller has it; ``bound``: a form must come with the browser's cookie;
    ``touch`` false: the session's idle limit is not extended.

    Raises Lost: unknown handle, another browser, no cookie.
    """
    seen = current()
    handle = field("handle") if seen.method == "POST" else seen.query.one("handle")
    shown = opened.browser if opened else cookie(BROWSER)
    hashed = token_hash(parts.ring, "browser", shown) if shown else None
    if opened is None and handle:
        opened = interactions.load(parts, handle, shown, seen.now)
    fresh = hashed is None
    if shown is None or hashed is None:
        if seen.method == "POST" and bound:
            raise Lost("cookies", "no_browser_cookie")
        made = interactions.new_browser(parts)
        shown, hashed = made.token, made.hash
    caller = Caller(
        browser=hashed,
        remote=seen.remote,
        device=device_label(seen.header("User-Agent")),
        reference=seen.reference,
        now=seen.now,
        flow=(token_hash(parts.ring, "handle", opened.handle) or b"") if opened else b"",
        session=sessions.live(parts, cookie(SESSION), seen.now, touch=touch),
    )
    return Visit(parts, caller, opened, shown, fresh)


def field(name: str) -> str:
    """One posted value; empty when absent. Raises Refusal when it came twice."""
    return current().form.one(name) or ""


def show(
    here: Visit,
    template: str,
    *,
    status: int = 200,
    errors: Errors | None = None,
    links: Mapping[str, str] | None = None,
    own: str | None = None,
    again: bool = False,
    once: bool = False,
    **context: Any,
) -> Response:
    """A page of this visit. ``own``: the GET path that stands for this page.

    Where none does, or what was typed would be lost by it: ``again`` if the page is shown once more when its form's ``action`` hears :data:`SHOWN`,
    by which another language can be chosen. Else ``once``: it offers none, which would lead away from it, and says what matters in each. After too
    many tries it is a 429 that says when to come back, in its header and in words (RFC 6585 §4).
    """
    frame: dict[str, Any] = interaction_context(here.opened) if here.opened else {}
    if own is not None:
        frame["here"] = own
    if again:
        frame |= {"here": context["action"], "language_posts": True}
    if once:
        frame |= {"language_links": (), "also_in": others(here.language)}
    frame["links"] = {**frame.get("links", {}), **(links or {})}
    errors = errors or {}
    wait = next((said.retry_after_s for said in errors.values() if isinstance(said, Throttled)), None)
    said = {
        name: FIELD_ERRORS[key] if isinstance(key, str) else too_many(key.retry_after_s, key.rule)
        for name, key in errors.items()
    }
    answer = page(template, status if wait is None else 429, errors=said, **{**frame, **context})
    if wait is not None:
        answer.headers["Retry-After"] = str(wait)
    if here.fresh:
        answer.headers.add(*browser_cookie(here.browser))
    return answer


def onward(here: Visit, outcome: SignedIn, to: str | None = None, *, proved: bool = True) -> Response:
    """Hand the browser its new session and go on: to the interaction, or to ``to``. ``proved``: the citizen proved who they are from the start,
    which the interaction notes; a second factor alone is no new sign-in."""
    if here.opened is not None and proved:
        session = outcome.session
        interactions.note_signed_in(here.parts, here.opened, session.account_id, session.auth_at, here.caller.now)
    target = here.opened.path if here.opened else to or "/account"
    told = outcome.kept and target != "/account"  # which says so itself
    answer = with_session(_kept(here, target) if told else see_other(target), here.parts, outcome)
    answer.headers.add(*browser_cookie(here.browser))  # so that a browser in use stays known
    return answer


def _kept(here: Visit, target: str) -> Response:
    title, text = DONE["kept"]
    return show(here, "change_done.html", once=True, title=title, text=text, next=(GO_ON, target))


def too_old(here: Visit, start: str, status: int = 400) -> Response:
    """The step is over, its form too old or used: one text for all. Back to the service that the citizen came from, else to where the journey
    begins."""
    if here.opened is not None:
        return problem_page("expired", status, client=here.opened.client)
    return problem_page("expired_alone", status, service=None, back=(_("Start again"), start))


def with_session(answer: Response, parts: Parts, outcome: SignedIn) -> Response:
    """Set the session cookie."""
    answer.headers.add(*set_cookie(parts.config, SESSION, outcome.token.token))
    return answer


def renewed(here: Visit, outcome: SignedIn) -> Visit:
    """The same visit under the session's new token, for a page that follows at once."""
    return replace(here, caller=replace(here.caller, session=outcome.session))


def owner(here: Visit) -> Person | None:
    """The person of the living session, whom the answer speaks to from here on."""
    session = here.caller.session
    person = load(here.parts, session.account_id) if session is not None else None
    if session is None or person is None:
        return None
    speak_to(person.account)
    return person


def reader(parts: Parts) -> Person | None:
    """Who is signed in, on a page outside the journeys; the answer speaks to them from here on."""
    session = sessions.live(parts, cookie(SESSION), current().now, touch=False)
    person = load(parts, session.account_id) if session is not None else None
    if person is not None:
        speak_to(person.account)
    return person
