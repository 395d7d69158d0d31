"""Every page in both languages: what others rely on, and what the security policy demands."""

import re
from html.parser import HTMLParser

import pytest
from flask_babel import force_locale
from werkzeug.test import Client

from idp.audit import kinds
from idp.audit.events import vocabulary
from idp.web.console_words import ERRORS, GROUPS, KINDS, OUTCOMES
from idp.web.theme.environment import WEB
from idp.web.wording import ALWAYS, CLAIMS, FIELD_ERRORS, PROBLEMS, SCOPES
from tests.web.face_preview import every_page, html, preview
from tests.web.face_samples import PAGES, TYPED

NO_END = {"input", "img", "meta", "link", "br", "hr"}
EXPORTED = {
    "console_events": ("within", "outcome", "address"),
    "console_searches": ("search",),
    "console_rule_new": ("search",),
}
"""Page → conditions of its search that go along with the form that exports it."""


class Tree(HTMLParser):
    """Elements with attributes; complains about an unclosed or stray tag."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words = ""
        self.also = ""
        """What a part in another language says."""
        self._open: list[str] = []
        self._apart = 0
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), (tag, attrs)
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in NO_END:
            self._open.append(tag)
        if ("class", "ym-also") in attrs:
            self._apart = len(self._open)

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open.pop() == tag, tag
        if len(self._open) < self._apart:
            self._apart = 0

    def handle_data(self, data: str) -> None:
        if self._apart:
            self.also += data
        else:
            self.words += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.elements if name == tag]

    def ids(self) -> list[str]:
        return [attrs["id"] for _, attrs in self.elements if "id" in attrs]


@pytest.fixture(scope="module")
def trees() -> dict[tuple[str, str, str], Tree]:
    client = Client(preview())
    return {key: Tree(client.get("/page/" + "/".join(key)).get_data(as_text=True)) for key in every_page()}


def test_every_template_has_samples_and_every_sample_a_template() -> None:
    assert {path.stem for path in (WEB / "templates").glob("[a-z]*.html")} - {"base"} == set(PAGES)


def test_nothing_runs_or_paints_from_inside_the_page(trees: dict[tuple[str, str, str], Tree]) -> None:
    """Content-Security-Policy without unsafe-inline: no inline script, style, handler; nothing from elsewhere."""
    for key, tree in trees.items():
        for tag, attrs in tree.elements:
            assert tag not in ("style", "base", "object", "embed"), key
            assert not [name for name in attrs if name == "style" or name.startswith("on")], key
            if tag == "script":
                assert attrs["src"].startswith("/static/") and attrs["type"] == "module", key
            if tag in ("img", "iframe"):
                assert attrs["src"].startswith("/"), key


def test_every_form_posts_what_it_was_given_to_where_it_was_told(trees: dict[tuple[str, str, str], Tree]) -> None:
    for key, tree in trees.items():
        for form in tree.all("form"):
            if form["method"] == "get":  # a search: its address is what is asked, and carries no proof
                assert form["action"].startswith("/console/"), key
            else:
                assert form["method"] == "post" and form["action"].partition("?lang=")[0] == "/done", key
        hidden = {attrs["name"]: attrs["value"] for attrs in tree.all("input") if attrs.get("type") == "hidden"}
        if [form for form in tree.all("form") if form["method"] == "post"] and key[0] != "form_post":
            for name in EXPORTED.get(key[0], ()):
                hidden.pop(name, None)
            assert hidden == {"handle": "h4ndl3", "proof": "pr00f"}, key


def test_ids_are_unique_and_labels_and_summaries_point_at_them(trees: dict[tuple[str, str, str], Tree]) -> None:
    for key, tree in trees.items():
        ids = tree.ids()
        assert len(ids) == len(set(ids)), key
        targets = [attrs["for"] for attrs in tree.all("label")]
        targets += [attrs["href"][1:] for attrs in tree.all("a") if attrs.get("href", "").startswith("#")]
        assert set(targets) <= set(ids), key


@pytest.mark.parametrize(
    ("page", "state", "wanted"),
    [
        ("sign_in", "normal", "username password sign-in"),
        ("sign_in", "known", "username password sign-in"),
        ("totp", "normal", "totp"),
        ("enrol_totp", "normal", "totp totp-secret"),
        ("consent", "normal", "consent-allow consent-deny"),
        ("logout_confirm", "normal", "logout-confirm"),
        ("logout_done", "normal", "logout-done"),
        ("logout_done", "onward", "logout-done logout-continue"),
        ("error", "normal", "error-code"),
    ],
)
def test_elements_that_others_rely_on(page: str, state: str, wanted: str) -> None:
    for language in ("zh-Hans", "en"):
        assert set(wanted.split()) <= set(Tree(html(page, language, state)).ids())


@pytest.mark.parametrize(
    ("page", "field", "autocomplete"),
    [
        ("sign_in", "username", "username webauthn"),
        ("sign_in", "password", "current-password"),
        ("totp", "totp", "one-time-code"),
        ("confirm_code", "code", "one-time-code"),
        ("set_password", "new_password", "new-password"),
        ("set_password", "username", "username"),
        ("change_password", "password", "current-password"),
        ("change_password", "new_password", "new-password"),
    ],
)
def test_password_managers_know_each_field(page: str, field: str, autocomplete: str) -> None:
    """WCAG 2.2 §1.3.5, §3.3.8; nothing forbids pasting."""
    inputs = {attrs["name"]: attrs for attrs in Tree(html(page, "en", "normal")).all("input") if "name" in attrs}
    assert inputs[field]["autocomplete"] == autocomplete


def test_an_error_is_in_title_summary_and_at_its_field() -> None:
    tree = Tree(html("sign_in", "en", "error"))
    links = {attrs["href"] for attrs in tree.all("a")}
    fields = {attrs["name"]: attrs for attrs in tree.all("input") if "name" in attrs}
    assert {"#username", "#password"} <= links
    assert fields["username"]["aria-describedby"] == "username-error" and fields["username"]["value"] == "li.wei"
    assert fields["password"].get("value", "") == ""
    assert re.search(r"<title>\s*Error: ", html("sign_in", "en", "error"))
    assert re.search(r"<title>\s*错误：[^ ]", html("sign_in", "zh-Hans", "error"))


def test_a_password_never_comes_back() -> None:
    typed = {
        "password": "typed-secret",
        "new_password": "typed-secret",
        "repeat_password": "typed-secret",
        "totp": "123456",
    }
    for page in PAGES:
        assert "typed-secret" not in html(page, "en", next(iter(PAGES[page])), values=typed)


def test_chinese_pages_are_chinese(trees: dict[tuple[str, str, str], Tree]) -> None:
    """No English sentence is left in a Chinese page: neither a template's nor a macro's own (Show password, Error:)."""
    allowed = re.compile(
        r"Yimen|Python|English|Cookie|Ctrl|Chrome|Windows|Safari|iPhone|The redirect URI is not registered|localhost|OK|QR|Jiangzhou"
    )
    for (page, language, state), tree in trees.items():
        if language == "zh-Hans":
            left = re.findall(r"\b[A-Z][a-z]{2,}(?: [a-z]+)*", allowed.sub("", tree.words))
            assert left == [], (page, state)
            for _, attrs in tree.elements:
                for name in ("aria-label", "alt", "title", "data-done", "data-i18n.show-password"):
                    assert not re.search(r"[A-Z][a-z]{2,}", allowed.sub("", attrs.get(name, ""))), (page, state, name)


def test_language_links_keep_the_place_and_the_page_says_its_own(trees: dict[tuple[str, str, str], Tree]) -> None:
    for (page, language, state), tree in trees.items():
        assert tree.all("html")[0]["lang"] == language
        other = {"zh-Hans": "en", "en": "zh-Hans"}[language]
        if page in TYPED:
            unseen, switch = (button for button in tree.all("button")[:2])
            assert unseen["form"] == switch["form"] == "typed" and "name" not in unseen, "Enter sends the form itself"
            assert {"formaction": f"/done?lang={other}", "name": "shown", "lang": other}.items() <= switch.items()
            assert [form.get("id") for form in tree.all("form")][:1] == ["typed"], (page, state)
            continue
        if PAGES[page][state].get("language_posts"):
            assert tree.all("form")[0]["action"] == f"/done?lang={other}"
            assert {"name": "shown", "value": "1", "lang": other}.items() <= tree.all("button")[0].items()
            continue
        if PAGES[page][state].get("said_once"):
            assert tree.all("section")[0]["lang"] == other
            assert bool(re.search("[一-鿿]{4}", tree.also)) == (other == "zh-Hans"), tree.also
            continue
        assert {"href": f"/page/{page}/{other}/{state}", "lang": other, "hreflang": other}.items() <= next(
            attrs for attrs in tree.all("a") if "hreflang" in attrs
        ).items()


def test_optional_attributes_are_off_until_turned_on() -> None:
    boxes = [attrs for attrs in Tree(html("consent", "en", "items")).all("input") if attrs.get("type") == "checkbox"]
    assert [(box["name"], box["value"], "checked" in box) for box in boxes] == [
        ("allow/loan/marital_status", "1", False),
        ("allow/loan/email", "1", False),
    ]


def test_wording_knows_every_standard_claim_and_scope() -> None:
    """OpenID Connect Core §5.1, §5.4, §11."""
    standard = (
        "name family_name given_name middle_name nickname preferred_username profile picture website gender birthdate zoneinfo locale "
        "updated_at email email_verified phone_number phone_number_verified address"
    )
    assert set(CLAIMS) == set(standard.split())
    assert set(SCOPES) == {"openid", "profile", "email", "phone", "address", "offline_access"}


def test_the_console_has_words_for_every_kind_of_event_in_both_languages() -> None:
    assert set(vocabulary()) == set(KINDS) and set(GROUPS) == set(kinds.GROUPS) and set(OUTCOMES) == set(kinds.OUTCOMES)
    with preview().test_request_context("/"), force_locale("zh_Hans"):
        assert [str(text) for text in [*KINDS.values(), *ERRORS.values()] if not re.search("[一-鿿]", str(text))] == []


def test_wording_speaks_both_languages() -> None:
    app = preview()
    texts = [*CLAIMS.values(), *SCOPES.values(), *ALWAYS, *FIELD_ERRORS.values()]
    texts += [text for problem in PROBLEMS.values() for text in (problem.title, problem.happened, *problem.todo)]
    with app.test_request_context("/"):
        with force_locale("zh_Hans"):
            assert [str(text) for text in texts if not re.search("[一-鿿]", str(text))] == []
        with force_locale("en"):
            assert [str(text) for text in texts if re.search("[一-鿿]", str(text))] == []
