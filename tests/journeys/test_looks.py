"""Who looked at a citizen's words and data stands where the citizen and staff look for it."""

import html
import re

from idp.audit.cases import RevealSeen
from idp.audit.events import record
from idp.flows import objections
from idp.web.theme import instant_iso
from tests.journeys.test_cases import act, objection, opened, staff
from tests.journeys.test_console import auditor, settle
from tests.journeys.test_history import lines
from tests.kit.house import House


def test_whoever_looked_and_what_was_answered_stand_in_the_case(any_house: House) -> None:
    """The citizen sees when their words were read, not by whom; the case who read them and looked, and, once closed, what the citizen was told"""
    house, watch = any_house, auditor(any_house)
    account, li, which = objection(house)
    line = lines(li.get("/account/history"))[0]
    assert 'id="case-read"' not in li.get(f"/account/history/{line}").text
    case = opened(watch, f"objection={which}")
    other = objections.listed(house.parts, "open")[0].id.hex()
    house.clock.advance(60)
    act(watch, case, "read")
    at = house.events("objection.read")[-1]["at"]
    objections.read(house.parts, other, by="cli", now=house.clock() + 1_000_000)
    settle(house)
    page = li.get(f"/account/history/{line}?lang=en").text
    assert page.split('id="case-read"')[1].split("</p>")[0].count("<time") == 2
    assert instant_iso(at) in page and "wang.audit" not in page
    citizen_key, person = house.parts.vault.citizen(account), staff(house)
    fact = RevealSeen(reveal="0" * 32, case=case, fields=("name",), reason="objection", told_from=0)
    another = RevealSeen(reveal="0" * 32, case="1" * 32, fields=("name",), reason="objection", told_from=0)
    for one in (fact, another):
        house.parts.store.commit(
            [
                record(
                    one,
                    at=house.clock() + 2_000_000,
                    entropy=house.parts.entropy,
                    person=citizen_key,
                    actor=person.citizen,
                )
            ]
        )
    settle(house)
    steps = watch.get(f"/console/cases/{case}?lang=en").text.split('id="steps"')[1].split("</ol>")[0]
    said = [" ".join(html.unescape(re.sub("<[^>]+>", " ", step)).split()) for step in steps.split("</li>")[:-1]]
    expected = [
        "wang.audit opened the case",
        "wang.audit read the citizen's words",
        "Command line read the citizen's words",
        "wang.audit looked at what was revealed",
    ]
    assert [line.endswith(end) for line, end in zip(said, expected, strict=True)] == [True] * 4, said
    act(watch, case, "close", outcome="upheld", closing="A bug of the bureau.", answer="We stopped it.")
    page = watch.get(f"/console/cases/{case}").text
    assert "We stopped it." in page and "I never allowed this" not in page
