"""What staff see of keys, clients and alerts, and do about them: each act for a reason, as an event under their pseudonym (issue 4, Build 4)."""

import re
from collections.abc import Callable

import pytest

from idp.audit import facets
from idp.audit.cases import AlertRaised
from idp.audit.events import AttributesReleased, SignInFailed
from idp.errors import Refusal
from idp.flows import client_status, colleagues, key_health, log_alerts
from idp.flows.client_keys import confirm
from idp.flows.keys import rotate
from idp.flows.people import Person as People
from idp.ports import Insert, Update
from idp.records import Account, ClientKeySeen, ClientRow, EventFacet, Grant, SigningKey
from keys.backends import open_root
from tests.journeys.test_cases import staff as member
from tests.journeys.test_console import auditor, found, happen, pseudonym, settle
from tests.journeys.test_reveals import again
from tests.kit.house import House
from tests.kit.person import Person

DAY_S, SECOND = 86_400, 1_000_000
HELD = "h" * 43
FORM = 2
"""Authorizations on the page of an account without a session."""


@pytest.fixture
def watch(any_house: House) -> Person:
    return auditor(any_house)


# Clients --------------------------------------------------------------------------------------------------------------------------


def test_a_client_is_paused_for_a_reason_and_let_on_again(watch: Person) -> None:
    """Its grants end with it; who did it and why stands in the log"""
    house = watch.house
    app, account = house.register("tax"), house.citizen("li.wei")
    token = house.tokens(app, account)["access_token"]
    assert house.userinfo(token).status_code == 200
    path = f"/console/clients/{app.id}"
    for reason in ("", "because"):
        watch.get(path)
        refused = watch.submit(form=1, status="disabled", reason=reason)
        assert refused.status_code == 422 and 'id="reason-error"' in refused.text
    assert watch.submit(form=1, status="gone", reason="misuse").status_code == 400
    assert house.userinfo(token).status_code == 200 and house.events("client.disabled") == []
    watch.get(path)
    assert 'id="let-client-on"' in watch.submit(form=1, status="disabled", reason="misuse").text
    assert house.userinfo(token).status_code == 401
    assert all(grant.ended_at for grant in house.parts.store.find(Grant, {"client_id": app.id}))
    assert 'id="pause-client"' in watch.submit(form=1, status="active", reason="resolved").text
    assert house.userinfo(token).status_code == 401, "what ended stays ended"
    (row,) = house.parts.store.find(ClientRow, {"client_id": app.id})
    assert row.status == "active"
    acts = [house.events(kind)[-1] for kind in ("client.disabled", "client.enabled")]
    assert [(e["reason"], e["actor"]) for e in acts] == [
        (reason, pseudonym(house, "wang.audit")) for reason in ("misuse", "resolved")
    ]


def test_one_authorization_is_ended_for_a_reason(watch: Person) -> None:
    """Its tokens end with it and no other's; nobody ends one by way of somebody else's account"""
    house = watch.house
    account = house.citizen("li.wei")
    app = house.register("tax")
    tax, social = (house.tokens(one, account)["access_token"] for one in (app, house.register("social")))
    other = house.tokens(house.register("housing"), house.citizen("zhang.min"))["access_token"]
    li, zhang = pseudonym(house, "li.wei"), pseudonym(house, "zhang.min")
    (row,) = house.parts.store.find(Grant, {"account_id": account, "client_id": app.id})
    grant = row.id.hex()
    path = f"/console/accounts/{li}"
    for why in ("", "because"):
        watch.get(path)
        refused = watch.submit(form=FORM, end_grant=grant, why_grant=why)
        assert refused.status_code == 422 and 'id="why_grant-error"' in refused.text
    for wrong in (grant, "0" * 32, "x"):
        watch.get(f"/console/accounts/{zhang}")
        assert watch.submit(form=FORM, end_grant=wrong, why_grant="misuse").status_code == 404
    assert [house.userinfo(token).status_code for token in (tax, social, other)] == [200, 200, 200]
    watch.get(path)
    assert watch.submit(form=FORM, end_grant=grant, why_grant="compromised").status_code == 200
    assert [house.userinfo(token).status_code for token in (tax, social, other)] == [401, 200, 200]
    assert watch.submit(form=FORM, end_grant=grant, why_grant="misuse").status_code == 404, "once"
    (told,) = house.events("token.revoked")
    assert (told["token"], told["reason"], told["grant"]) == ("grant", "compromised", grant)
    assert (told["person"], told["actor"]) == (li, pseudonym(house, "wang.audit"))


