"""The public directory of service items, and the approvers' page."""

from typing import Any

import pytest

from idp.flows import catalogue
from idp.flows.provision import add_account
from idp.records import ServiceItemRow
from tests.kit.catalogue import LAW, LOAN, draft, item
from tests.kit.house import House
from tests.kit.person import PASSWORD, Person, totp_now
from tests.kit.sealed import encrypting

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def test_anyone_reads_what_is_in_force(house: House) -> None:
    item(house)
    draft(house, {**LOAN, "code": "waiting"})
    for lang, words in {
        "en": ("Housing loan", "tax bureau", "To decide on your loan", "Full name", "Marital status", "optional"),
        "zh-Hans": ("公积金贷款", "tax局", "审核贷款申请", "姓名", "婚姻状况", "可选"),
    }.items():
        page = house.request("GET", f"/services?lang={lang}").text
        assert all(word in page for word in words) and "waiting" not in page
    one = house.request("GET", "/services/loan?lang=en").text
    for word in (LAW["en"], "2 years", "Needed · by law", "Optional · with your consent", "loan"):
        assert word in one
    assert house.request("GET", "/services/waiting").status_code == 404
    assert house.request("GET", "/services/nowhere.json").status_code == 404


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/services.json", {}), ("/services", {"Accept": "application/json"})],
    ids=["ending", "accept"],
)
def test_programs_read_json(house: House, path: str, headers: dict[str, str]) -> None:
    item(house)
    answer = house.request("GET", path, headers=headers)
    assert answer.content_type == "application/json" and answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"] == "public, max-age=300" and "Accept" in answer.headers["Vary"]
    (told,) = answer.get_json()["items"]
    assert (told["code"], told["version"], told["scope"], told["retention_days"]) == ("loan", 1, "service:loan", 730)
    assert told["department"]["names"] == {"zh": "tax局", "en": "tax bureau"} and told["titles"] == LOAN["titles"]
    need = told["attributes"][1]
    assert (need["code"], need["essential"], need["basis"], need["citation"]) == ("birthdate", True, "statutory", LAW)
    same = house.request("GET", path, headers={**headers, "If-None-Match": answer.headers["ETag"]})
    assert (same.status_code, same.data) == (304, b"")
    one = house.request("GET", "/services/loan.json")
    assert one.get_json() == told


def test_a_browser_gets_the_page(house: House) -> None:
    item(house)
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    assert house.request("GET", "/services", headers={"Accept": accept}).content_type.startswith("text/html")


def test_many_items_come_page_by_page(house: House) -> None:
    house.department()
    entries = [{**LOAN, "code": f"item-{n:03}"} for n in range(60)]
    from idp.release.items import read_entry

    catalogue.propose(house.parts, [read_entry(entry) for entry in entries])
    for waiting in catalogue.waiting(house.parts):
        catalogue.decide(house.parts, waiting, approve=True)
    first = house.request("GET", "/services.json").get_json()
    assert len(first["items"]) == 50
    second = house.request("GET", first["next"]).get_json()
    assert len(second["items"]) == 10 and second["next"] is None
    assert "More services" in house.request("GET", "/services?lang=en").text


# Approvers ------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def approver(house: House) -> Person:
    return staff(house, "approver")


def staff(house: House, role: str, *, confirmed: bool = True) -> Person:
    """A signed-in staff account, with both factors proved."""
    document: dict[str, Any] = {"identifiers": [f"wang.{role}"], "password": PASSWORD, "roles": [role]}
    add_account(house.parts, {**document, "totp_secret": SECRET}, "sample")
    person = Person(house)
    person.get("/sign-in")
    person.sign_in(f"wang.{role}")
    if confirmed:
        person.submit(totp=totp_now(house, SECRET))
    return person


def states(house: House) -> list[tuple[int, str]]:
    return [(row.version, row.state) for row in house.parts.store.find(ServiceItemRow, order=("version",))]


