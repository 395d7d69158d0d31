"""Dates with their zone; words in one piece."""

from datetime import date

import pytest
from jinja2 import Environment

from idp.web.theme import date_text, instant_iso, instant_text
from idp.web.theme.environment import make_environment

AT = 1_795_399_500_000_000


@pytest.mark.parametrize(
    ("at", "language", "zone", "text"),
    [
        (AT, "zh-Hans", "Asia/Shanghai", "2026年11月23日 10:05（北京时间）"),
        (AT, "en", "Asia/Shanghai", "23 November 2026, 10:05 (Beijing time)"),
        (AT, "zh-Hans", "UTC", "2026年11月23日 02:05（UTC+0）"),
        (AT, "en", "Asia/Kolkata", "23 November 2026, 07:35 (UTC+5:30)"),
        (AT, "en", "America/New_York", "22 November 2026, 21:05 (UTC-5)"),
        (0, "zh-Hans", "Asia/Shanghai", "1970年1月1日 08:00（北京时间）"),
        (AT + 59_999_999, "en", "Asia/Shanghai", "23 November 2026, 10:05 (Beijing time)"),
    ],
)
def test_an_instant_names_its_zone(at: int, language: str, zone: str, text: str) -> None:
    assert instant_text(at, language, zone) == text


def test_the_machine_readable_twin_is_rfc_3339() -> None:
    assert instant_iso(AT) == "2026-11-23T10:05:00+08:00"


def test_a_day_in_both_languages() -> None:
    assert (date_text(date(2026, 3, 5), "zh-Hans"), date_text(date(2026, 3, 5), "en")) == (
        "2026年3月5日",
        "5 March 2026",
    )


def test_a_word_with_a_hyphen_is_one_piece_and_nothing_else_is_markup() -> None:
    made = make_environment(Environment(autoescape=True)).from_string("{{ text | unbroken }}")
    assert made.render(text="An e-mail - <b>") == 'An <span class="ym-whole">e-mail</span> - &lt;b&gt;'