def lost(house: House, name: str) -> People:
    """A member of staff as they were before their role was taken away."""
    person = member(house, name)
    house.parts.store.commit([Update(Account, {"id": person.account.id}, {"roles": ""})])
    return person


@pytest.mark.attack("A165")
def test_pausing_a_client_wants_the_role_when_it_is_done(any_house: House) -> None:
    """A role that was lost meanwhile pauses nothing, another opens nothing (ASVS 8.3.2)"""
    house, app = any_house, any_house.register("tax")
    auditor(house)
    assert auditor(house, "sun.approve", "approver").get(f"/console/clients/{app.id}").status_code == 403
    with pytest.raises(Refusal):
        client_status.disable(house.parts, app.id, "misuse", now=house.clock(), actor=lost(house, "wang.audit"))
    (row,) = house.parts.store.find(ClientRow, {"client_id": app.id})
    assert row.status == "active" and house.events("client.disabled") == []


@pytest.fixture
def holding(make_house: Callable[..., House]) -> House:
    """A house where a client's new key waits for somebody who stands for it."""
    return make_house(client_key_hold=DAY_S)


def held(house: House, client_id: str) -> None:
    until = house.clock() + DAY_S * SECOND
    house.parts.store.commit([Insert(ClientKeySeen(client_id, "ECDH-ES+A256KW", HELD, house.clock(), until))])


def test_a_new_key_of_a_client_is_approved_by_an_approver(holding: House) -> None:
    """What waits stands on the approvals; once approved it waits no longer, and who stood for it is in the log"""
    house = holding
    app, decider, watch = house.register("tax"), auditor(house, "sun.approve", "approver"), auditor(house)
    assert HELD not in decider.get("/console/approvals").text
    held(house, app.id)
    assert HELD in decider.get("/console/approvals").text and HELD not in watch.get("/console/approvals").text
    assert again(watch, "approve", app.id, "client").status_code == 403
    decider.get("/console/approvals")
    assert again(decider, "refuse", app.id, "client").status_code == 400
    assert [row.held_until is None for row in house.parts.store.find(ClientKeySeen)] == [False]
    assert again(decider, "approve", app.id, "client").status_code == 200
    assert [row.held_until for row in house.parts.store.find(ClientKeySeen)] == [None]
    (event,) = house.events("client.key_changed")
    assert (event["confirmed"], event["thumbprint"], event["actor"]) == (True, HELD, pseudonym(house, "sun.approve"))
    assert HELD not in decider.get("/console/approvals").text


@pytest.mark.attack("A081", "A165")
def test_a_new_key_is_approved_by_nobody_whose_role_is_gone(holding: House) -> None:
    """The right stands in the batch (ASVS 8.3.2)"""
    house, app = holding, holding.register("tax")
    auditor(house, "sun.approve", "approver")
    held(house, app.id)
    person = member(house, "sun.approve")
    rights = [colleagues.holds(person, colleagues.DECIDES)]
    lost(house, "sun.approve")
    with pytest.raises(Refusal):
        confirm(house.parts, app.id, house.clock(), person.citizen, rights)
    assert [row.held_until is None for row in house.parts.store.find(ClientKeySeen)] == [False]


def test_what_waited_long_enough_waits_for_nobody(holding: House) -> None:
    house = holding
    held(house, house.register("tax").id)
    house.clock.advance(DAY_S)
    assert HELD not in auditor(house, "sun.late", "approver").get("/console/approvals").text


# Keys -----------------------------------------------------------------------------------------------------------------------------


def keys_of(page: str) -> list[str]:
    """The states in the list of signing keys."""
    table = page.partition('id="signing-keys"')[2].partition("</section>")[0]
    return re.findall(r'class="yc-key">([^<]+)<', table)


