"""Which claims a scope stands for, and what one grant is told (OpenID Connect Core §5.4, §5.5)."""

import pytest

from idp.protocol.claims_request import parse, stored
from idp.release import claims


@pytest.mark.parametrize(
    ("scope", "told"),
    [
        ("openid", ()),
        ("openid email", ("email", "email_verified")),
        ("openid phone address", ("phone_number", "phone_number_verified", "address")),
        ("openid offline_access unknown", ()),
    ],
)
def test_core_5_4_scopes_are_answered_at_userinfo_and_not_in_the_id_token(scope: str, told: tuple[str, ...]) -> None:
    assert claims.for_userinfo(scope, None) == told
    assert claims.for_id_token(None) == ()


def test_core_5_4_profile_is_the_standards_list() -> None:
    assert len(claims.for_userinfo("profile", None)) == 14
    assert "email" not in claims.for_userinfo("openid profile", None)


def test_core_5_5_claims_are_told_where_they_were_asked_for() -> None:
    kept = stored(
        parse(
            '{"userinfo": {"name": null, "unheard_of": null}, "id_token": {"email": {"essential": true}, "auth_time": null}}'
        )
    )
    assert claims.for_userinfo("openid phone", kept) == ("name", "phone_number", "phone_number_verified")
    assert claims.for_id_token(kept) == ("email",)
    assert claims.asks_auth_time(kept) and not claims.asks_auth_time(None)


def test_a_client_may_ask_for_single_claims_of_its_scopes_alone() -> None:
    assert claims.askable(("openid", "email")) == {"email", "email_verified", "sub", "acr", "auth_time"}
