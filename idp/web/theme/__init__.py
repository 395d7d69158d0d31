"""The face's workshop: Jinja environment, static assets, languages, formats.

Owns how a page is turned into HTML: the template loader (ours plus the macros of ``govuk-frontend-jinja``), content-hashed asset URLs, the
choice of language, dates. Never reads a request, a cookie, a clock or the database, and decides nothing: pages hand in plain
values. May be called by ``idp.web`` alone.

``install(app)`` once at start; ``render(name, language, **context)`` per page, inside an application context.
"""

from idp.web.theme.assets import StaticFile, asset, static_file, static_files
from idp.web.theme.environment import DEFAULT_PATHS, LANGUAGE_KEY, install, make_environment, render, render_kept
from idp.web.theme.formats import date_text, day_begins, instant_iso, instant_text
from idp.web.theme.language import ENGLISH, HANS, LANGUAGES, choose_language, locale_name

__all__ = [
    "DEFAULT_PATHS",
    "ENGLISH",
    "HANS",
    "LANGUAGES",
    "LANGUAGE_KEY",
    "StaticFile",
    "asset",
    "choose_language",
    "date_text",
    "day_begins",
    "install",
    "instant_iso",
    "instant_text",
    "locale_name",
    "make_environment",
    "render",
    "render_kept",
    "static_file",
    "static_files",
]
