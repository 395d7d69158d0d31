"""Who may enter the console: one table of roles, read at each request, behind two factors."""

import re

import pytest

from idp.flows import proofs, staff
from idp.flows.people import meant
from idp.ports import Update
from idp.records import Account
from idp.web.pages.console_rights import RIGHTS
from keys.tokens import token_hash
from tests.journeys.test_console import auditor
from tests.kit.house import House
from tests.kit.person import PASSWORD, Person
from tests.web.test_routes import pages_of


def rules(house: House) -> list[tuple[str, str, str]]:
    """Every route of the console: method, rule, a path of it."""
    found = [rule for rule in pages_of(house).url_map.iter_rules() if rule.rule.startswith("/console")]
    assert len(found) >= 20
    return [
        (method, rule.rule, re.sub(r"<[^>]+>", "0" * 32, rule.rule))
        for rule in found
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    ]


def enters(person: Person, method: str, path: str) -> int:
    """The status of a request with the right proof of its form."""
    if method == "GET":
        return person.get(path, follow=False).status_code
    hashed = token_hash(person.house.parts.ring, "session", person.cookie() or "") or b""
    return person.post(path, {"proof": proofs.proof(person.house.parts, hashed, path)}, follow=False).status_code


@pytest.mark.attack("A165")
def test_every_route_of_the_console_opens_to_the_roles_of_one_table_alone(house: House) -> None:
    """Deny by default, whatever route is added; no role, another role, a single factor and a bad proof open nothing (ASVS 8.2.1, 8.3.1)."""
    house.citizen("li.wei", password=PASSWORD)
    citizen, one_factor = Person(house), house.signed_in(house.citizen("qian.one"))
    citizen.sign_in()
    staff.set_roles(house.parts, "qian.one", ["auditor", "approver", "operator"], now=house.clock())
    members = {role: auditor(house, f"zhao.{role}", role) for role in ("auditor", "approver", "operator")}
    for method, rule, path in rules(house):
        stranger = house.request(method, path)
        assert (
            stranger.status_code == 400 if method == "POST" else stranger.headers["Location"] == "/sign-in?to=console"
        ), path
        assert enters(citizen, method, path) == 403, path
        for role, person in members.items():
            open_to = role in RIGHTS.get((method, rule), {"auditor"})
            refused = 303 if (method, rule) == ("GET", "/console") else 403
            assert (enters(person, method, path) != refused) == open_to, (role, method, rule)
            if method == "POST":
                assert person.post(path, {"proof": "x"}).status_code == 403, path
        answer = one_factor.open(path, method=method, base_url=house.config.issuer)
        assert answer.status_code in (303, 400, 403) and "yc-panel" not in answer.text, path
    assert {role for roles in RIGHTS.values() for role in roles} == {"auditor", "approver", "operator"}


def test_the_navigation_leads_where_ones_roles_open(house: House) -> None:
    for role, paths in {
        "approver": ["/console/approvals"],
        "operator": ["/console/rules", "/console/log"],
    }.items():
        page = auditor(house, f"sun.{role}", role).get(paths[0]).text
        navigation = page.partition('class="ym-nav"')[2].partition("</nav>")[0]
        assert re.findall(r'href="(/console[^"]*)"', navigation) == paths
        assert 'id="jump"' not in page


@pytest.mark.attack("A165")
def test_the_front_door_leads_staff_to_where_their_role_begins(house: House) -> None:
    """Whoever decides begins at the decisions, whoever runs the house at the log's health; no role and one factor lead nowhere (ASVS 8.2.1)."""
    begins = {"approver": "approvals", "operator approver": "approvals", "operator": "log"}
    for n, (roles, place) in enumerate(begins.items()):
        page = auditor(house, f"he.number{n}", roles).get("/console")
        assert page.status_code == 200 and page.request.path == f"/console/{place}"
    assert auditor(house, "he.reads", "approver auditor").get("/console").request.path == "/console"
    assert auditor(house, "he.other", "").get("/console", follow=False).status_code == 403
    account = house.citizen("he.one")
    house.parts.store.commit([Update(Account, {"id": account}, {"roles": "approver"})])
    one_factor = house.signed_in(account, acr="urn:yimen:acr:1")
    assert one_factor.get("/console", base_url=house.config.issuer).status_code == 403


@pytest.mark.attack("A165")
def test_the_role_is_read_at_each_request(house: House) -> None:
    """A role that was taken away is gone at the next request, with its sessions (ASVS 7.4.2, 8.3.2)."""
    watch = auditor(house)
    assert watch.get("/console").status_code == 200
    account = meant(house.parts, "wang.audit").person
    assert account is not None
    house.parts.store.commit([Update(Account, {"id": account.account.id}, {"roles": "operator"})])
    assert watch.get("/console/events").status_code == 403 and watch.get("/console").request.path == "/console/log"
    staff.set_roles(house.parts, "wang.audit", [], now=house.clock())
    assert watch.get("/console").request.path == "/sign-in"


@pytest.mark.attack("A165")
def test_an_auditor_with_one_factor_gets_nothing(house: House) -> None:
    """A session that proved the password alone is not enough, role or not (ASVS 6.3.3)."""
    account = house.citizen("sun.one")
    house.parts.store.commit([Update(Account, {"id": account}, {"roles": "auditor"})])
    for level, status in (("urn:yimen:acr:1", 403), ("urn:yimen:acr:2", 200)):
        browser = house.signed_in(account, acr=level)
        assert browser.get("/console", base_url=house.config.issuer).status_code == status
