"""The law of refresh tokens (RFC 6749 §6; RFC 9700 §4.14)."""

from dataclasses import dataclass

import pytest

from clients.model import Client
from idp.errors import Refusal
from idp.protocol import refresh as law
from idp.protocol.token import Dead, Good, Misused, Replayed, Verdict


@dataclass(frozen=True)
class Token:
    state: str = "active"
    expires_at: int = 100


@dataclass(frozen=True)
class Grant:
    client_id: str = "a"
    ended_at: int | None = None
    expires_at: int = 200


@pytest.mark.parametrize(
    ("token", "grant", "client", "now", "state", "verdict"),
    [
        (Token(), Grant(), "a", 99, {}, Good()),
        (Token(), Grant(), "b", 50, {}, Misused("wrong_client")),
        (Token("used"), Grant(), "b", 50, {}, Misused("wrong_client")),
        (Token("used"), Grant(), "a", 50, {}, Replayed()),
        (Token("used"), Grant(), "a", 5000, {}, Replayed()),
        (Token(), Grant(ended_at=1), "a", 50, {}, Dead("grant_ended")),
        (Token(), Grant(), "a", 100, {}, Dead("refresh_expired")),
        (Token(expires_at=999), Grant(), "a", 200, {}, Dead("refresh_expired")),
        (Token(), Grant(), "a", 50, {"account_active": False}, Dead("account_inactive")),
        (Token(), Grant(), "a", 50, {"session_alive": False}, Dead("session_ended")),
    ],
)
def test_judge(token: Token, grant: Grant, client: str, now: int, state: dict[str, bool], verdict: Verdict) -> None:
    full = {"account_active": True, "session_alive": True, **state}
    assert law.judge(token, grant, client, now, **full) == verdict


@pytest.mark.parametrize(
    ("granted", "asked", "got"),
    [
        ("openid profile email", None, "openid profile email"),
        ("openid profile email", "openid", "openid"),
        ("openid profile email", "email openid", "openid email"),
        ("openid", "openid openid", "openid"),
    ],
)
def test_a_narrower_scope(granted: str, asked: str | None, got: str) -> None:
    assert law.narrowed(granted, asked) == got


@pytest.mark.parametrize("asked", ["openid phone", "phone", 'openid "'])
def test_a_wider_scope_is_refused(asked: str) -> None:
    with pytest.raises(Refusal, match="invalid_scope"):
        law.narrowed("openid profile", asked)


@pytest.mark.parametrize(
    ("method", "rotates"),
    [("none", True), ("client_secret_basic", True), ("client_secret_post", True), ("private_key_jwt", False)],
)
def test_rotation_unless_a_key_is_proven(method: str, rotates: bool) -> None:
    client = Client(
        client_id="a", department_id="d", sector_id=bytes(16), created_at=0, token_endpoint_auth_method=method
    )
    assert law.rotates(client) is rotates


def test_idle_never_beyond_the_family() -> None:
    assert law.lives(0, 10_000_000, 5).token_at == 5_000_000
    assert law.lives(8_000_000, 10_000_000, 5).token_at == 10_000_000
