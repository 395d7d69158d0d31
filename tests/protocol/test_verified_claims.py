"""Verified claims: how they are asked for and what answers (OpenID Connect for Identity Assurance 1.0 §5, §8)."""

import json
from typing import Any

import msgspec
import pytest

from idp.errors import Refusal
from idp.protocol.claims_request import limited, parse, stored
from idp.protocol.verified_claims import Confirmed, Offered, VerifiedRequest, answer, names, within
from idp.protocol.verified_claims import parse as read

FRAMEWORK = "https://id.example/trust-framework"
OFFERED = Offered(
    framework=FRAMEWORK,
    claims=frozenset({"name", "birthdate", "age_over_18"}),
    records=frozenset({"population_register", "marriage_register"}),
)
DAY = 86_400_000_000
NOW = 20_000 * DAY + 3 * 3_600_000_000
KNOWN = {
    "name": Confirmed(value="李伟", at=NOW - 10 * DAY, record="population_register", source="公安机关"),
    "birthdate": Confirmed(value="1990-02-03", at=NOW - 30 * DAY),
    "age_over_18": Confirmed(value=True, at=NOW - 2 * DAY, record="marriage_register", source="民政部门"),
}
ANY: dict[str, Any] = {"trust_framework": None}


def wish(claims: Any = None, **verification: Any) -> dict[str, Any]:
    return {"verification": {**ANY, **verification}, "claims": {"name": None} if claims is None else claims}


def register(**more: Any) -> dict[str, Any]:
    return {"type": {"value": "electronic_record"}, **more}


def told(asked: Any, allowed: frozenset[str] = OFFERED.claims) -> Any:
    return answer(within(read(asked), allowed, OFFERED), KNOWN, FRAMEWORK, NOW)


def test_5_4_the_least_is_the_trust_framework_and_what_was_asked_for() -> None:
    assert told(wish()) == {"verification": {"trust_framework": FRAMEWORK}, "claims": {"name": "李伟"}}


def test_5_4_time_is_told_where_it_is_asked_for_and_is_the_oldest_day() -> None:
    found = told(wish({"name": None, "birthdate": {"essential": True}}, time=None))
    assert found["verification"]["time"] == "2024-09-04T00:00Z"  # RFC 3339's day 20000 is 2024-10-04
    assert found["claims"] == {"name": "李伟", "birthdate": "1990-02-03"}


def test_5_4_evidence_is_filled_as_the_template_says() -> None:
    deep = register(time=None, record={"type": None, "source": {"name": None}, "derived_claims": {"name": None}})
    found = told(wish({"name": None, "age_over_18": None}, evidence=[deep]))
    police, civil = found["verification"]["evidence"]
    assert police == {
        "type": "electronic_record",
        "time": "2024-09-24T00:00Z",
        "record": {"type": "population_register", "source": {"name": "公安机关"}, "derived_claims": {"name": "李伟"}},
    }
    assert civil["record"] == {"type": "marriage_register", "source": {"name": "民政部门"}}
    assert told(wish(evidence=[register()]))["verification"]["evidence"] == [{"type": "electronic_record"}]
    every = told(wish(evidence=[register(record={"derived_claims": None})]))["verification"]["evidence"]
    assert every == [
        {"type": "electronic_record", "record": {"type": "population_register", "derived_claims": {"name": "李伟"}}}
    ]


def test_5_4_filters_are_alternatives_and_what_rests_on_no_matching_evidence_stays() -> None:
    filters = [{"type": {"value": "document"}}, register(record={"type": {"value": "population_register"}})]
    found = told(wish({"name": None, "birthdate": None, "age_over_18": None}, evidence=filters))
    assert found["claims"] == {"name": "李伟"}
    assert len(found["verification"]["evidence"]) == 1


@pytest.mark.parametrize(
    "verification",
    [
        {"trust_framework": {"value": "eidas"}},
        {"trust_framework": {"values": ["de_aml", "eidas"]}},
        {"time": {"max_age": 3600}},
        {"time": {"max_age": 10 * 86_400}},
        {"time": {"value": "2024-01-01T00:00Z"}},
        {"assurance_level": {"value": "high"}},
        {"assurance_process": {"policy": {"value": "gpg45"}}},
        {"verification_process": {"value": "x"}},
        {"evidence": [{"type": {"value": "document"}}]},
        {"evidence": [{"type": {"value": "electronic_record"}, "check_details": [{"check_method": {"value": "kbv"}}]}]},
        {"evidence": [register(record={"type": {"value": "tax"}})]},
        {"evidence": [register(record={"source": {"name": {"value": "x"}}})]},
        {"evidence": [register(time={"max_age": 60})]},
        {"evidence": [register(record={"created_at": {"max_age": 60}})]},
    ],
    ids=str,
)
def test_5_7_3_what_the_verification_does_not_meet_leaves_the_element_out(verification: dict[str, Any]) -> None:
    assert told(wish(**verification)) is None


@pytest.mark.parametrize(
    "verification",
    [
        {"trust_framework": {"value": FRAMEWORK}},
        {"trust_framework": {"values": ["eidas", FRAMEWORK]}},
        {"time": {"max_age": 11 * 86_400}},
        {"assurance_level": None, "verification_process": None, "assurance_process": {"policy": None}},
        {"unheard_of": {"deep": [1, {"er": None}]}, "txn": None},
        {"evidence": [register(check_details=[{"check_method": None}], time={"max_age": 11 * 86_400})]},
    ],
    ids=str,
)
def test_5_7_1_what_is_not_known_is_left_out_and_demands_nothing(verification: dict[str, Any]) -> None:
    found = told(wish(**verification))
    assert found["claims"] == {"name": "李伟"}
    assert set(found["verification"]) <= {"trust_framework", "time", "evidence"}


