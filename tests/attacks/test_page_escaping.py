"""Hostile text in pages: it is shown, never obeyed."""

import pytest

from tests.web.face_preview import every_page, html
from tests.web.face_samples import attribute, row
from tests.web.test_face_pages import Tree

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus='alert(1)",
    "{{ 7*7 }}{% raw %}",
    "%(code)s %s %d",
    "</title></textarea></form><form action=https://evil.example>",
    "&lt;script&gt;",
    "\u202egpj.exe",
    "`${alert(1)}`",
    "javascript:alert(1)",
]


def counted(tree: Tree) -> list[str]:
    return [tag for tag, _ in tree.elements]


def inert(tree: Tree) -> bool:
    """No event handler, no inline script, no foreign target."""
    attributes = [pair for _, attrs in tree.elements for pair in attrs.items()]
    return not [name for name, _ in attributes if name.startswith("on")] and not [
        value
        for name, value in attributes
        if name in ("href", "src", "action") and value.lower().startswith(("javascript:", "data:", "https://evil"))
    ]


@pytest.mark.attack("A022")
@pytest.mark.parametrize("text", HOSTILE)
def test_form_post_page_returns_state_byte_exact(text: str) -> None:
    """HTML in `state` reaches the form field as written and nothing else (Form Post Response Mode §2)."""
    fields = {"state": text, "error_description": text, text: "v"}
    tree = Tree(html("form_post", "en", "normal", fields=fields))
    sent = {attrs["name"]: attrs["value"] for attrs in tree.all("input")}
    assert sent == fields
    assert inert(tree) and counted(tree).count("form") == 1


@pytest.mark.attack("A022")
@pytest.mark.parametrize("text", HOSTILE)
def test_error_page_shows_error_texts_as_text(text: str) -> None:
    """No text of a refused request becomes markup or a link on the error page (RFC 6749 §4.1.2.1)."""
    plain = Tree(html("error", "en", "normal"))
    tree = Tree(
        html("error", "en", "normal", detail=text, code=text, reference=text, title=text, happened=text, todo=[text])
    )
    assert inert(tree) and text in tree.words
    assert counted(tree).count("script") == counted(plain).count("script")
    assert not [attrs for attrs in tree.all("a") if text in attrs.get("href", "")]


@pytest.mark.attack("A010")
def test_error_page_has_no_link_to_a_foreign_address() -> None:
    """A rejected redirect URI is not clickable: links of an error page lead to our own origin (RFC 9700 §4.11)."""
    tree = Tree(html("error", "en", "normal", detail="https://evil.example/cb"))
    assert [attrs["href"] for attrs in tree.all("a") if not attrs["href"].startswith(("/", "#"))] == []


@pytest.mark.attack("A091")
@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("language", ["zh-Hans", "en"])
def test_client_name_is_text_on_every_page(text: str, language: str) -> None:
    """A client's name and department are escaped wherever they are shown (CWE-79)."""
    service = {
        "name": text,
        "department": text,
        "logo_url": None,
        "policy_uri": None,
        "tos_uri": None,
        "client_uri": None,
    }
    for page, lang, state in every_page():
        if lang != language:
            continue
        plain, tree = Tree(html(page, lang, state)), Tree(html(page, lang, state, service=service))
        assert inert(tree), page
        assert counted(tree).count("script") == counted(plain).count("script"), page


@pytest.mark.attack("A091")
@pytest.mark.parametrize("text", HOSTILE)
def test_user_agent_address_and_names_are_text_in_the_account_pages(text: str) -> None:
    """Device label, address, service names, attribute labels and messages are escaped (CWE-79)."""
    session = {"handle": text, "device": text, "address": text, "since": 0, "last_seen": 0, "current": False}
    service = {
        "handle": text,
        "name": text,
        "department": text,
        "since": 0,
        "last_used": 0,
        "sees": [text],
        "offline": True,
    }
    message = {"at": 0, "to": text, "subject": text, "body": text, "code": text}
    pages = [
        html("sessions", "en", "normal", sessions=[session]),
        html("services", "en", "normal", services=[service]),
        html("outbox", "en", "normal", messages=[message]),
        html("account", "en", "normal", name=text, account=text),
        html("select_account", "en", "normal", accounts=[{"handle": text, "label": text, "signed_in": True}]),
        html("logout_confirm", "en", "normal", services=[text]),
        html("confirm_code", "en", "normal", sent_to=text),
    ]
    for tree in map(Tree, pages):
        assert inert(tree) and text in tree.words
        assert counted(tree).count("script") == 1


@pytest.mark.attack("A020")
@pytest.mark.parametrize("text", HOSTILE)
def test_login_hint_and_typed_values_are_text(text: str) -> None:
    """A prefilled identifier, a field error and hidden values stay inside their attributes (CWE-79)."""
    tree = Tree(
        html("sign_in", "en", "normal", values={"username": text}, errors={"username": text}, hidden={"handle": text})
    )
    inputs = {attrs["name"]: attrs for attrs in tree.all("input")}
    assert inputs["username"]["value"] == text and inputs["handle"]["value"] == text
    assert inert(tree) and counted(tree).count("script") == 1
    known = Tree(html("sign_in", "en", "known", known=text))
    assert inert(known) and text in known.words


@pytest.mark.attack("A091")
@pytest.mark.parametrize("text", HOSTILE)
def test_attribute_values_are_text_on_the_consent_page(text: str) -> None:
    """A citizen's own values, and what a department wrote into its service item, are escaped on the consent page (CWE-79)."""
    wild = row("email", text, text, why=text, source=text, citation=text) | {"id": text, "name": text}
    item = {"title": text, "purpose": text, "kept": text, "absent": [text]}
    items = [item | {"needed": [wild], "lawful": [wild], "optional": [wild]}]
    claims = [attribute("name", text) | {"label": text}]
    tree = Tree(html("consent", "en", "normal", attributes=claims, items=items, always=[text], lasts=[(text, text)]))
    assert inert(tree) and text in tree.words
    assert counted(tree).count("script") == 1
