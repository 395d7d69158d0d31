"""Jinja and Flask-Babel, set up once."""

import re
from collections.abc import Collection
from contextvars import ContextVar
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from babel.support import NullTranslations, Translations
from flask import Flask, has_request_context, render_template, request
from flask_babel import Babel, force_locale
from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader, PackageLoader, PrefixLoader
from jinja2.runtime import Macro
from markupsafe import Markup, escape

from idp.web.theme.assets import asset
from idp.web.theme.formats import date_text, instant_iso, instant_text
from idp.web.theme.language import HANS, LANGUAGES, locale_name

WEB = Path(__file__).parent.parent
LANGUAGE_KEY = "yimen.language"
"""WSGI environ key under which a page's language waits for Flask-Babel; set it before translating outside :func:`render`."""

DEFAULT_PATHS = {
    "home": "/",
    "sign_in": "/sign-in",
    "sign_up": "/sign-up",
    "forgot": "/forgot",
    "account": "/account",
    "security": "/account/security",
    "sessions": "/account/sessions",
    "services": "/account/services",
    "change_password": "/account/password",
    "contacts": "/account/contacts",
    "enrol_totp": "/account/totp",
    "recovery_codes": "/account/recovery-codes",
    "approvals": "/approvals",
    "console": "/console",
    "directory": "/services",
    "logout": "/logout",
    "history": "/account/history",
    "data": "/account/data",
    "copy": "/account/copy",
    "delete": "/account/delete",
}
_SPOKEN: ContextVar[NullTranslations] = ContextVar("spoken", default=NullTranslations())  # noqa: B039  has no state
_HYPHENATED = re.compile(r"\w+-\w+")
_GOVUK = {
    "input": "govukInput",
    "password-input": "govukPasswordInput",
    "button": "govukButton",
    "error-summary": "govukErrorSummary",
    "warning-text": "govukWarningText",
}
"""The components of GOV.UK that our templates use, and their macros."""
_CONTEXT: dict[str, Any] = {
    "service": None,
    "account": None,
    "hidden": {},
    "errors": {},
    "values": {},
    "action": "",
    "reference": "",
    "language_links": (),
    "language_posts": False,
    "also_in": (),
}


def make_environment(environment: Environment, zone: str = "Asia/Shanghai") -> Environment:
    """Give a Jinja environment our loader, globals and filters; autoescaping is on for every name. ``zone`` is the IANA zone of dates."""
    environment.loader = _loader()
    environment.autoescape = True
    environment.globals.update(asset=asset, component=Components(), said_in=_said_in)
    for name, macro in _GOVUK.items():  # once: a page that imports them looks through every global for each
        environment.globals[macro] = getattr(
            environment.get_template(f"govuk_frontend_jinja/components/{name}/macro.html").module, macro
        )
    environment.filters.update(when=_when_filter(zone), day=_day_filter(zone), unbroken=_unbroken)
    return environment


def _unbroken(text: str) -> Markup:
    """Words with a hyphen in one piece, for a heading: no line ends inside them."""
    return Markup(_HYPHENATED.sub(r'<span class="ym-whole">\g<0></span>', str(escape(text))))  # noqa: S704  escaped


def install(app: Flask, zone: str = "Asia/Shanghai") -> None:
    """Teach a Flask app our templates and both languages. Call once, before the first request."""
    make_environment(app.jinja_env, zone)
    Babel(
        app,
        default_locale="en",
        default_translation_directories=str(WEB / "locale"),
        locale_selector=_locale_of_request,
        default_timezone=zone,
    )
    app.jinja_env.install_gettext_callables(_gettext, _ngettext, newstyle=True)  # type: ignore[attr-defined]
    # Jinja's own are four calls deep, and a page says twenty things.
    app.jinja_env.globals.update(_=_said, gettext=_said)


def render(name: str, language: str, /, **context: Any) -> str:
    """One page as HTML in one language. ``links`` overrides single paths of :data:`DEFAULT_PATHS`; missing common context gets its default."""
    language = language if language in LANGUAGES else HANS
    links = {**DEFAULT_PATHS, **context.pop("links", {})}
    locale = locale_name(language)
    spoken = _SPOKEN.set(_catalogue(locale))
    try:
        with force_locale(locale):
            return render_template(name, **{**_CONTEXT, **context, "lang": language, "links": links})
    finally:
        _SPOKEN.reset(spoken)


