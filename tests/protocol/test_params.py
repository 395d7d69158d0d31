"""Request parameters: read as the standard library reads a form, each kept apart from what came twice."""

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.errors import Refusal
from idp.protocol.params import MAX_PARAMETERS, parse

PIECES = st.sampled_from(
    ["a", "b", "=", "&", "+", "%2F", "%2f", "%zz", "%", "%E4%B8%AD", "%FF", "%ED%A0%80", ";", "~", "%4"]
)


@given(st.lists(PIECES, max_size=14).map("".join))
def test_a_form_is_read_as_the_standard_library_reads_it(encoded: str) -> None:
    try:
        expected = parse_qsl(encoded, keep_blank_values=True, errors="strict")
    except UnicodeError:
        with pytest.raises(Refusal) as refused:
            parse(encoded)
        assert refused.value.reason == "malformed_form"
        return
    first: dict[str, str] = {}
    for name, value in expected:
        if value:
            first.setdefault(name, value)
    found = parse(encoded)
    assert dict(found.items()) == first
    assert found.repeated == {n for n in first if sum(1 for name, value in expected if name == n and value) > 1}
    for name in (*first, "c"):
        assert found.every(name) == tuple(value for n, value in expected if n == name and value)


def test_parameters_are_few() -> None:
    parse("&".join("a=1" for _ in range(MAX_PARAMETERS)))
    with pytest.raises(Refusal) as refused:
        parse("&".join("a=1" for _ in range(MAX_PARAMETERS + 1)))
    assert (refused.value.code, refused.value.reason) == ("invalid_request", "too_many_parameters")
    assert "too many parameters" in refused.value.public
