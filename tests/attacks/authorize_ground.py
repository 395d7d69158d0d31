"""What every attack on the authorization endpoint has to leave as it was."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from werkzeug.test import TestResponse

from idp.records import Account, ClientRow, Consent, Grant, Refresh, Session, UsedAssertion
from tests.kit.house import ISSUER, House

KINDS = (Account, ClientRow, Consent, Grant, Refresh, Session, UsedAssertion)


def rows(house: House) -> list[Any]:
    """Everything that a refused request must not change."""
    return [house.parts.store.find(kind, limit=10_000) for kind in KINDS]


def error_page(house: House, response: TestResponse, *shown_nowhere: str) -> None:
    """A page of ours, 400, leading nowhere, with one event that its reference code finds."""
    assert response.status_code == 400, (response.status, response.headers.get("Location"))
    assert "Location" not in response.headers
    assert response.headers["Content-Type"].startswith("text/html")
    event = house.events("authorization.refused")[-1]
    assert event["stage"] == "page" and event["reference"] in response.text
    for text in shown_nowhere:
        assert text not in response.text
        assert all(text not in value for _, value in response.headers)


def answer(response: TestResponse) -> dict[str, str]:
    """What travelled to the registered redirect URI, with iss."""
    assert response.status_code == 303, response.text
    location = urlsplit(response.headers["Location"])
    assert f"{location.scheme}://{location.netloc}{location.path}" == "https://tax.example/callback"
    fields = dict(parse_qsl(location.query or location.fragment, keep_blank_values=True))
    assert fields["iss"] == ISSUER
    return fields
