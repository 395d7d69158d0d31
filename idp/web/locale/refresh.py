"""Maintainers only: bring the catalogue up to date with templates and code, then compile it.

``python -m idp.web.locale.refresh`` adds new sentences with an empty translation and drops those that nobody says any more. Fill the empty
ones in ``messages.po`` and run it again. The tests refuse a sentence without translation and a compiled file older than its source.
"""

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

WEB = Path(__file__).parent.parent
PO = Path(__file__).parent / "zh_Hans" / "LC_MESSAGES" / "messages.po"
MO = PO.with_suffix(".mo")
_KEYWORDS = {**DEFAULT_KEYWORDS, "lazy_gettext": None, "lazy_ngettext": (1, 2)}
_NO_DATE = datetime(1970, 1, 1, tzinfo=UTC)
_METHODS = [("templates/**.html", "jinja2"), ("**.py", "python")]
_OPTIONS = {"templates/**.html": {"silent": "false", "newstyle_gettext": "true", "encoding": "utf-8"}}


def said() -> Catalog:
    """Every sentence that a template or a module of ``idp.web`` says, with the file (no line: lines move) that says it."""
    catalog = Catalog(charset="utf-8", fuzzy=False)
    for name, _line, message, comments, context in extract_from_dir(WEB, _METHODS, _OPTIONS, _KEYWORDS):
        catalog.add(message, locations=[(Path(name).as_posix(), 0)], auto_comments=comments, context=context)
    return catalog


def written() -> Catalog:
    """The translations as committed."""
    with PO.open("rb") as file:
        return read_po(file, locale="zh_Hans")


def compiled(catalog: Catalog) -> bytes:
    """The catalogue as the bytes of a ``.mo`` file; the same catalogue always gives the same bytes."""
    catalog.creation_date = catalog.revision_date = _NO_DATE
    out = BytesIO()
    write_mo(out, catalog)
    return out.getvalue()


def save(catalog: Catalog) -> None:
    """Write source and compiled file, sentences in alphabetical order, without lines and dates, so that diffs stay small."""
    catalog.mime_headers = [
        (k, v) for k, v in catalog.mime_headers if "Date" not in k and "Translator" not in k and "Team" not in k
    ]
    with PO.open("wb") as file:
        write_po(
            file, catalog, width=120, sort_output=True, omit_header=True, include_lineno=False, ignore_obsolete=True
        )
    text = PO.read_text(encoding="utf-8")
    PO.write_text(_HEADER + text, encoding="utf-8")
    MO.write_bytes(compiled(written()))


_HEADER = """\
# Simplified Chinese of the pages. The keys are the English sentences.
msgid ""
msgstr ""
"Project-Id-Version: yimen\\n"
"Language: zh_Hans\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""


def main() -> None:
    """Merge, write, compile."""
    catalog = written()
    catalog.update(said(), no_fuzzy_matching=True)
    save(catalog)


if __name__ == "__main__":
    main()
