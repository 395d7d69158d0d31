"""Signing in, outside and inside an authorization."""

import pytest

from tests.kit.house import House
from tests.kit.person import PASSWORD, Person, enrol, totp_now


@pytest.fixture
def li_wei(house: House) -> Person:
    house.citizen("li.wei", "li.wei@example.cn", "13800138000", password=PASSWORD)
    return Person(house)


@pytest.mark.parametrize("typed", ["li.wei", " LI.WEI ", "li.wei@example.cn", "Li.Wei＠Example.CN", "138 0013 8000", "+8613800138000"])
def test_any_spelling_of_any_identifier_signs_in(li_wei: Person, typed: str) -> None:
    answer = li_wei.sign_in(typed)
    assert answer.status_code == 200
    assert answer.request.path == "/account"
    assert "李伟" in answer.text
