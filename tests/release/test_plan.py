"""The release plan as a table: requested ∩ approved ∩ known ∩ chosen, and the reason of every line."""

from typing import Any

import msgspec
import pytest

from idp.release.attributes import BUILT_IN, minimising
from idp.release.model import Asked, AskedItem, AttributeKind, ClientFacts, Held, Need, Plan, ServiceItem
from idp.release.plan import allowed, needs, plan, sources

AGE = minimising("age_over_18")
assert AGE is not None
KINDS: dict[str, AttributeKind] = {**BUILT_IN, "age_over_18": AGE}
LAW = {"zh": "《住房公积金管理条例》第二十四条", "en": "Regulations on the Housing Fund, article 24"}
ITEM = ServiceItem(
    code="loan",
    version=3,
    department_id="housing",
    titles={"zh": "贷款", "en": "Loan"},
    purposes={"zh": "办理贷款", "en": "To grant a loan"},
    retention_days=365,
    needs=(
        Need(attribute="name", essential=True),
        Need(attribute="birthdate", essential=True, basis="statutory", citation=LAW),
        Need(attribute="marital_status"),
        Need(attribute="age_over_18"),
        Need(attribute="ghost"),
    ),
)
SECRET = msgspec.structs.replace(
    ITEM, code="tax", needs=(Need(attribute="national_id", essential=True), Need(attribute="name"))
)
ITEMS = {
    "loan": ITEM,
    "tax": SECRET,
    "draft": None,
    "other": msgspec.structs.replace(ITEM, code="other", department_id="tax"),
}
CLIENT = ClientFacts(department_id="housing", claims=frozenset({"name", "email"}))
ALL_HELD = {code: Held(source="sample", updated_at=7) for code in BUILT_IN}


def asked(*items: str | AskedItem, claims: tuple[str, ...] = ()) -> Asked:
    listed = tuple(item if isinstance(item, AskedItem) else AskedItem(code=item) for item in items)
    return Asked(items=listed, claims=claims)


def made(what: Asked, **more: Any) -> Plan:
    return plan(what, ITEMS, KINDS, more.pop("client", CLIENT), **more)


def told(planned: Plan) -> dict[str, str]:
    """Attribute → reason, empty where it is released."""
    return {f"{line.item}/{line.attribute}": line.reason for line in planned.lines}


def test_before_anything_is_known_all_that_the_item_declares() -> None:
    planned = made(asked("loan"))
    assert told(planned) == {
        "loan/name": "",
        "loan/birthdate": "",
        "loan/marital_status": "",
        "loan/age_over_18": "",
        "loan/ghost": "attribute_unknown",
    }
    assert planned.refusal == ""
    assert planned.lines[0].item_version == 3 and planned.lines[1].citation == LAW


@pytest.mark.parametrize(
    ("item", "reason"),
    [("draft", "item_not_approved"), ("nowhere", "item_unknown"), ("other", "foreign_item")],
)
def test_an_item_that_can_not_be_used_refuses_and_gives_nothing(item: str, reason: str) -> None:
    planned = made(asked(item, "loan"))
    assert planned.refusal == reason
    assert [line.attribute for line in planned.lines if line.item == item] == [""]


def test_only_the_named_attributes_of_an_item() -> None:
    planned = made(asked(AskedItem(code="loan", attributes=("name",))))
    assert told(planned) == {"loan/name": ""}


def test_what_the_item_does_not_declare_refuses() -> None:
    planned = made(asked(AskedItem(code="loan", attributes=("name", "email"))))
    assert told(planned) == {"loan/name": "", "loan/email": "not_in_item"}
    assert planned.refusal == "not_in_item"


@pytest.mark.parametrize(
    ("chosen", "released"),
    [
        (None, {"name", "birthdate", "marital_status", "age_over_18"}),
        ({}, set()),
        ({"loan": {"name"}}, {"name"}),
        ({"loan": {"name", "marital_status", "email"}}, {"name", "marital_status"}),
        ({"tax": {"name"}}, set()),
    ],
)
def test_chosen(chosen: Any, released: set[str]) -> None:
    planned = made(asked("loan"), held=ALL_HELD, chosen=chosen)
    assert {line.attribute for line in planned.released} == released
    assert planned.refusal == ""


