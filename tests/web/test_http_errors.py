"""What is wrong with a request as HTTP, on every route: in the form that is spoken there, in the reader's language."""

import re
from html import unescape

from tests.kit.house import House
from tests.kit.person import Person
from tests.web.test_routes import FILES, SPEAKING_JSON, routes


def test_what_is_wrong_is_told_in_the_form_of_the_place(house: House) -> None:
    """JSON by protocol endpoints (RFC 6749 §5.2), a page to people, JSON to a program that asked a page's path for it."""
    for path, known in routes(house).items():
        method = next(m for m in ("PATCH", "PUT") if m not in known)
        answer = house.request(method, path)
        assert answer.status_code == 405 and answer.headers["Allow"], path
        if path in SPEAKING_JSON:
            assert answer.get_json()["error"] == "invalid_request", path
        elif path in FILES or path.startswith("/static/"):
            assert answer.headers["Content-Type"] == "text/plain; charset=utf-8", path
        else:
            assert 'id="error-code"' in answer.text, path
            told = house.request(method, path, headers={"Accept": "application/json"})
            assert told.get_json()["error"] == "invalid_request" and told.headers["Allow"], path
    missing = house.request("GET", "/nowhere", headers={"Accept": "application/json"})
    assert (missing.status_code, missing.get_json()["error"]) == (404, "not_found")


def test_every_error_page_can_be_read_in_the_other_language(house: House) -> None:
    """Its links ask for the same again, or, after a POST, for the form's own page or the start page; an authorization request of which nothing is
    proven is not repeated: they lead to the start page."""
    app, person = house.register(), Person(house)
    seen = 0
    for path, known in routes(house).items():
        for method in ("GET", "POST", "PUT"):
            answer = person.browser.open(path, method=method, base_url=house.config.issuer)
            if answer.status_code < 400 or not answer.content_type.startswith("text/html"):
                continue
            links = re.findall(r'class="ym-languages__link"[^>]* (?:href|formaction)="([^"]*)"', answer.text)
            assert len(links) == 1 and links[0].startswith("/") and "lang=" in links[0], (method, path, known)
            if 'id="error-code"' in answer.text:
                same = method == "GET" and path not in ("/authorize", "/logout")
                said = 'class="ym-also"' in answer.text
                assert said != same, (method, path, "what its link would lose is said at once")
            seen += 1
    assert seen > 40
    refused = house.authorize(house.browser(), app, redirect_uri="https://evil.example/")
    link = re.search(r'class="ym-languages__link" href="([^"]*)"', refused.text)
    assert link is not None
    again = house.browser().get(unescape(link[1]), base_url=house.config.issuer)
    assert again.status_code == 200 and again.headers["Content-Language"] != refused.headers["Content-Language"]
    assert "evil.example" not in refused.text and "evil.example" not in again.text
