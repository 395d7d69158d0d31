"""Registration bodies are one strict JSON object (RFC 7591 §3.1, RFC 8259 §4)."""

import pytest

from idp.errors import Code, Refusal
from idp.protocol.registration import read_body


def test_an_object() -> None:
    assert read_body(b'{"client_name":"\xe7\xa8\x8e"}') == {"client_name": "税"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b'{"a":1,"a":2}',
        b'{"jwks":{"keys":[],"keys":[]}}',
        b'{"a":1} {"b":2}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b"{'a':1}",
        b'{"a":"\xff"}',
        b"\xff\xfe{\x00}\x00",
        b"[" * 60_000,
        b'{"a":' * 12_000,
        b'{"a":"' + b"x" * 70_000 + b'"}',
    ],
)
def test_anything_else_is_invalid_client_metadata(body: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        read_body(body)
    assert refused.value.code is Code.INVALID_CLIENT_METADATA
