"""Service items for tests: written down, drafted and approved in one call."""

from typing import Any

from idp.flows import catalogue
from idp.release.items import read_entry
from idp.release.model import ServiceItem
from tests.kit.house import House

LAW = {"zh": "《住房公积金管理条例》第二十四条", "en": "Regulations on the Housing Fund, article 24"}
LOAN: dict[str, Any] = {
    "code": "loan",
    "department": "tax",
    "titles": {"zh": "公积金贷款", "en": "Housing loan"},
    "purposes": {"zh": "审核贷款申请", "en": "To decide on your loan"},
    "needs": [
        {"attribute": "name", "essential": True},
        {"attribute": "birthdate", "essential": True, "basis": "statutory", "citation": LAW},
        {"attribute": "marital_status"},
        {"attribute": "email"},
    ],
    "retention_days": 730,
}
"""Two attributes that it can't do without, one of them by law, and two that the citizen may add."""
BY_LAW: dict[str, Any] = {
    **LOAN,
    "code": "duty",
    "titles": {"zh": "年度汇算", "en": "Yearly settlement"},
    "needs": [{"attribute": "name", "essential": True, "basis": "statutory", "citation": LAW}],
}


def draft(house: House, document: dict[str, Any]) -> None:
    """Enter an item as a draft; its department is made on first use."""
    house.department(document["department"])
    catalogue.propose(house.parts, [read_entry(document)])


def item(house: House, document: dict[str, Any] = LOAN, **changes: Any) -> ServiceItem:
    """The item, approved."""
    entry = {**document, **changes}
    draft(house, entry)
    catalogue.decide(house.parts, catalogue.draft_of(house.parts, entry["code"]), approve=True)
    found = catalogue.approved(house.parts, entry["code"])
    assert found is not None
    return found