class Pages:
    """Whole pages that say nothing of a person, each rendered once for the same context; what differs from visit to visit (a form's proof, a
    journey's handle) is put in its place. Bounded: emptied when full.
    """

    MOST = 256
    PLACES = "\ue000\ue001\ue002"

    def __init__(self) -> None:
        self._made: dict[tuple[str, str, str], str] = {}

    def __call__(self, name: str, language: str, own: Collection[str], /, **context: Any) -> str:
        """As :func:`render`. ``own``: at most three values of this visit alone, URL-safe, which stand in ``context``."""
        key = (name, language, self._without(own, repr(context)))
        made = self._made.get(key)
        if made is None:
            html = render(name, language, **context)
            if any(place in html for place in self.PLACES):  # a service's name may hold any letter
                return html
            if len(self._made) >= self.MOST:
                self._made.clear()
            made = self._made[key] = self._without(own, html)
        for place, value in zip(self.PLACES, own, strict=False):
            made = made.replace(place, value)
        return made

    def _without(self, own: Collection[str], text: str) -> str:
        for place, value in zip(self.PLACES, own, strict=False):
            text = text.replace(value, place)
        return text


render_kept = Pages()


def _said(text: str, /, **values: Any) -> Markup:
    """A template's words, as Jinja's newstyle gettext says them: what stands in them is escaped."""
    spoken = _SPOKEN.get()
    return Markup(spoken.ugettext(text)) % values if values else _plain(spoken, text)  # noqa: S704  our own words


@lru_cache(maxsize=8192)
def _plain(spoken: NullTranslations, text: str) -> Markup:
    return Markup(spoken.ugettext(text)) % {}  # noqa: S704  our own words


def _said_in(language: str, text: object) -> str:
    """Words of ``idp.web.wording`` in another language than the page's."""
    with force_locale(locale_name(language)):
        return str(text)


def _gettext(text: str) -> str:
    """Flask-Babel would find locale and catalogue anew for each text; a page has one language."""
    return _SPOKEN.get().ugettext(text)


def _ngettext(one: str, many: str, n: int) -> str:
    return _SPOKEN.get().ungettext(one, many, n)


@lru_cache(maxsize=8)
def _catalogue(locale: str) -> NullTranslations:
    return Translations.load(WEB / "locale", [locale])


class Components:
    """GOV.UK's components, each made once for the same parameters: a form's fields are a third of a sign-in page's work.

    What a person typed (``value``) is never kept. Bounded: emptied when full.
    """

    MOST = 512

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], str] = {}

    def __call__(self, macro: Macro, params: dict[str, Any]) -> str:
        """The component's markup: autoescaping is on, so that a macro answers markup."""
        if params.get("value"):
            return macro(params)
        key = (macro.name, repr(params))
        found = self._made.get(key)
        if found is None:
            if len(self._made) >= self.MOST:
                self._made.clear()
            found = self._made[key] = macro(params)
        return found


def _loader() -> BaseLoader:
    ours = FileSystemLoader(WEB / "templates")
    return ChoiceLoader([ours, PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")})])


def _locale_of_request() -> str:
    language = request.environ.get(LANGUAGE_KEY, HANS) if has_request_context() else HANS
    return locale_name(language)


def _day_filter(zone: str) -> Any:
    def day(at: int, language: str) -> Markup:
        """The day of an instant as a ``<time>`` element."""
        moment = instant_iso(at, zone)[:10]
        return Markup('<time datetime="{}">{}</time>').format(
            moment, escape(date_text(date.fromisoformat(moment), language))
        )

    return day


def _when_filter(zone: str) -> Any:
    def when(at: int, language: str) -> Markup:
        """An instant as a ``<time>`` element."""
        return Markup('<time datetime="{}">{}</time>').format(
            instant_iso(at, zone), escape(instant_text(at, language, zone))
        )

    return when
