"""Another site of the domain sets a cookie that makes ours unreadable; a citizen gets out of it without a developer."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
def test_a_neighbours_cookie_locks_nobody_out_for_long(citizens, demo, locale):
    li = citizens(locale=locale, phone=True)
    li.page.goto(demo.app("tax"))
    li.page.evaluate(
        "document.cookie = 'city=杭州; path=/'"
    )  # ports do not separate cookies, nor do hosts of one domain
    li.open("/sign-in")
    li.press("#delete-cookies")
    expect(li.page.locator("#delete-cookies")).to_have_count(0)
    li.press("#to-home")
    li.sign_in_first()
