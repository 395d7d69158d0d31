"""The claims parameter (OpenID Connect Core §5.5)."""

import json

import msgspec
import pytest

from idp.errors import Refusal
from idp.protocol.claims_request import ClaimsRequest, limited, parse, private, stored
from idp.protocol.wishes import Wish

EXAMPLE = """{"userinfo": {"given_name": {"essential": true}, "nickname": null, "http://example.info/claims/groups": null},
 "id_token": {"auth_time": {"essential": true}, "acr": {"values": ["urn:a", "urn:b"]}, "sub": {"value": "248"}}}"""


def test_core_5_5_both_members_with_essential_value_and_values() -> None:
    asked = parse(EXAMPLE)
    assert asked.userinfo["given_name"] == Wish(essential=True)
    assert asked.userinfo["nickname"] == Wish()
    assert asked.id_token["acr"].values == ("urn:a", "urn:b")
    assert asked.id_token["sub"].values == ("248",)
    assert asked.names >= {"given_name", "nickname", "auth_time", "acr", "sub"}


@pytest.mark.parametrize("text", ["{}", '{"userinfo": null}', '{"verified_claims": [1], "x": "y"}'])
def test_core_5_5_other_members_are_ignored(text: str) -> None:
    assert parse(text) == ClaimsRequest()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '"email"',
        "{",
        "[" * 16_000,
        '{"a":' * 3000 + "1" + "}" * 3000,
        '{"userinfo": {}, "userinfo": {"email": null}}',
        '{"userinfo": {"email": null, "email": {"essential": true}}}',
        '{"userinfo": []}',
        '{"userinfo": {"email": true}}',
        '{"userinfo": {"email": {"essential": "true"}}}',
        '{"userinfo": {"email": {"values": "a"}}}',
        '{"userinfo": {"email": {"value": "a", "values": ["b"]}}}',
        '{"userinfo": {"email": {"value": {"a": 1}}}}',
        '{"userinfo": {"x": {"value": NaN}}}',
        '{"userinfo": {"x": {"value": "\\ud800"}}}',
        '{"userinfo": {"\\ud800": null}}',
        '{"userinfo": {"x": {"value": ' + "9" * 5000 + "}}}",
        json.dumps({"userinfo": {f"c{i}": None for i in range(101)}}),
        '{"x": "' + "a" * 16_384 + '"}',
    ],
)
def test_hostile_or_malformed_json_is_invalid_request(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse(text)
    assert (refused.value.code, refused.value.reason) == ("invalid_request", "claims_malformed")


WHERE = {
    '{"userinfo": {"email": true}}': "at userinfo.email asks for a claim with something that is neither null nor an object",
    '{"id_token": []}': "at id_token is not an object of at most 100 claims",
    '{"userinfo": {"email": {"essential": "1"}}}': "at userinfo.email has an essential that is neither true nor false",
    '{"userinfo": x}': "is not JSON from character 14 on",
    '{"userinfo": {"email": null, "email": null}}': "holds a member twice",
    '{"userinfo": {"verified_claims": [{"verification": {"trust_framework": null}, "claims": {"name": 1}}]}}': (
        "at userinfo.verified_claims[0].claims.name asks for a claim with something that is neither null nor an object"
    ),
    '{"userinfo": {"verified_claims": {"verification": {"trust_framework": 1}, "claims": {"name": null}}}}': (
        "at userinfo.verified_claims.verification.trust_framework is neither null nor an object with value or values"
    ),
    '{"userinfo": {"id_matches": {"compare": ""}}}': (
        "at userinfo.id_matches compares with something that is not a text of 1 to 64 characters"
    ),
}


@pytest.mark.parametrize(("text", "where"), WHERE.items())
def test_core_5_5_the_place_and_the_rule_are_named(text: str, where: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse(text)
    assert refused.value.private.startswith(where)
    assert refused.value.public == f"The claims parameter {refused.value.private}."
    assert '"' not in refused.value.public and "\\" not in refused.value.public, "RFC 6749 §5.2"


@pytest.mark.parametrize("name", ["li.wei@example.cn", "11010519491231002X", "13800138000", "李伟", "a b", "x" * 41])
def test_what_is_no_name_of_a_claim_is_not_repeated(name: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse(json.dumps({"userinfo": {name: True}}))
    assert name not in refused.value.public + refused.value.private
    assert refused.value.private.startswith("at userinfo.… ")


def test_what_may_not_be_told_is_left_out_without_an_error() -> None:
    kept = limited(parse(EXAMPLE), frozenset({"acr", "given_name"}))
    assert (set(kept.userinfo), set(kept.id_token)) == ({"given_name"}, {"acr"})


def test_a_grant_keeps_names_and_never_the_values_that_were_asked_for() -> None:
    kept = stored(parse('{"id_token": {"email": {"value": "li.wei@example.cn"}, "name": {"essential": true}}}'))
    assert kept is not None
    assert b"li.wei" not in kept
    assert msgspec.json.decode(kept) == {"id_token": {"email": None, "name": {"essential": True}}}
    assert stored(ClaimsRequest()) is None


MATCH = '{"userinfo": {"national_id_matches": {"compare": "11010519491231002X"}}, "id_token": {"national_id_matches": null}}'


def test_core_5_5_1_a_member_of_our_own_carries_what_is_to_be_compared() -> None:
    asked = parse(MATCH)
    assert asked.compared == {"national_id_matches": "11010519491231002X"}
    assert "11010519491231002X" not in repr(asked) and b"1101" not in (stored(asked) or b"")
    assert b"11010519491231002X" in (private(asked) or b"")
    assert limited(asked, frozenset({"email"})).compared == {}
    assert private(parse('{"userinfo": {"email": {"value": "li.wei@example.cn"}}}')) is None


@pytest.mark.parametrize("number", ["1", "true", "[]", '""', '"' + "1" * 65 + '"', '"1\\u0000"', "{}"])
def test_what_can_not_be_compared_is_invalid_request(number: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse(f'{{"userinfo": {{"national_id_matches": {{"compare": {number}}}}}}}')
    assert refused.value.reason == "claims_malformed"
    assert (
        parse(f'{{"userinfo": {{"email": {{"compare": {number}}}}}}}').compared == {}
    )  # §5.5.1: not understood, ignored


def test_one_claim_is_a_verdict_on_one_number() -> None:
    with pytest.raises(Refusal):
        parse(
            '{"userinfo": {"national_id_matches": {"compare": "1"}}, "id_token": {"national_id_matches": {"compare": "2"}}}'
        )
