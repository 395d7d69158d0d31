"""``authorization_details`` (RFC 9396): one type, strictly read."""

import json
from typing import Any

import msgspec
import pytest

from clients.model import Client
from idp.errors import Code, Refusal
from idp.protocol.authorization_details import Detail, parse, told
from idp.protocol.request import AuthorizeRequest

CLIENT = Client(client_id="c", department_id="tax", sector_id=b"s" * 16, created_at=0)
GOOD = {"type": "service_item", "item": "loan"}


@pytest.mark.parametrize(
    ("document", "details"),
    [
        ([GOOD], (Detail("loan"),)),
        ([{**GOOD, "attributes": ["name", "email", "name"]}], (Detail("loan", ("name", "email")),)),
        ([GOOD, {**GOOD, "item": "a.b-c_d"}], (Detail("loan"), Detail("a.b-c_d"))),
    ],
)
def test_what_is_understood(document: Any, details: tuple[Detail, ...]) -> None:
    assert parse(json.dumps(document), CLIENT) == details


@pytest.mark.attack("A082", "A161")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "{}",
        "[]",
        "[1]",
        "[[]]",
        "[{}]",
        '[{"item":"loan"}]',
        '[{"type":"payment_initiation","item":"loan"}]',
        '[{"type":["service_item"],"item":"loan"}]',
        '[{"type":"service_item"}]',
        '[{"type":"service_item","item":null}]',
        '[{"type":"service_item","item":["loan"]}]',
        '[{"type":"service_item","item":"Loan"}]',
        '[{"type":"service_item","item":"../loan"}]',
        '[{"type":"service_item","item":"' + "a" * 65 + '"}]',
        '[{"type":"service_item","item":"loan","attributes":"name"}]',
        '[{"type":"service_item","item":"loan","attributes":[]}]',
        '[{"type":"service_item","item":"loan","attributes":[1]}]',
        '[{"type":"service_item","item":"loan","attributes":["na me"]}]',
        '[{"type":"service_item","item":"loan","attributes":[' + ",".join(f'"a{n}"' for n in range(51)) + "]}]",
        '[{"type":"service_item","item":"loan","actions":["read"]}]',
        '[{"type":"service_item","item":"loan","__proto__":{}}]',
        '[{"type":"service_item","item":"loan","item":"tax"}]',
        '[{"type":"service_item","type":"service_item","item":"loan"}]',
        '[{"type":"service_item","item":"\\ud800"}]',
        '[{"type":"service_item","item":"loan","attributes":[NaN]}]',
        "[" * 6000 + "]" * 6000,
        "[" + ",".join([json.dumps(GOOD)] * 21) + "]",
        "[{]",
        json.dumps([GOOD]) + "x",
    ],
    ids=range(31),
)
def test_everything_else_is_refused(text: str) -> None:
    """RFC 9396 §5: unknown types, unknown members, wrong forms; JSON in one reading (RFC 8259 §4)."""
    with pytest.raises(Refusal) as error:
        parse(text, CLIENT)
    assert error.value.code is Code.INVALID_AUTHORIZATION_DETAILS
    assert not {'"', "\\"} & set(error.value.public)


def test_registered_types_are_a_ceiling() -> None:
    """RFC 9396 §10; a client that named none may use every type."""
    other = msgspec.structs.replace(CLIENT, authorization_details_types=("another",))
    with pytest.raises(Refusal) as error:
        parse(json.dumps([GOOD]), other)
    assert error.value.reason == "details_type_unregistered"
    same = msgspec.structs.replace(CLIENT, authorization_details_types=("service_item",))
    assert parse(json.dumps([GOOD]), same) == (Detail("loan"),)


@pytest.mark.parametrize(
    ("scope", "details", "items"),
    [
        (("openid",), (), ()),
        (("openid", "service:loan"), (), (Detail("loan"),)),
        (("openid", "service:loan"), (Detail("loan", ("name",)),), (Detail("loan"),)),
        (("openid",), (Detail("loan", ("name",)), Detail("loan", ("email",))), (Detail("loan", ("name", "email")),)),
        (("openid",), (Detail("loan", ("name",)), Detail("loan")), (Detail("loan"),)),
        (("openid",), (Detail("loan"), Detail("loan", ("name",))), (Detail("loan"),)),
        (("service:b", "service:a"), (Detail("c"),), (Detail("b"), Detail("a"), Detail("c"))),
    ],
)
def test_each_item_once_and_as_much_as_was_asked(scope: Any, details: Any, items: Any) -> None:
    request = AuthorizeRequest(client_id="c", redirect_uri="", response_mode="query", scope=scope, details=details)
    assert request.items == items


def test_what_answers_say() -> None:
    assert told([("loan", ("name",))]) == [{"type": "service_item", "item": "loan", "attributes": ["name"]}]
