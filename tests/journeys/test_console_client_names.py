"""A client is looked for by what people call it."""

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from tests.journeys.test_console import auditor, settle
from tests.kit.house import House
from tests.kit.person import Person


@pytest.fixture
def watch(any_house: House) -> Person:
    return auditor(any_house)


TAX: dict[str, Any] = {"client_name": "Tax bureau", "client_name#zh-Hans": "税务局"}


def test_a_client_is_found_by_its_name(watch: Person) -> None:
    """The address holds the id then; where several bear the name the reader chooses (issue 4, §4)"""
    tax = watch.house.register(**TAX)
    social = watch.house.register(client_name="Social security")
    watch.house.register(client_name="Tax bureau, archive")
    settle(watch.house)
    for typed in ("Tax bureau", " tax BUREAU ", "税务"):
        page = watch.get(f"/console/events?{urlencode({'client': typed, 'within': '7d', 'lang': 'en'})}")
        assert dict(parse_qsl(urlsplit(page.request.url).query))["client"] == tax.id, typed
    assert (
        dict(parse_qsl(urlsplit(watch.get("/console/events?client=security").request.url).query))["client"] == social.id
    )
    several = watch.get("/console/events?client=BUREAU&outcome=refused&lang=en")
    assert several.status_code == 400 and "Several clients bear this name" in several.text
    links = re.findall(r'href="(/console/events\?[^"]+)"><bdi>Tax bureau', several.text)
    chosen = [dict(parse_qsl(urlsplit(link.replace("&amp;", "&")).query)) for link in links]
    assert tax.id in [one["client"] for one in chosen] and len(chosen) == 2
    assert all(one["outcome"] == "refused" for one in chosen)
