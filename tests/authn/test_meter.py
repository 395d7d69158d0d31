"""The strength meter: as strict as zxcvbn, with work that has a bound for every input (OWASP ASVS 5.0 §2.4.1; CWE-400)."""

import sys
from collections.abc import Callable
from itertools import product
from types import FrameType
from typing import Any

import pytest
from zxcvbn import matching, zxcvbn

from idp.authn.chinese import WORDS
from idp.authn.meter import score
from idp.authn.passwords import problem

MOST_LINES = 250_000
"""Of Python, for one password: some ten milliseconds. zxcvbn as it comes takes millions for the first of :data:`COSTLY`."""
LI = " ".join("".join(letters) for letters in list(product("l1i", repeat=4))[:80])
COSTLY = (
    "@88![960<0@-2[7|+!%$+6@-4!$1|7+[%[3-34[1[{++!+%-[$7+!2!!$[|-$+3565++!$$",
    "4@8({[<3691!|70$5+%2" * 6,
    "1" * 70 + "-11117111111",
    "0111110011101010000111110011101010000111110011_001011000111111^11011011000",
    "-1/1....21.1..-1./2-1/111-1.2.1-2..-2/22./1.-12/1/-.-2//-.-.-1.2..2/-/1.",
    "1236987412369874123698741236987452147896321478965412369874563214789654123",
    "qwsaqweasdcxzaqwedcxsazqwertfdsaqwsazxcdewqasdfrewqazxsdcvfrewqasdxzaqws",
    "PaSsWoRdPaSsWoRd" * 8,
    "我爱你一生一世" * 18,
    "ßİΣσ" * 32,
    "".join(chr(code) for code in range(33, 127)),
)


def lines(work: Callable[[], object]) -> int:
    """How many lines of Python ``work`` runs: the same on every machine."""
    count, before = 0, sys.gettrace()

    def trace(frame: FrameType, happened: str, value: Any) -> Any:
        nonlocal count
        count += happened == "line"
        return trace

    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.attack("A106")
@pytest.mark.parametrize("password", COSTLY)
@pytest.mark.parametrize("context", [("li.wei@example.cn", "Li Wei"), (LI[:80], LI[80:160], LI[160:240], LI[240:320])])
def test_the_work_has_a_bound(password: str, context: tuple[str, ...]) -> None:
    """A password that costs the meter seconds holds a worker (CWE-400; OWASP ASVS 5.0 §2.4.1)."""
    problem("the word lists are read", least=15, context=context)
    assert lines(lambda: problem(password, least=15, context=context)) < MOST_LINES


def test_nothing_is_measured_before_the_two_agree() -> None:
    assert problem("aaaaaaaaaaaaaaaaaaaa", least=15, repeated="aaaaaaaaaaaaaaaaaaab") == "password_differs"
    assert problem("short", least=15, repeated="other") == "password_short"
    assert problem("aaaaaaaaaaaaaaaaaaaa", least=15, repeated="aaaaaaaaaaaaaaaaaaaa") == "password_weak"
    assert lines(lambda: problem(COSTLY[0][:71], least=15, context=("yimen",), repeated="")) < 1_000


PIECES = (
    "", "password", "P4ssw0rd", "DROWSSAP", "pAsSwOrD", "zhangwei", "zh4n6", "qwertyuiop", "!QAZ2wsx", "147258369", "abcdefg", "97531",
    "aaaaaaaa", "abcabcabc", "19900307", "1.1.91", "2015", "我爱你", "theman", "x", "k7#Vq!z", "harbour",
)  # fmt: skip


@pytest.mark.parametrize("first", PIECES)
def test_whatever_zxcvbn_finds_weak_is_weak(first: str) -> None:
    words = ("zhangsan", "feng1990", *WORDS)
    for second, third in product(PIECES, ("", "1")):
        if text := first + second + third:
            theirs = int(zxcvbn(text, user_inputs=words)["score"])
            assert score(text, words) <= min(theirs, 3), text


@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("harbour lantern seven quilts", 3),
        ("correcthorsebatterystaple", 3),
        ("4@8({[<3691!|70$5+%2", 3),
        ("k7#Vq!zR2m", 3),
        ("b@n4n4b@n4n4", 1),
        ("zh4n65an!zh4n65an!", 1),
    ],
)
def test_scores(password: str, expected: int) -> None:
    assert score(password, ("zhangsan", *WORDS)) == expected


def test_what_belongs_to_one_person_is_not_kept() -> None:
    assert score("Fengxiangrui2", ("fengxiangrui",)) < score("Fengxiangrui2", ())
    assert "fengxiangrui" not in matching.RANKED_DICTIONARIES.get("user_inputs", {})
