"""Values of registers are checked when they are entered; computed ones are not kept."""

from typing import Any

import pytest

from idp.errors import Refusal
from idp.flows.staff import enter_accounts
from idp.records import Account
from tests.kit.house import House


@pytest.mark.parametrize(
    "claims",
    [
        {"national_id": "110105194912310021"},
        {"region_code": "999999"},
        {"marital_status": "Married"},
        {"employer_code": "914403001922038217"},
        {"nationality": "china"},
        {"age_over_18": True},
        {"national_id_masked": "110*************2X"},
    ],
)
def test_a_value_of_the_wrong_form(house: House, claims: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as error:
        house.citizen(claims=claims)
    assert error.value.reason == "account_value" and str(next(iter(claims.values()))) not in error.value.public
    assert house.parts.store.count(Account) == 0


def test_of_many_accounts_none_is_made_when_one_holds_a_wrong_value(house: House) -> None:
    documents: list[dict[str, Any]] = [
        {"identifiers": ["one"]},
        {"identifiers": ["two"], "claims": {"national_id": "110105194912310021"}},
    ]
    with pytest.raises(Refusal):
        enter_accounts(house.parts, documents)
    assert house.parts.store.count(Account) == 0


def test_good_values_and_ones_that_no_catalogue_knows(house: House) -> None:
    house.citizen(
        claims={"national_id": "11010519491231002X", "region_code": "330102", "own_note": 1, "birthdate": "long ago"}
    )
    assert house.parts.store.count(Account) == 1
