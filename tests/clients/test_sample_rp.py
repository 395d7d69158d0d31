"""The department apps of the demonstration, where the provider does not answer."""

import pytest
from werkzeug.test import Client

from clients.sample_rp.app import create_rp
from clients.sample_rp.offices import OFFICES


@pytest.fixture
def visitor() -> Client:
    """At the tax bureau's app; nobody listens at its provider's address."""
    issuer, base = "http://127.0.0.1:1", "http://localhost:2"
    app = create_rp(OFFICES["tax"], issuer=issuer, client_id="c", credential="s", base=base, siblings={})
    return Client(app)


@pytest.mark.parametrize(
    ("language", "words"), [("zh-CN", "一门没有确认您的身份"), ("en", "Yimen did not confirm who you are")]
)
def test_who_signs_in_meanwhile_is_asked_to_try_again(visitor: Client, language: str, words: str) -> None:
    answer = visitor.get("/login", headers={"Accept-Language": language})
    assert answer.status_code == 503 and words in answer.text and "provider_unavailable" in answer.text


def test_a_logout_that_cannot_be_checked_is_to_be_sent_again(visitor: Client) -> None:
    """Back-Channel Logout §2.8: anything but a success is a failure, which the provider tries again."""
    answer = visitor.post("/backchannel-logout", data={"logout_token": "a.b.c"})
    assert answer.status_code == 503
