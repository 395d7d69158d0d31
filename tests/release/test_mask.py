"""Masks: the owner knows the value again, a stranger learns too little."""

from typing import Any

import pytest

from idp.release.claims import STANDARD
from idp.release.mask import mask


@pytest.mark.parametrize(
    ("claim", "value", "shown"),
    [
        ("name", "李伟", "李*"),
        ("given_name", "伟", "*"),
        ("region_code", "330102", "33****"),
        ("region_code", "3", "*"),
        ("national_id", "1", "*"),
        ("secret_number", "1", "*"),
        ("name", "Konstantinopoulos", "K******"),
        ("email", "li.wei@example.cn", "l***@example.cn"),
        ("email", "l@example.cn", "***@example.cn"),
        ("email", "li.wei@xn--fsqu00a.xn--fiqs8s", "l***@例子.中国"),
        ("phone_number", "+8613800138000", "+86138****8000"),
        ("phone_number", "12345", "****45"),
        ("birthdate", "1990-02-03", "1990-**-**"),
        ("birthdate", "--02-03", "****"),
        ("address", {"formatted": "浙江省杭州市西湖区文三路 1 号"}, "浙江省杭州市****"),
        (
            "address",
            {"country": "CN", "region": "浙江省", "locality": "杭州市", "street_address": "解放路 1 号"},
            "浙江省杭州市****",
        ),
        ("address", {"country": "CN"}, "C*"),
        ("picture", "https://cdn.example/p/1.png", "https://cdn.example/…"),
        ("email_verified", True, "true"),
        ("email_verified", False, "false"),
        ("updated_at", 1_700_000_000, "1700000000"),
        ("gender", "male", "male"),
        ("secret_number", "123456789", "1*******9"),
        ("secret_number", "12", "1*"),
    ],
)
def test_each_claim_has_its_mask(claim: str, value: Any, shown: str) -> None:
    assert mask(claim, value) == shown


@pytest.mark.parametrize("claim", [*STANDARD, "unknown"])
@pytest.mark.parametrize("value", [None, "", "   ", {}, []])
def test_nothing_shows_as_nothing(claim: str, value: Any) -> None:
    assert mask(claim, value) == ""


@pytest.mark.parametrize("claim", ["name", "email", "phone_number", "birthdate", "address", "unknown"])
@pytest.mark.parametrize("value", ["x", "xy", "李伟中", "a@b", "@", "---", "https://", "\u202etxt", "0" * 500])
def test_odd_values_never_show_whole_and_never_fail(claim: str, value: str) -> None:
    shown = mask(claim, value)
    assert len(shown) <= 60
    assert shown != value
