"""Masked values in the words of the reader."""

import pytest

from idp.web.pages.said import said
from tests.web.face_preview import make_preview

PAGES = make_preview()


@pytest.mark.parametrize(
    ("code", "masked", "zh", "en"),
    [
        ("updated_at", "1700000000", "2023年11月15日 06:13（北京时间）", "15 November 2023, 06:13 (Beijing time)"),
        ("updated_at", "99999999999999", "99999999999999", "99999999999999"),
        ("updated_at", "soon", "soon", "soon"),
        ("birthdate", "1990-**-**", "1990年**月**日", "1990-**-**"),
        ("birthdate", "****", "****", "****"),
        ("email_verified", "true", "是", "Yes"),
        ("age_over_18", "false", "否", "No"),
        ("gender", "female", "女", "Female"),
        ("locale", "zh-CN", "中文 (简体, 中国)", "Chinese (Simplified, China)"),
        ("locale", "x!", "x!", "x!"),
        ("nationality", "CHN", "中国", "China"),
        ("nationality", "FR", "法国", "France"),
        ("nationality", "XYZ", "XYZ", "XYZ"),
        ("zoneinfo", "Asia/Shanghai", "Asia/Shanghai", "Asia/Shanghai"),
        ("phone_number", "+86138****8000", "+86138****8000", "+86138****8000"),
        ("national_id", "110*************18", "110********18", "110********18"),
        ("name", "", "", ""),
    ],
)
def test_a_value_is_said_as_people_write_it(code: str, masked: str, zh: str, en: str) -> None:
    with PAGES.test_request_context("/"):
        assert (said(code, masked, "zh-Hans"), said(code, masked, "en")) == (zh, en)