def test_known() -> None:
    """What the vault does not hold is left out, essential or not; a computed one rests on what it is computed from."""
    planned = made(asked("loan"), held={"name": Held(source="police", updated_at=5)})
    assert told(planned) == {
        "loan/name": "",
        "loan/birthdate": "no_value",
        "loan/marital_status": "no_value",
        "loan/age_over_18": "no_value",
        "loan/ghost": "attribute_unknown",
    }
    assert (planned.lines[0].source, planned.lines[0].updated_at) == ("police", 5)
    assert planned.refusal == ""


@pytest.mark.parametrize("key", ["no_client_key", "key_held"])
def test_sensitive_attributes_need_a_key(key: Any) -> None:
    """DESIGN §7: an essential one refuses, an optional one is left out; never the clear."""
    client = msgspec.structs.replace(CLIENT, key=key)
    planned = made(asked("tax"), client=client, held=ALL_HELD)
    assert told(planned) == {"tax/national_id": key, "tax/name": ""} and planned.refusal == key
    loose = made(asked(AskedItem(code="tax", attributes=("name",))), client=client, held=ALL_HELD)
    assert loose.refusal == ""
    usable = made(asked("tax"), client=msgspec.structs.replace(CLIENT, key="usable"), held=ALL_HELD)
    assert [line.sensitive for line in usable.released] == [True, False]


def test_a_house_that_encrypts_everything() -> None:
    client = msgspec.structs.replace(CLIENT, all_sensitive=True)
    planned = made(asked("loan", claims=("name",)), client=client, held=ALL_HELD)
    assert planned.released == () and planned.refusal == "no_client_key"


def test_standard_claims_are_those_of_the_registration() -> None:
    planned = made(asked(claims=("name", "email", "phone_number")), held=ALL_HELD, chosen={})
    assert told(planned) == {
        "standard-login/name": "",
        "standard-login/email": "",
        "standard-login/phone_number": "not_registered",
    }
    assert planned.refusal == ""


def test_what_is_allowed_without_a_tick() -> None:
    planned = made(asked("loan"))
    assert allowed(planned, {}) == {"loan": {"name", "birthdate"}}
    assert allowed(planned, {"loan": {"marital_status", "email"}, "tax": {"name"}}) == {
        "loan": {"name", "birthdate", "marital_status"}
    }


def test_what_is_read_from_the_vault() -> None:
    planned = made(asked("loan", claims=("name",)))
    assert sources(planned) == ("name", "birthdate", "marital_status")
    assert needs(ITEMS) == {"name", "birthdate", "marital_status", "age_over_18", "ghost", "national_id"}


def test_plans_travel_as_json() -> None:
    planned = made(asked("loan", "draft"))
    assert msgspec.json.decode(msgspec.json.encode(planned), type=Plan) == planned


def test_a_verdict_needs_the_number_that_it_is_on() -> None:
    kind = minimising("national_id_matches")
    assert kind is not None
    for essential, refusal in ((True, "nothing_to_compare"), (False, "")):
        need = Need(attribute=kind.code, essential=essential)
        one = {"match": msgspec.structs.replace(ITEM, code="match", needs=(need,))}
        without = Asked(items=(AskedItem(code="match"),))
        planned = plan(without, one, {kind.code: kind}, CLIENT)
        assert told(planned) == {"match/national_id_matches": "nothing_to_compare"} and planned.refusal == refusal
        with_it = msgspec.structs.replace(without, compared=frozenset({kind.code}))
        planned = plan(with_it, one, {kind.code: kind}, CLIENT, held=ALL_HELD)
        assert told(planned) == {"match/national_id_matches": ""} and sources(planned) == ("national_id",)


def test_what_is_asked_for_as_verified_alone_stays_where_nobody_stands_for_it() -> None:
    what = msgspec.structs.replace(
        asked("loan", claims=("name", "email")),
        verified=frozenset({"name", "email"}),
        only_verified=frozenset({"email"}),
    )
    for source, reason in (("police", ""), ("self", "not_confirmed")):
        held = {code: Held(source=source, updated_at=7) for code in BUILT_IN}
        planned = made(what, held=held)
        found = {(line.item, line.attribute): (line.verified, line.reason) for line in planned.lines}
        assert found[("standard-login", "email")] == ("only", reason)
        assert found[("standard-login", "name")] == ("also", "") == found[("loan", "name")]
        assert found[("loan", "birthdate")] == ("", "") and planned.refusal == ""
