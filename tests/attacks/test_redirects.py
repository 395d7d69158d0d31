"""Attacks that would send a browser elsewhere, or its credentials along."""

from urllib.parse import urlsplit

import pytest

from tests.kit.house import House
from tests.kit.person import PASSWORD, Person, authorize

ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/%09/evil.example\\",
    "javascript:alert(1)",
    "http:evil.example",
    "\x01//evil.example",
    " //evil.example",
    "///evil.example",
    "evil.example",
    "/a\r\nSet-Cookie: x=y",
    "/\u2028x",
]


@pytest.fixture
def li_wei(house: House) -> Person:
    house.citizen(password=PASSWORD)
    return Person(house)


@pytest.mark.attack("A171")
@pytest.mark.parametrize("next_", ELSEWHERE, ids=ascii)
def test_the_choice_of_language_leads_nowhere_else(li_wei: Person, next_: str) -> None:
    """``next`` is a path of ours or the start page (ASVS 5.1.5; CVE-2021-32618)."""
    answer = li_wei.post("/language", {"language": "en", "next": next_}, follow=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert (
        li_wei.post("/language", {"language": "en", "next": "/account?x=1"}, follow=False).headers["Location"]
        == "/account?x=1"
    )


@pytest.mark.attack("A171")
@pytest.mark.parametrize("name", ["next", "return_to", "to", "continue", "redirect_uri", "url"])
def test_no_parameter_chooses_where_a_sign_in_ends(li_wei: Person, name: str) -> None:
    """After a sign-in, a confirmation or a sign-out the way goes on to a place of ours from a closed set (CVE-2023-49438)."""
    for elsewhere in ELSEWHERE[:4]:
        person = Person(li_wei.house)
        for path in ("/sign-in", "/account/confirm", "/logout"):
            person.get(path)
            extra = {name: elsewhere}
            sent = {"username": "li.wei", "password": PASSWORD, "decision": "stay", **extra}
            answer = person.submit(sent, follow=False)
            assert answer.status_code == 303
            target = urlsplit(answer.headers.get("Location", "/"))
            assert (
                (target.scheme, target.netloc) == ("", "") and target.path.startswith("/") and "evil" not in target.path
            )


@pytest.mark.attack("A170")
def test_no_answer_keeps_the_method_or_names_where_it_came_from(li_wei: Person) -> None:
    """Every redirect after credentials is 303, without referrer, and no page of the way loads a foreign resource (RFC 9700 §4.2, §4.3, §4.12)."""
    import re

    app, answers = li_wei.house.register(), []
    answers.append(authorize(li_wei, app))
    for _ in range(2):
        fields = (
            {"username": "li.wei", "password": PASSWORD}
            if 'id="username"' in li_wei.page.text
            else {"decision": "allow"}
        )
        answers.append(li_wei.submit(fields, follow=False))
        while answers[-1].status_code == 303 and answers[-1].headers["Location"].startswith("/"):
            answers.append(li_wei.get(answers[-1].headers["Location"], follow=False))
    assert {a.status_code for a in answers} == {200, 303} and "code=" in answers[-1].headers["Location"]
    for answer in answers:
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert not re.findall(
            r'(?:src|href)="(?:https?:)?//(?!id\.example)[^"]*\.(?:js|css|png|svg|woff2?)', answer.text
        )
        assert "code=" not in answer.text


@pytest.mark.attack("A049", "A052")
def test_a_revoked_access_token_is_dead_everywhere(house: House) -> None:
    """By itself: its grant lives on, other tokens too; at UserInfo, at introspection, twice (RFC 7009 §2.1, §2.2)."""
    app = house.register()
    account = house.citizen()
    first = house.tokens(app, account)
    second = house.refresh(app, first["refresh_token"]).get_json()
    for hint in ("access_token", "refresh_token"):
        assert (
            house.as_client(app, "/revoke", {"token": first["access_token"], "token_type_hint": hint}).status_code
            == 200
        )
    assert house.userinfo(first["access_token"]).status_code == 401
    assert house.introspect(app, first["access_token"]) == {"active": False}
    assert house.userinfo(second["access_token"]).status_code == 200
    assert len(house.events("token.revoked")) == 1
    house.as_client(app, "/revoke", {"token": second["refresh_token"]})
    assert house.userinfo(second["access_token"]).status_code == 401
