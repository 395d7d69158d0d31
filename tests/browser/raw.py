"""Authorization requests written by hand, answered to the tax app's own address."""

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.browser.citizen import Citizen
from tests.kit.house import challenge


def authorize(citizen: Citizen, **params: str) -> str:
    """The address of a good request of the tax app, with more parameters."""
    demo = citizen.demo
    query = {
        "response_type": "code",
        "client_id": demo.client_id("tax"),
        "redirect_uri": demo.app("tax", "/callback"),
        "scope": "openid profile email",
        "state": "by-hand",
        "code_challenge": challenge(),
        "code_challenge_method": "S256",
        **params,
    }
    return f"{demo.issuer}/authorize?{urlencode(query)}"


def answered(citizen: Citizen) -> dict[str, str]:
    """What came back to the app, which did not ask and says so."""
    citizen.page.wait_for_url(re.compile(r"/callback\?"))
    return dict(parse_qsl(urlsplit(citizen.page.url).query))
