"""Catalogues: drafted, looked at, decided; what is in force everywhere at once; each change an event."""

from typing import Any

import pytest

from idp.errors import Refusal
from idp.flows import catalogue
from idp.flows.catalogue import Proposal
from idp.records import ServiceItemRow
from idp.release.items import read_entry
from idp.release.model import AttributeKind
from tests.kit.catalogue import LOAN, draft, item
from tests.kit.house import House
from tests.kit.sealed import encrypting


def propose(house: House, *documents: dict[str, Any], **more: Any) -> list[Proposal]:
    return catalogue.propose(house.parts, [read_entry(document) for document in documents], **more)


def states(house: House) -> list[tuple[int, str]]:
    return [(row.version, row.state) for row in house.parts.store.find(ServiceItemRow, order=("version",))]


def test_from_draft_to_retired(any_house: House) -> None:
    house = any_house
    house.department()
    assert [p.what for p in propose(house, LOAN, dry_run=True)] == ["new"] and states(house) == []
    assert [(p.what, p.version) for p in propose(house, LOAN)] == [("new", 1)]
    assert house.parts.catalogue.item("loan") is None and states(house) == [(1, "draft")]
    catalogue.decide(house.parts, catalogue.draft_of(house.parts, "loan"), approve=True)
    found = house.parts.catalogue.item("loan")
    assert found is not None and (found.version, found.retention_days) == (1, 730)
    (change,) = propose(house, {**LOAN, "retention_days": 30})[0].changes
    assert (change.what, change.before, change.after) == ("retention_days", "730", "30")
    assert states(house) == [(1, "approved"), (2, "draft")]
    catalogue.decide(house.parts, catalogue.draft_of(house.parts, "loan"), approve=True)
    assert states(house) == [(1, "retired"), (2, "approved")]
    present, earlier = house.parts.catalogue.item("loan"), house.parts.catalogue.version("loan", 1)
    assert present is not None and present.retention_days == 30
    assert earlier is not None and earlier.retention_days == 730
    catalogue.retire(house.parts, "loan")
    assert house.parts.catalogue.item("loan") is None and house.parts.catalogue.items(["loan"]) == {"loan": None}
    told = [(e["item"], e["version"], e["state"], e["by"]) for e in house.events("item.decided")]
    assert told == [("loan", 1, "approved", "cli"), ("loan", 2, "approved", "cli"), ("loan", 2, "retired", "cli")]
    assert [e["version"] for e in house.events("item.drafted")] == [1, 2]


def test_an_import_that_says_the_same_does_nothing(house: House) -> None:
    item(house)
    events = len(house.events())
    assert [p.what for p in propose(house, LOAN)] == ["same"]
    assert states(house) == [(1, "approved")] and len(house.events()) == events


def test_a_second_draft_replaces_the_first(house: House) -> None:
    draft(house, LOAN)
    assert propose(house, {**LOAN, "retention_days": 1})[0].version == 1
    assert states(house) == [(1, "draft")]
    assert catalogue.draft_of(house.parts, "loan").item.retention_days == 1


def test_what_was_looked_at_is_what_is_approved(house: House) -> None:
    """A draft that was replaced between reading and deciding is not approved."""
    draft(house, LOAN)
    seen = catalogue.draft_of(house.parts, "loan")
    propose(house, {**LOAN, "retention_days": 1})
    with pytest.raises(Refusal, match="invalid_request"):
        catalogue.decide(house.parts, seen, approve=True)
    assert states(house) == [(1, "draft")] and house.events("item.decided") == []


def test_a_rejected_draft_stays_and_the_next_one_is_another_version(house: House) -> None:
    draft(house, LOAN)
    catalogue.decide(house.parts, catalogue.draft_of(house.parts, "loan"), approve=False)
    with pytest.raises(Refusal):
        catalogue.draft_of(house.parts, "loan")
    draft(house, {**LOAN, "retention_days": 1})
    assert states(house) == [(1, "rejected"), (2, "draft")]


def test_all_or_none(house: House) -> None:
    house.department()
    with pytest.raises(Refusal) as error:
        propose(house, LOAN, {**LOAN, "code": "other", "department": "nowhere"})
    assert error.value.reason == "department_unknown" and states(house) == []


def test_a_code_belongs_to_its_department(house: House) -> None:
    item(house)
    house.department("social")
    with pytest.raises(Refusal) as error:
        propose(house, {**LOAN, "department": "social"})
    assert error.value.reason == "item_foreign"


CARD = AttributeKind(
    code="card_number", claim="card_number", names={"zh": "社保卡号", "en": "Card number"}, sensitive=True
)


def test_an_operator_adds_an_attribute_and_items_may_need_it(any_house: House) -> None:
    house = any_house
    needing = {**LOAN, "needs": [{"attribute": "card_number"}]}
    house.department()
    with pytest.raises(Refusal):
        propose(house, needing)
    assert [p.what for p in catalogue.extend(house.parts, [CARD], dry_run=True)] == ["new"]
    assert house.parts.catalogue.kind("card_number") is None
    catalogue.extend(house.parts, [CARD])
    assert house.parts.catalogue.kind("card_number") == CARD
    assert [p.what for p in catalogue.extend(house.parts, [CARD])] == ["same"]
    house.register(**encrypting("ECDH-ES+A256KW", "userinfo"))
    item(house, needing)
    with pytest.raises(Refusal) as error:
        catalogue.drop(house.parts, "card_number")
    assert error.value.reason == "attribute_needed"
    catalogue.retire(house.parts, "loan")
    catalogue.drop(house.parts, "card_number")
    assert house.parts.catalogue.kind("card_number") is None
    told = [(e["attribute"], e["state"]) for e in house.events("attribute_kind.changed")]
    assert told == [("card_number", "kept"), ("card_number", "retired")]


@pytest.mark.parametrize(
    "change",
    [
        {"code": "name"},
        {"code": "age_over_18", "claim": "adult"},
        {"claim": "sub"},
        {"claim": "name"},
        {"code": "Card"},
        {"rule": "luhn"},
        {"of": ("birthdate",)},
        {"names": {"zh": "甲"}},
        {"sensitive": False},
        {"claim": "card"},
    ],
)
def test_an_attribute_that_the_catalogue_refuses(house: House, change: dict[str, Any]) -> None:
    import msgspec

    catalogue.extend(house.parts, [CARD])
    with pytest.raises(Refusal):
        catalogue.extend(house.parts, [msgspec.structs.replace(CARD, **change)])
    assert house.parts.catalogue.kind("card_number") == CARD


def test_two_attributes_have_two_claims(house: House) -> None:
    catalogue.extend(house.parts, [CARD])
    other = AttributeKind(code="card_2", claim="card_number", names=CARD.names)
    with pytest.raises(Refusal) as error:
        catalogue.extend(house.parts, [other])
    assert error.value.reason == "attribute_claim"