def test_an_approver_sees_the_difference_and_decides(house: House, approver: Person) -> None:
    item(house)
    draft(house, {**LOAN, "needs": [*LOAN["needs"], {"attribute": "national_id"}], "retention_days": 900})
    page = approver.get("/approvals?lang=en").text
    for word in ("Housing loan", "tax bureau", "730", "900", "Identity number", "asked again", "only encrypted"):
        assert word in page, word
    for lang, words in (("zh-Hans", "没有任何服务能够加密接收"), ("en", "can receive it encrypted yet")):
        approver.get(f"/approvals?lang={lang}")
        answer = approver.submit(decide=button(approver, "approve"))
        assert answer.status_code == 409 and words in answer.text, answer.text
    assert states(house) == [(1, "approved"), (2, "draft")]
    house.register(**encrypting("ECDH-ES+A256KW", "userinfo"))
    assert "公民身份号码" in approver.get("/approvals?lang=zh-Hans").text
    approver.submit(decide=button(approver, "approve"))
    assert states(house) == [(1, "retired"), (2, "approved")]
    event = house.events("item.decided")[-1]
    assert (event["state"], event["by"]) == ("approved", "approver") and event["actor"] is not None
    assert "Nothing waits" in approver.get("/approvals?lang=en").text


def button(person: Person, how: str) -> str:
    return person.page.text.split(f'value="{how}/')[1].split('"')[0].join((f"{how}/", ""))


def test_a_rejected_draft_changes_nothing(house: House, approver: Person) -> None:
    draft(house, LOAN)
    approver.get("/approvals")
    approver.submit(decide=button(approver, "reject"))
    assert states(house) == [(1, "rejected")] and house.request("GET", "/services/loan").status_code == 404


def test_a_draft_that_changed_since_it_was_shown_is_shown_again(house: House, approver: Person) -> None:
    draft(house, LOAN)
    approver.get("/approvals?lang=en")
    draft(house, {**LOAN, "retention_days": 9999})
    answer = approver.submit(decide=button(approver, "approve"))
    assert answer.status_code == 409 and "9999" in answer.text and "changed or was decided meanwhile" in answer.text
    assert states(house) == [(1, "draft")]


@pytest.mark.parametrize("decide", ["", "approve", "approve/loan", "approve/loan/0", "launch/loan/x", "approve/../x"])
def test_a_made_up_decision(house: House, approver: Person, decide: str) -> None:
    draft(house, LOAN)
    approver.get("/approvals")
    assert approver.submit(decide=decide).status_code in (400, 409)
    assert states(house) == [(1, "draft")]


@pytest.mark.attack("A095", "A129")
@pytest.mark.parametrize("role", ["auditor", "operator"])
def test_other_staff_and_citizens_do_not_approve(house: House, role: str) -> None:
    """The role decides, not the address; whoever has it proves both factors afresh (OWASP ASVS 8.2.1)."""
    draft(house, LOAN)
    person = staff(house, role)
    assert person.get("/approvals").status_code == 403
    citizen = Person(house)
    house.citizen("zhang.min", password=PASSWORD)
    citizen.get("/sign-in")
    citizen.sign_in("zhang.min")
    assert citizen.get("/approvals").status_code == 403
    assert 'id="sign-in"' in Person(house).get("/approvals").text
    assert states(house) == [(1, "draft")]


@pytest.mark.attack("A128", "A129")
def test_a_decision_needs_both_factors_proved_lately(house: House, approver: Person) -> None:
    """An unattended console decides nothing (OWASP ASVS 7.5.1)."""
    draft(house, LOAN)
    approver.get("/approvals")
    chosen = button(approver, "approve")
    house.clock.advance(600)
    approver.get("/approvals")
    approver.submit(decide=chosen)
    assert "/account/confirm" in approver.page.request.path and states(house) == [(1, "draft")]
    approver.submit(password=PASSWORD)
    approver.submit(totp=totp_now(house, SECRET))
    assert approver.page.request.path == "/approvals"
    approver.submit(decide=chosen)
    assert states(house) == [(1, "approved")]


@pytest.mark.attack("A086")
def test_an_approval_from_elsewhere(house: House, approver: Person) -> None:
    """The form's proof is the session's and the page's own (RFC 9700 §4.7)."""
    draft(house, LOAN)
    approver.get("/approvals")
    decide, (action, hidden) = button(approver, "approve"), approver.form()
    assert approver.post(action, {**hidden, "proof": "x", "decide": decide}).status_code == 403
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert approver.post(action, {**hidden, "decide": decide}, foreign).status_code == 403
    assert states(house) == [(1, "draft")]
