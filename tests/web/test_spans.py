"""Lengths of time as staff read them."""

import pytest
from flask_babel import force_locale

from idp.audit.alerts import MAX_WITHIN
from idp.audit.rule_draft import span
from idp.web.spans import span_words, wait_words
from tests.web.face_preview import make_preview

PAGES = make_preview()


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (2_592_000, "30 days", "30 天"),
        (86_400, "1 day", "1 天"),
        (7_200, "2 hours", "2 小时"),
        (5_400, "90 minutes", "90 分钟"),
        (60, "1 minute", "1 分钟"),
        (90, "90 seconds", "90 秒"),
        (0, "0 seconds", "0 秒"),
    ],
)
def test_the_largest_whole_unit(seconds: int, english: str, chinese: str) -> None:
    """2592000 s says little"""
    with PAGES.test_request_context("/"):
        for locale, told in (("en", english), ("zh_Hans", chinese)):
            with force_locale(locale):
                assert span_words(seconds) == told


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (1, "1 second", "1 秒"),
        (59, "59 seconds", "59 秒"),
        (60, "1 minute", "1 分钟"),
        (61, "2 minutes", "2 分钟"),
        (128, "3 minutes", "3 分钟"),
        (900, "15 minutes", "15 分钟"),
        (3_541, "1 hour", "1 小时"),
        (3_601, "2 hours", "2 小时"),
        (86_400, "1 day", "1 天"),
    ],
)
def test_a_wait_is_told_in_the_largest_unit_rounded_up(seconds: int, english: str, chinese: str) -> None:
    """Nobody is told to come back too early"""
    with PAGES.test_request_context("/"):
        for locale, told in (("en", english), ("zh_Hans", chinese)):
            with force_locale(locale):
                assert wait_words(seconds) == told


@pytest.mark.parametrize("seconds", [1, 59, 60, 90, 600, 3600, 5400, 86_400, MAX_WITHIN])
def test_the_form_takes_what_the_page_tells(seconds: int) -> None:
    """A rule's window in the words of either language"""
    with PAGES.test_request_context("/"):
        for locale in ("en", "zh_Hans"):
            with force_locale(locale):
                assert span(span_words(seconds), MAX_WITHIN) == seconds
