import msgspec
import pytest

from clients.model import Client, Policy, from_json, public_metadata, to_json
from tests.clients.ground import EC_KEY, jwks, make_client

FULL = make_client(
    secret_hash=b"\x00\xff" * 16,
    registration_token_hash=b"t" * 32,
    created_at=1_700_000_000_000_000,
    client_name="Tax",
    client_name_localized={"zh-Hans": "税务局", "en": "Tax bureau"},
    redirect_uris=("https://tax.example/cb",),
    jwks=jwks(EC_KEY),
    default_max_age=3600,
    scope=("openid", "profile"),
)


def test_stored_form_keeps_every_member():
    assert from_json(to_json(FULL)) == FULL


def test_stored_form_of_another_version_is_refused():
    newer = to_json(FULL).replace(b'"v":1', b'"v":2')
    with pytest.raises(ValueError, match="format 2"):
        from_json(newer)


def test_stored_form_without_newer_members_takes_their_defaults():
    old = msgspec.json.decode(to_json(FULL))
    for name in ("frontchannel_logout_uri", "require_pkce", "software_version"):
        del old["client"][name]
    assert from_json(msgspec.json.encode(old)).require_pkce is True


def test_answers_hold_what_was_registered_and_nothing_internal():
    answer = public_metadata(FULL)
    assert answer["client_id"] == "tax"
    assert answer["client_id_issued_at"] == 1_700_000_000
    assert answer["client_secret_expires_at"] == 0
    assert answer["client_name#zh-Hans"] == "税务局"
    assert answer["scope"] == "openid profile"
    assert answer["redirect_uris"] == ["https://tax.example/cb"]
    assert not {"department_id", "sector_id", "secret_hash", "registration_token_hash", "status"} & answer.keys()
    assert not any(isinstance(value, bytes) for value in answer.values())


def test_repr_shows_no_hash():
    assert repr(FULL) == "Client(tax, active)"


@pytest.mark.parametrize(
    ("languages", "name"),
    [
        (["zh-Hans-CN"], "税务局"),
        (["ZH-HANS"], "税务局"),
        (["fr", "en-GB"], "Tax bureau"),
        (["fr"], "Tax"),
        (["zh"], "Tax"),
        ([], "Tax"),
    ],
)
def test_name_in_the_readers_language(languages, name):
    assert FULL.in_language("client_name", languages) == name


@pytest.mark.parametrize(
    ("method", "public"), [("none", True), ("client_secret_basic", False), ("private_key_jwt", False)]
)
def test_public_and_confidential(method, public):
    client = make_client(token_endpoint_auth_method=method)
    assert client.public is public
    assert client.confidential is not public


def test_grants_and_response_modes():
    client = make_client(grant_types=("authorization_code",), response_modes=("form_post",))
    assert client.allows_grant("authorization_code")
    assert not client.allows_grant("refresh_token")
    assert client.allows_response_mode("form_post")
    assert not client.allows_response_mode("query")
    assert make_client().allows_response_mode("query")


def test_policy_ends_at_its_time():
    policy = Policy(department_id="tax", granted_scope=("openid",), expires_at=100)
    assert not policy.expired(99)
    assert policy.expired(100)
    assert not Policy(department_id="tax", granted_scope=()).expired(10**18)


def test_subject_type_other_than_pairwise_cannot_be_stored():
    stored = to_json(FULL).replace(b'"pairwise"', b'"public"')
    with pytest.raises(msgspec.ValidationError):
        from_json(stored)


def test_client_is_frozen():
    with pytest.raises(AttributeError):
        FULL.status = "disabled"  # type: ignore[misc]
    assert isinstance(FULL, Client)
