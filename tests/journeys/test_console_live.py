"""Following the log: server-sent events that hold no thread, under the same guard as every page of the console."""

import re
from typing import Any

import msgspec
import pytest

from idp.audit.events import SignInFailed, TokenRequestRefused
from idp.flows import staff
from idp.records import Session
from tests.journeys.test_console import auditor, happen, settle
from tests.kit.house import SECOND, House
from tests.kit.person import Person

FAILED = SignInFailed(reason="wrong_password")


@pytest.fixture
def watch(any_house: House) -> Person:
    return auditor(any_house)


def stream(watch: Person, path: str, last: str = "") -> tuple[list[dict[str, Any]], str]:
    """One answer: what it brings, and the id to go on behind."""
    headers = {"Last-Event-ID": last} if last else {}
    answer = watch._open("GET", path, follow=False, headers=headers)
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/event-stream")
    assert answer.headers["Cache-Control"] == "no-store" and answer.text.startswith("retry: 2000\n\n")
    found = [msgspec.json.decode(line) for line in re.findall(r"^event: found\ndata: (.+)$", answer.text, re.MULTILINE)]
    return found, re.findall(r"^id: (.*)$", answer.text, re.MULTILINE)[-1]


def test_new_events_of_a_search_come_once_each_in_the_readers_language(watch: Person) -> None:
    house = watch.house
    happen(house, FAILED)
    settle(house)
    page = watch.get("/console/events?action=session.refused&lang=en").text
    path = re.findall(r'data-live="([^"]+)"', page)[0].replace("&amp;", "&")
    assert path.startswith("/console/events/live?within=24h&action=session.refused&after=")
    house.clock.advance(60)
    nothing, last = stream(watch, path)
    assert nothing == []
    happen(house, FAILED, TokenRequestRefused(endpoint="token", code="invalid_grant", reason="x"), FAILED)
    settle(house)
    new, newest = stream(watch, path, last)
    assert len(new) == 2 and all("Sign-in failed" in one["html"] and "<li" in one["html"] for one in new)
    assert newest == new[-1]["id"] and f"/console/events/{newest}" in new[-1]["html"]
    house.clock.advance(60)
    assert stream(watch, path, newest) == ([], newest)
    happen(house, FAILED)
    settle(house)
    assert len(stream(watch, path, newest)[0]) == 1


def test_a_search_that_found_nothing_yet_is_followed_from_the_newest_event(watch: Person) -> None:
    house = watch.house
    happen(house, FAILED)
    settle(house)
    nothing, last = stream(watch, "/console/events/live?within=all&action=token.refused", "f" * 32)
    house.clock.advance(60)
    happen(house, TokenRequestRefused(endpoint="token", code="invalid_grant", reason="x"))
    settle(house)
    assert nothing == [] and len(stream(watch, "/console/events/live?within=all&action=token.refused", last)[0]) == 1


@pytest.mark.attack("A165")
def test_the_stream_ends_with_the_role_and_the_session(house: House) -> None:
    """No event stream any more, so that the browser stops asking (ASVS 7.4.1, 8.3.2)."""
    watch = auditor(house)
    stream(watch, "/console/events/live")
    staff.set_roles(house.parts, "wang.audit", ["operator"], now=house.clock())
    answer = watch._open("GET", "/console/events/live", follow=False)
    assert answer.status_code in (303, 403) and "event-stream" not in answer.headers.get("Content-Type", "")


@pytest.mark.attack("A165")
def test_following_keeps_no_idle_session_alive(house: House) -> None:
    """The idle limit counts what a person does (ASVS 7.3.1)."""
    watch = auditor(house)
    before = house.parts.store.find(Session)[0].last_seen_at
    house.clock.advance(120)
    stream(watch, "/console/events/live")
    assert house.parts.store.find(Session)[0].last_seen_at == before
    watch.get("/console/events")
    assert house.parts.store.find(Session)[0].last_seen_at == before + 120 * SECOND


def test_a_bad_search_ends_the_stream_and_too_many_are_refused(house: House) -> None:
    watch = auditor(house)
    assert watch._open("GET", "/console/events/live?person=x", follow=False).status_code == 204
    person = house.parts.store.find(Session)[0].account_id
    house.parts.volatile.bump("console-live", person, 60, 1000)
    assert watch._open("GET", "/console/events/live", follow=False).status_code == 429