def test_5_7_3_a_value_that_a_claim_does_not_have_leaves_that_claim_out() -> None:
    asked = {"name": {"value": "王"}, "birthdate": {"values": ["1990-02-03"]}, "age_over_18": {"value": True}}
    assert told(wish(asked))["claims"] == {"birthdate": "1990-02-03", "age_over_18": True}
    assert told(wish({"name": {"value": "王"}})) is None


def test_5_6_an_array_is_answered_by_those_that_are_met() -> None:
    asked = [
        wish(trust_framework={"value": "gold"}),
        wish(),
        wish({"birthdate": None, "name": None}),
        wish({"ghost": None}),
    ]
    found = told(asked)
    assert [sorted(element["claims"]) for element in found] == [["name"], ["birthdate", "name"]]
    assert names(found) == ("name", "birthdate") and names(told(wish())) == ("name",) and names(None) == ()
    assert told([wish({"ghost": None})]) is None and told([]) is None
    assert isinstance(told([wish()]), list)


def test_nothing_beyond_what_is_allowed_and_offered() -> None:
    assert told(wish({"name": None, "national_id": None}), frozenset({"name", "national_id"}))["claims"] == {
        "name": "李伟"
    }
    assert told(wish(), frozenset({"birthdate"})) is None
    derived = register(record={"derived_claims": {"birthdate": None}})
    assert told(wish(evidence=[derived]))["verification"]["evidence"] == [
        {"type": "electronic_record", "record": {"type": "population_register"}}
    ]


@pytest.mark.parametrize(
    "asked",
    [
        None,
        True,
        "name",
        [None],
        [[]],
        [wish()] * 11,
        {},
        {"claims": {"name": None}},
        {"claims": {"name": None}, "verification": None},
        {"claims": {"name": None}, "verification": []},
        {"claims": {"name": None}, "verification": {}},
        wish({}),
        wish([]),
        wish("name"),
        wish({"name": "x"}),
        wish({"name": {"values": 1}}),
        wish({f"c{n}": None for n in range(101)}),
        wish(trust_framework="eidas"),
        wish(trust_framework={"value": 1}),
        wish(trust_framework={"values": []}),
        wish(trust_framework={"value": "a", "values": ["b"]}),
        wish(time="2024"),
        wish(time={"max_age": -1}),
        wish(time={"max_age": "60"}),
        wish(time={"max_age": True}),
        wish(evidence=None),
        wish(evidence=[]),
        wish(evidence={}),
        wish(evidence=[None]),
        wish(evidence=[{}]),
        wish(evidence=[{"type": None}]),
        wish(evidence=[{"type": {"values": ["document"]}}]),
        wish(evidence=[{"type": {"value": "a", "values": ["b"]}}]),
        wish(evidence=[register()] * 11),
        wish(evidence=[register(record=[])]),
        wish(evidence=[register(record={"source": 1})]),
        wish(evidence=[register(record={"derived_claims": []})]),
        wish(evidence=[register(record={"type": {"value": None}})]),
    ],
    ids=range(38),
)
@pytest.mark.parametrize("place", ["id_token", "userinfo"])
def test_wrong_shapes_are_invalid_request(place: str, asked: Any) -> None:
    with pytest.raises(Refusal) as refused:
        parse(json.dumps({place: {"verified_claims": asked}}))
    assert (refused.value.code, refused.value.reason) == ("invalid_request", "claims_malformed")


def test_depth_is_no_trouble() -> None:
    deep: Any = None
    for _ in range(300):
        deep = {"x": [deep]}
    assert told(wish(unheard_of=deep))["claims"] == {"name": "李伟"}
    with pytest.raises(Refusal):
        parse('{"userinfo":{"verified_claims":' + "[" * 8000 + "]" * 8000 + "}}")


def test_claims_null_asks_for_nothing() -> None:
    asked = read({"verification": ANY, "claims": None})
    assert asked.names == frozenset() and within(asked, OFFERED.claims, OFFERED).wishes == ()


def test_a_grant_keeps_no_word_that_somebody_typed() -> None:
    typed = wish(
        {"name": {"value": "typed-1"}},
        trust_framework={"values": ["typed-2", FRAMEWORK]},
        evidence=[
            register(
                record={"type": {"values": ["typed-3", "population_register"]}, "derived_claims": {"typed-4": None}}
            )
        ],
        other={"typed-5": None},
    )
    asked = limited(
        parse(json.dumps({"userinfo": {"verified_claims": [typed], "name": None}})), frozenset({"name"}), OFFERED
    )
    kept = stored(asked)
    assert kept is not None and b"typed" not in kept
    document = msgspec.json.decode(kept)["userinfo"]
    assert set(document) == {"name", "verified_claims"}
    (wished,) = msgspec.convert(document["verified_claims"], type=VerifiedRequest).wishes
    assert set(wished.claims) == {"name"} and wished.evidence[0].types == ("population_register",)


def test_without_an_offer_nothing_is_asked_for_as_verified() -> None:
    asked = limited(parse(json.dumps({"id_token": {"verified_claims": wish()}})), frozenset({"name"}))
    assert asked.verified == frozenset() and stored(asked) is None
