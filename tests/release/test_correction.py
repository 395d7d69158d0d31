"""What citizens may say of themselves, and in which form."""

import pytest

from idp.release.correction import ADDRESS, RULES, BadValue, correctable, name_of, value_of

GOOD = [
    ("nickname", " 小  李 ", "小 李"),
    ("name", "O'Brien", "O'Brien"),
    ("name", "\U0002ebf0\u660e", "\U0002ebf0\u660e"),
    ("name", "\U00031350", "\U00031350"),
    ("website", "https://example.cn/~li", "https://example.cn/~li"),
    ("zoneinfo", "Asia/Shanghai", "Asia/Shanghai"),
    ("locale", "zh-Hans-CN", "zh-Hans-CN"),
]
BAD = [
    ("nickname", "x" * 81),
    ("nickname", "a\u202eb"),
    ("nickname", "a\x00b"),
    ("website", "http://example.cn"),
    ("website", "javascript:alert(1)"),
    ("website", "https://user@example.cn"),
    ("website", "https://"),
    ("website", "https://[::1"),
    ("website", 'https://example.cn/"><script>'),
    ("website", "https://example.cn/" + "x" * 300),
    ("zoneinfo", "Mars/Base"),
    ("zoneinfo", "../../etc/passwd"),
    ("locale", "deutsch bitte"),
    ("locale", "x" * 40),
]


@pytest.mark.parametrize(("code", "typed", "value"), GOOD)
def test_good_values_come_in_one_form(code: str, typed: str, value: str) -> None:
    assert value_of(code, {"value": typed}) == value


@pytest.mark.parametrize(("code", "typed"), BAD)
def test_bad_values_are_refused(code: str, typed: str) -> None:
    with pytest.raises(BadValue):
        value_of(code, {"value": typed})


@pytest.mark.parametrize(
    ("name", "error"), [("x" * 81, "name_invalid"), ("\ue000", "value_characters"), ("a\u200db", "value_characters")]
)
def test_too_long_is_another_mistake_than_what_cannot_be_shown(name: str, error: str) -> None:
    with pytest.raises(BadValue) as refused:
        name_of(name)
    assert refused.value.error == error


@pytest.mark.parametrize("code", sorted(RULES))
def test_nothing_takes_it_back(code: str) -> None:
    assert value_of(code, {"value": "  ", "region": " "}) is None


def test_an_address_has_the_members_of_the_specification() -> None:
    """OIDC Core §5.1.1"""
    assert value_of("address", {"region": " 浙江省 ", "locality": "", "evil": "x"}) == {"region": "浙江省"}
    for member in ADDRESS:
        with pytest.raises(BadValue) as refused:
            value_of("address", {member: "x" * 201})
        assert refused.value.field == member


@pytest.mark.parametrize(
    "code", ["birthdate", "gender", "email", "phone_number", "national_id", "updated_at", "picture", "sub", ""]
)
def test_what_decides_about_rights_is_nobodys_own_to_say(code: str) -> None:
    assert not correctable(code, None) and not correctable(code, "self")


@pytest.mark.parametrize("source", ["staff", "police", "sample", "upstream"])
def test_what_others_vouch_for_stays(source: str) -> None:
    assert not correctable("name", source) and correctable("name", "self") and correctable("name", None)