@pytest.mark.parametrize("role", ["auditor", "operator"])
def test_the_state_of_the_signing_keys_is_told(any_house: House, role: str) -> None:
    """Each with its state; what is due and not done, and what nothing signs with, is said"""
    house = any_house
    staff = auditor(house, f"he.{role}", role)
    page = staff.get("/console/log?lang=en").text
    assert {"Signs", "Published, signs later"} <= set(keys_of(page))
    assert "All changes of keys were made in time." in page
    assert len(keys_of(page)) == house.parts.store.count(SigningKey)
    house.clock.advance(91 * DAY_S)
    late = auditor(house, f"he.late-{role}", role)
    assert "Does a worker run?" in late.get("/console/log?lang=en").text
    root = open_root(house.config.keys_url)
    rotate(house.parts.store, root, house.config, house.parts.entropy, house.clock())
    page = late.get("/console/log?lang=en").text
    assert "All changes of keys were made in time." in page and "Signs no more, still believed" in keys_of(page)
    house.parts.store.commit(
        [Update(SigningKey, {"alg": "ES256", "state": "active"}, {"state": "retiring"}, rows=None)]
    )
    assert "Nothing signs with: ES256." in late.get("/console/log?lang=en").text


def test_what_was_due_a_moment_ago_is_not_late(house: House) -> None:
    """A worker has time to do it"""
    newest = max(row.activated_at or 0 for row in house.parts.store.find(SigningKey))
    due = newest + 90 * DAY_S * SECOND
    assert [key_health.key_health(house.parts, due + s * SECOND).late for s in (0, 599, 600)] == [False, False, True]


# Alerts and accounts --------------------------------------------------------------------------------------------------------------


def test_the_overview_counts_alerts_and_those_that_are_open(watch: Person) -> None:
    house = watch.house
    assert "0 open alerts" in watch.get("/console?lang=en").text
    for _ in range(2):
        happen(house, AlertRaised(rule="spray", severity="high", group="", count=9, first=0, last=8))
    settle(house)
    page = watch.get("/console?lang=en").text
    chart = page.partition('id="chart-alerts"')[2] or page.partition("chart-alerts")[2]
    assert re.findall(r"<strong>(\d+)</strong>", chart)[0] == "2" and "2 open alerts" in page
    log_alerts.acknowledge(house.parts, str(house.events("alert.raised")[0]["id"]), "handled")
    settle(house)
    assert "1 open alert<" in watch.get("/console?lang=en").text
    assert len(found(watch.get("/console/events?action=alert.raised").text)) == 2


def test_an_account_shows_what_was_released_about_it(watch: Person) -> None:
    house = watch.house
    account, app = house.citizen("li.wei"), house.register("tax")
    release = AttributesReleased(client_id=app.id, grant="a" * 32, claims=("name",), via="userinfo")
    happen(house, release, *[SignInFailed(reason="wrong_password")] * 12, account=account)
    settle(house)
    page = watch.get(f"/console/accounts/{pseudonym(house, 'li.wei')}").text
    listed = page.partition('id="releases"')[2].partition("</section>")[0]
    assert found(listed) == [str(house.events("attributes.released")[-1]["id"])]
    assert "action=attributes.released" in listed


# Accounts by what lists show ------------------------------------------------------------------------------------------------------


def test_a_pseudonym_as_lists_show_it_leads_to_its_account(watch: Person) -> None:
    """Eight characters; where two people's begin alike, neither is meant"""
    house = watch.house
    li, zhang = house.citizen("li.wei"), house.citizen("zhang.min")
    happen(house, SignInFailed(reason="wrong_password"), account=li)
    happen(house, SignInFailed(reason="wrong_password"), account=zhang)
    settle(house)
    whole = pseudonym(house, "li.wei")
    page = watch.get(f"/console/jump?to={whole[:8].upper()}")
    assert page.status_code == 200 and page.request.path == f"/console/accounts/{whole}"
    assert watch.get("/console/jump?to=00000000").status_code == 400
    twin = bytes.fromhex(whole)[:4] + bytes(12)
    house.parts.store.commit([Insert(EventFacet(facets.PERSON, twin, 1))])
    assert watch.get(f"/console/jump?to={whole[:8]}").status_code == 400
    assert watch.get(f"/console/jump?to={whole}").request.path == f"/console/accounts/{whole}"
