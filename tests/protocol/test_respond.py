"""The one exit to a client: state and iss in every mode, success and error."""

from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest

from idp.errors import Code, Refusal
from idp.protocol.respond import MODES, add_query, code_answer, encoded, error_answer

ISSUER = "https://id.example"
STATES = ["plain", "a b+c%20&=#?/\\\"'<>", "状态🚪", "\u202eevil", "x" * 4096, "\r\nSet-Cookie: a=b"]


@pytest.mark.parametrize("state", STATES)
def test_rfc6749_4_1_2_state_comes_back_as_it_was_sent_in_query_and_fragment(state: str) -> None:
    query = code_answer("https://rp.example/cb", "query", state, ISSUER, "c").location
    assert dict(parse_qsl(urlsplit(query).query)) == {"code": "c", "state": state, "iss": ISSUER}
    fragment = code_answer("https://rp.example/cb", "fragment", state, ISSUER, "c").location
    assert dict(parse_qsl(urlsplit(fragment).fragment)) == {"code": "c", "state": state, "iss": ISSUER}
    assert query.isascii() and query.isprintable() and fragment.isascii() and fragment.isprintable()


@pytest.mark.parametrize("mode", MODES)
def test_rfc9207_2_iss_is_in_every_answer(mode: str) -> None:
    refusal = Refusal(Code.ACCESS_DENIED, "No.")
    for answer in (
        code_answer("https://rp.example/cb", mode, None, ISSUER, "c"),
        error_answer("https://rp.example/cb", mode, None, ISSUER, refusal),
    ):
        assert dict(answer.fields)["iss"] == ISSUER
        assert "state" not in dict(answer.fields)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("https://rp.example/cb", "https://rp.example/cb?a=1"),
        ("https://rp.example/cb?x=%2F&y", "https://rp.example/cb?x=%2F&y&a=1"),
        ("com.example.app:/cb", "com.example.app:/cb?a=1"),
    ],
)
def test_rfc6749_3_1_2_a_registered_query_stays(uri: str, expected: str) -> None:
    assert add_query(uri, {"a": "1"}) == expected


@pytest.mark.parametrize("value", ["", "plain-._~09Az", "a b", "é/汉", "&=#?%", "\u2028\n", "+"])
def test_rfc3986_2_1_values_are_encoded_as_the_standard_library_does(value: str) -> None:
    assert encoded([("state", value), ("iss", ISSUER)]) == urlencode({"state": value, "iss": ISSUER}, quote_via=quote)


def test_a_code_shows_in_no_repr() -> None:
    assert "secret" not in repr(code_answer("https://rp.example/cb", "query", "secret-state", ISSUER, "secret-code"))
