"""Forms of every template: what people type never gets into an address by way of a form."""

import re
from pathlib import Path

import pytest

from tests.house.tree import ROOT, name

SEARCHES = {
    "idp/web/templates/_console.html": {"to"},
    "idp/web/templates/console_clients.html": set[str](),
    "idp/web/templates/console_events.html": {
        "from",
        "to",
        "address",
    },  # a handle that stands for an address
}
"""Forms that are sent by GET, so that staff can keep a search as an address → their own fields; ``con.field`` makes the others."""
NAMES_OF_PEOPLE = ("username", "email", "phone", "identifier", "password", "name", "code", "value", "totp", "proof")
TEMPLATES = sorted([*ROOT.glob("idp/web/templates/*.html"), *ROOT.glob("clients/sample_rp/**/*.html")])
FORM = re.compile(r"<form\b[^>]*>.*?</form>", re.DOTALL)


def forms(path: Path) -> list[tuple[str, str]]:
    """(Method as written, the form) of each form in a file; "" where it says none, which means GET (HTML §4.10.18.6)."""
    found = FORM.findall(path.read_text(encoding="utf-8"))
    return [
        (said[1].lower() if (said := re.search(r'^<form[^>]*\bmethod="(\w+)"', form)) else "", form) for form in found
    ]


def test_there_are_forms_to_look_at() -> None:
    """Most pages make theirs by one macro, which posts."""
    assert sum(len(forms(path)) for path in TEMPLATES) >= 6
    assert [method for method, _ in forms(ROOT / "idp/web/templates/_ui.html")] == ["post"]
    assert sum("call ui.form(" in path.read_text(encoding="utf-8") for path in TEMPLATES) > 20


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_a_form_is_posted_or_is_a_search(path: Path) -> None:
    for method, form in forms(path):
        assert method in ("post", "get"), f"{name(path)}: a form without a method goes by GET: {form[:80]}"
        assert method == "post" or name(path) in SEARCHES, f"{name(path)}: what is typed would stand in the address"
    assert not re.search(r"\bformmethod\b", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", SEARCHES)
def test_a_search_asks_for_nobodys_name(path: str) -> None:
    """Its own inputs are the known ones, none of them named like what citizens type; text refuses an ``@`` before it is sent."""
    (form,) = [form for method, form in forms(ROOT / path) if method == "get"]
    own = set(re.findall(r'<(?:input|textarea)\b[^>]*\bname="([^"]+)"', form))
    assert own <= SEARCHES[path] and not own & set(NAMES_OF_PEOPLE)
    for field in re.findall(r'<input\b[^>]*type="text"[^>]*>', form):
        assert 'pattern="[^@]*"' in field
    made = re.search(
        r"{% macro field.*?{% endmacro %}", (ROOT / "idp/web/templates/_console_ui.html").read_text(), re.DOTALL
    )
    assert made is not None and 'pattern="[^@]*"' in made[0]
