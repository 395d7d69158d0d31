"""One demonstration per run (per xdist worker), and citizens at browsers."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.browser.citizen import Citizen
from tests.browser.served import Account, Demo, open_demo
from tests.kit.browser import NewPage, executable
from tests.kit.process import need


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """``idp demo`` on free ports; when the run ends so does it, and leaves nothing behind."""
    need("Chromium", "chromium", executable())
    with ExitStack() as stack:
        yield open_demo(tmp_path_factory.mktemp("demo"), stack)


class Citizens:
    """Makes citizens; each call is another browser."""

    def __init__(self, demo: Demo, new_page: NewPage) -> None:
        self.demo, self.new_page, self.made = demo, new_page, list[Citizen]()

    def __call__(self, account: Account | None = None, **browser: Any) -> Citizen:
        """A browser of that account's owner, or of a new citizen with a password."""
        made = Citizen(self.demo, self.new_page, account or self.demo.account(), **browser)
        self.made.append(made)
        return made

    def stranger(self, **browser: Any) -> Citizen:
        """Somebody without an account."""
        made = Citizen(self.demo, self.new_page, None, **browser)
        self.made.append(made)
        return made


@pytest.fixture
def citizens(demo: Demo, new_page: NewPage) -> Iterator[Citizens]:
    """Citizens of this test; no page that they passed complained."""
    all_of_them = Citizens(demo, new_page)
    yield all_of_them
    for one in all_of_them.made:
        one.content()
