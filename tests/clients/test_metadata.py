import msgspec
import pytest
from joserfc.jwk import OKPKey

from clients.addresses import AllowList
from clients.errors import ClientError
from clients.metadata import draft
from clients.model import Policy, public_metadata
from tests.clients.ground import EC_KEY, ED_KEY, POLICY, RSA_KEY, SERVER, WEB, jwks
from tests.clients.test_visible import BLANK

OPEN = Policy(department_id="tax", granted_scope=("openid",), require_pkce=False, legacy_assertion_audiences=True)
LOCAL = msgspec.structs.replace(SERVER, allow=AllowList.of(["localhost", "10.0.0.0/8"]))
NATIVE = {"application_type": "native", "redirect_uris": ["com.example.app:/cb"], "token_endpoint_auth_method": "none"}


def register(policy=POLICY, server=SERVER, **members):
    return draft({**WEB, **members}, policy, server).create(client_id="c1", created_at=5)


def refusal(policy=POLICY, server=SERVER, **members):
    with pytest.raises(ClientError) as refused:
        register(policy, server, **members)
    return refused.value


def test_what_is_left_out_takes_the_defaults_of_the_specifications():
    client = register()
    assert client.token_endpoint_auth_method == "client_secret_basic"
    assert client.grant_types == ("authorization_code",)
    assert client.response_types == ("code",)
    assert client.application_type == "web"
    assert client.id_token_signed_response_alg == "RS256"
    assert client.subject_type == "pairwise"
    assert client.scope == POLICY.granted_scope
    assert client.require_pkce is True
    assert client.require_auth_time is False
    assert client.department_id == "tax"
    assert len(client.sector_id) == 16


def test_unknown_members_and_null_are_ignored():
    assert register(favourite_colour="red", dpop=None, jwks=None, client_name=None) == register()


def test_everything_registered_is_answered():
    members = {
        "client_name": "Tax",
        "client_name#zh-Hans": "税务局",
        "logo_uri": "https://tax.example/logo.png",
        "policy_uri#en": "https://tax.example/policy",
        "contacts": ["ops@tax.example"],
        "post_logout_redirect_uris": ["https://tax.example/bye"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "response_modes": ["query", "form_post"],
        "scope": "openid email",
        "default_scope": "openid",
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        "jwks": jwks(EC_KEY, RSA_KEY),
        "id_token_signed_response_alg": "ES256",
        "id_token_encrypted_response_alg": "RSA-OAEP-256",
        "id_token_encrypted_response_enc": "A256GCM",
        "userinfo_signed_response_alg": "PS256",
        "introspection_signed_response_alg": "Ed25519",
        "introspection_encrypted_response_alg": "RSA-OAEP-256",
        "introspection_encrypted_response_enc": "A256GCM",
        "request_object_signing_alg": "RS256",
        "require_signed_request_object": True,
        "require_pushed_authorization_requests": True,
        "default_max_age": 600,
        "require_auth_time": True,
        "default_acr_values": ["urn:one"],
        "require_second_factor": True,
        "backchannel_logout_uri": "https://tax.example/back",
        "backchannel_logout_session_required": True,
        "frontchannel_logout_uri": "https://tax.example/front",
        "initiate_login_uri": "https://tax.example/start",
        "request_uris": ["https://tax.example/request.jwt#hash"],
        "sector_identifier_uri": "https://tax.example/sector.json",
        "software_id": "tax-portal",
        "software_version": "1.2",
    }
    answer = public_metadata(register(**members))
    assert {name: answer.get(name) for name in members} == members


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        # types
        ({"redirect_uris": "https://tax.example/cb"}, "metadata_type"),
        ({"redirect_uris": [1]}, "metadata_type"),
        ({"redirect_uris": {"0": "x"}}, "metadata_type"),
        ({"grant_types": "authorization_code"}, "metadata_type"),
        ({"client_name": 5}, "metadata_type"),
        ({"client_name#en": 5}, "metadata_type"),
        ({"contacts": "ops"}, "metadata_type"),
        ({"scope": ["openid"]}, "metadata_type"),
        ({"jwks": []}, "metadata_type"),
        ({"default_max_age": "60"}, "metadata_type"),
        ({"default_max_age": True}, "metadata_type"),
        ({"default_max_age": 1.5}, "metadata_type"),
        ({"default_max_age": -1}, "metadata_type"),
        ({"default_max_age": 10**30}, "metadata_type"),
        ({"require_auth_time": "true"}, "metadata_type"),
        ({"require_pkce": 1}, "metadata_type"),
        ({"software_id": "a" * 3000}, "metadata_type"),
        ({"contacts": ["a"] * 101}, "metadata_type"),
        # closed sets
        ({"subject_type": "public"}, "unsupported_subject_type"),
        ({"application_type": "service"}, "unsupported_application_type"),
        ({"token_endpoint_auth_method": "client_secret_jwt"}, "unsupported_token_endpoint_auth_method"),
        ({"token_endpoint_auth_method": "tls_client_auth"}, "unsupported_token_endpoint_auth_method"),
        ({"token_endpoint_auth_method": ""}, "unsupported_token_endpoint_auth_method"),
        ({"grant_types": ["password", "authorization_code"]}, "unsupported_grant_types"),
        ({"grant_types": ["implicit"]}, "unsupported_grant_types"),
        ({"response_types": ["code token"]}, "unsupported_response_types"),
        ({"response_modes": ["web_message"]}, "unsupported_response_modes"),
        ({"default_acr_values": ["urn:two"]}, "unsupported_default_acr_values"),
        ({"scope": "openid admin"}, "unsupported_scope"),
        # agreement
        ({"redirect_uris": []}, "redirect_missing"),
        ({"redirect_uris": None}, "redirect_missing"),
        ({"redirect_uris": ["https://tax.example/cb?a=1&code=x"]}, "redirect_parameter"),
        ({"redirect_uris": ["https://tax.example/cb?state="]}, "redirect_parameter"),
        ({"redirect_uris": ["https://tax.example/cb?%63ode=1"]}, "redirect_parameter"),
        ({"response_types": ["code"], "grant_types": ["client_credentials"]}, "grant_missing"),
        ({"response_types": []}, "response_missing"),
        ({"grant_types": ["refresh_token"], "response_types": []}, "refresh_alone"),
        ({"token_endpoint_auth_method": "none", "grant_types": ["client_credentials"]}, "public_credentials"),
        ({"scope": "openid phone"}, "scope_beyond"),
        ({"scope": "profile"}, "scope_openid"),
        ({"scope": "openid  profile"}, "scope_syntax"),
        ({"scope": ""}, "scope_syntax"),
        ({"scope": "openid", "default_scope": "profile"}, "default_scope_beyond"),
        ({"require_pkce": False}, "pkce_policy"),
        ({"assertion_audiences": [f"{SERVER.issuer}/token"]}, "audience_policy"),
        # algorithms and keys
        ({"id_token_signed_response_alg": "none"}, "unsupported_id_token_signed_response_alg"),
        ({"userinfo_signed_response_alg": "HS512"}, "unsupported_userinfo_signed_response_alg"),
        ({"request_object_signing_alg": "none"}, "unsupported_request_object_signing_alg"),
        ({"id_token_encrypted_response_alg": "RSA1_5"}, "unsupported_id_token_encrypted_response_alg"),
        ({"id_token_encrypted_response_enc": "A256GCM"}, "enc_without_alg"),
        ({"introspection_encrypted_response_enc": "A128CBC-HS256"}, "enc_without_alg"),
        ({"introspection_encrypted_response_alg": "dir"}, "unsupported_introspection_encrypted_response_alg"),
        ({"introspection_signed_response_alg": "none"}, "unsupported_introspection_signed_response_alg"),
        ({"userinfo_encrypted_response_alg": "RSA-OAEP-256"}, "jwks_missing"),
        ({"introspection_encrypted_response_alg": "RSA-OAEP-256", "jwks": jwks(EC_KEY)}, "jwks_no_encrypter"),
        ({"token_endpoint_auth_signing_alg": "ES256"}, "alg_method"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "jwks_missing"),
        ({"require_signed_request_object": True}, "jwks_missing"),
        ({"request_object_signing_alg": "ES256", "jwks": jwks(RSA_KEY)}, "jwks_no_signer"),
        ({"jwks": jwks(EC_KEY), "jwks_uri": "https://tax.example/jwks"}, "jwks_twice"),
        ({"jwks": {"keys": [], "padding": "x" * 70_000}}, "jwks_too_large"),
        # URIs
        ({"post_logout_redirect_uris": ["http://tax.example/bye"]}, "redirect_http"),
        ({"frontchannel_logout_uri": "https://other.example/front"}, "frontchannel_origin"),
        ({"frontchannel_logout_uri": "https://tax.example:444/front"}, "frontchannel_origin"),
        ({"initiate_login_uri": "http://tax.example/start"}, "uri_scheme"),
        ({"request_uris": ["http://tax.example/r"]}, "uri_scheme"),
        ({"sector_identifier_uri": "http://tax.example/s"}, "sector_scheme"),
        # texts
        ({"client_name": "   "}, "text_length"),
        ({"client_name": "n" * 101}, "text_length"),
        ({"client_name": "Tax\u202eoffice"}, "text_characters"),
        ({"client_name": "Tax\u200b"}, "text_characters"),
        ({"client_name#en": "Tax\n"}, "text_characters"),
        *(({"client_name": char}, "text_characters") for char in BLANK),
        *(({"client_name#zh": f"税务{char}局"}, "text_characters") for char in BLANK),
        ({"client_name#-": "Tax"}, "language_tag"),
        ({f"client_name#aa-{n:02}": "Tax" for n in range(21)}, "too_many_languages"),
        ({"contacts": ["a@b"] * 11}, "contacts_many"),
        ({"software_statement": "e30.e30."}, "software_statement"),
        ({f"x{n}": 1 for n in range(200)}, "too_many_members"),
    ],
)
def test_each_mistake_has_its_error(members, reason):
    error = refusal(**members)
    assert error.reason == reason
    assert error.code in {"invalid_client_metadata", "invalid_redirect_uri"}
    assert (error.code == "invalid_redirect_uri") == (next(iter(members)) == "redirect_uris")
    assert error.public.isprintable() and '"' not in error.public and "\\" not in error.public


@pytest.mark.parametrize(
    ("members", "advice"),
    [
        ({"id_token_signed_response_alg": "HS256"}, "use ES256 or RS256"),
        ({"token_endpoint_auth_signing_alg": "HS256"}, "use ES256 or RS256"),
        ({"id_token_signed_response_alg": "none"}, "use ES256 or RS256"),
        ({"token_endpoint_auth_method": "client_secret_jwt"}, "use private_key_jwt"),
        ({"subject_type": "public"}, "only pairwise"),
        ({"id_token_encrypted_response_alg": "RSA1_5"}, "use RSA-OAEP-256"),
        ({"userinfo_encrypted_response_alg": "dir"}, "use ECDH-ES+A256KW"),
        ({"userinfo_encrypted_response_alg": "PBES2-HS256+A128KW"}, "use ECDH-ES+A256KW"),
        ({"scope": "openid phone"}, "granted are email offline_access openid profile"),
    ],
)
def test_the_error_names_the_way_out(members, advice):
    assert advice in refusal(**members).public


@pytest.mark.parametrize("kind", ["id_token", "userinfo", "introspection"])
def test_an_encryption_without_enc_gets_the_default_of_oidc_registration_2(kind):
    client = register(**{f"{kind}_encrypted_response_alg": "RSA-OAEP-256", "jwks": jwks(RSA_KEY)})
    assert getattr(client, f"{kind}_encrypted_response_enc") == "A128CBC-HS256"


def test_client_credentials_alone_needs_no_redirect_and_no_response_type():
    client = register(grant_types=["client_credentials"], redirect_uris=None, scope="openid")
    assert client.response_types == ()
    assert client.redirect_uris == ()


def test_no_response_type_and_no_redirect_where_only_credentials_are_used():
    assert register(grant_types=["client_credentials"], response_types=[], redirect_uris=[]).redirect_uris == ()


@pytest.mark.parametrize(
    ("policy", "members", "required"),
    [
        (POLICY, {}, True),
        (POLICY, {"require_pkce": True}, True),
        (OPEN, {}, False),
        (OPEN, {"require_pkce": True}, True),
        (OPEN, {"require_pkce": False}, False),
        (OPEN, {"token_endpoint_auth_method": "none"}, True),
    ],
)
def test_pkce_is_required_unless_the_policy_frees_a_confidential_client(policy, members, required):
    assert register(policy, **members).require_pkce is required


def test_public_client_is_never_freed_from_pkce():
    assert refusal(OPEN, token_endpoint_auth_method="none", require_pkce=False).reason == "pkce_public"


def test_older_audiences_are_those_of_this_provider():
    keys = {"token_endpoint_auth_method": "private_key_jwt", "jwks": jwks(EC_KEY)}
    own = f"{SERVER.issuer}/token"
    assert register(OPEN, assertion_audiences=[own], **keys).assertion_audiences == (own,)
    assert refusal(OPEN, assertion_audiences=["https://other.example/token"], **keys).reason == "audience_foreign"
    assert refusal(OPEN, assertion_audiences=[own]).reason == "audience_method"


def test_an_audience_granted_by_the_right_to_register():
    """Software that knows no other audience than the token endpoint names none at registration."""
    own = f"{SERVER.issuer}/token"
    policy = msgspec.structs.replace(POLICY, granted_assertion_audiences=(own,))
    keys = {"token_endpoint_auth_method": "private_key_jwt", "jwks": jwks(EC_KEY)}
    assert register(policy, **keys).assertion_audiences == (own,)
    assert register(policy, assertion_audiences=[], **keys).assertion_audiences == ()
    assert register(policy).assertion_audiences == () == register(POLICY, **keys).assertion_audiences


@pytest.mark.parametrize("key", [EC_KEY, RSA_KEY, ED_KEY])
def test_private_key_jwt_takes_each_kind_of_key(key):
    assert register(token_endpoint_auth_method="private_key_jwt", jwks=jwks(key)).jwks == jwks(key)


@pytest.mark.parametrize(
    ("key", "alg", "reason"),
    [
        (OKPKey.generate_key("X25519"), None, "jwks_no_signer"),
        (EC_KEY, "RS256", "jwks_no_signer"),
        (RSA_KEY, "HS256", "unsupported_token_endpoint_auth_signing_alg"),
    ],
)
def test_private_key_jwt_needs_a_key_that_signs(key, alg, reason):
    members = {
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": jwks(key),
        "token_endpoint_auth_signing_alg": alg,
    }
    assert refusal(**members).reason == reason


@pytest.mark.parametrize("member", ["jwks_uri", "backchannel_logout_uri", "logo_uri"])
def test_the_operators_list_opens_private_hosts_and_http(member):
    for uri in ("http://localhost:8001/x", "https://10.2.3.4/x", "http://10.2.3.4/x"):
        assert refusal(**{member: uri}).code == "invalid_client_metadata"
        assert getattr(register(server=LOCAL, **{member: uri}), member) == uri
    assert refusal(server=LOCAL, **{member: "http://tax.example/x"}).reason == "uri_scheme"


def test_native_clients_may_use_the_scheme_of_their_app():
    assert draft(NATIVE, POLICY, SERVER).create(client_id="n", created_at=1).redirect_uris == ("com.example.app:/cb",)
    with pytest.raises(ClientError, match="invalid_redirect_uri"):
        draft({**NATIVE, "application_type": "web"}, POLICY, SERVER)


def test_a_secret_is_kept_only_by_clients_that_use_one():
    assert draft(WEB, POLICY, SERVER).create(client_id="c", created_at=1, secret_hash=b"h").secret_hash == b"h"
    public = draft({**WEB, "token_endpoint_auth_method": "none"}, POLICY, SERVER)
    assert not public.needs_secret
    assert public.create(client_id="c", created_at=1, secret_hash=b"h").secret_hash is None


def test_documents_to_fetch_are_named():
    members = {
        "jwks_uri": "https://a.example/k",
        "logo_uri": "https://a.example/l",
        "sector_identifier_uri": "https://a.example/s",
    }
    result = draft({**WEB, **members}, POLICY, SERVER)
    named = (result.jwks_uri, result.logo_uri, result.sector_identifier_uri, result.redirect_uris)
    assert named == (*members.values(), ("https://tax.example/cb",))


# --- updates (RFC 7592 §2.2) ---


def update(existing, policy=POLICY, **members):
    return draft({**WEB, "client_id": existing.client_id, **members}, policy, SERVER, existing)


def test_an_update_replaces_metadata_and_keeps_identity():
    existing = register(client_name="Old", contacts=["a@tax.example"])
    existing = msgspec.structs.replace(existing, status="disabled", secret_hash=b"h", registration_token_hash=b"r")
    changed = update(existing, client_name="New").update(existing, secret_hash=b"h")
    assert (changed.client_name, changed.contacts) == ("New", ())
    for name in ("client_id", "sector_id", "status", "created_at", "registration_token_hash", "department_id"):
        assert getattr(changed, name) == getattr(existing, name)


def test_an_update_is_judged_like_a_new_registration():
    existing = register()
    for members in ({"redirect_uris": ["https://*.gov/cb"]}, {"subject_type": "public"}, {"scope": "openid phone"}):
        with pytest.raises(ClientError):
            update(existing, **members)


@pytest.mark.parametrize(
    "members",
    [
        {"client_id": None},
        {"client_id": "other"},
        {"registration_access_token": "x"},
        {"registration_client_uri": "x"},
        {"client_secret_expires_at": 0},
        {"client_id_issued_at": 0},
    ],
)
def test_an_update_names_its_client_and_sends_no_answer_back(members):
    with pytest.raises(ClientError) as refused:
        update(register(), **members)
    assert refused.value.code == "invalid_request"


def test_scope_and_pkce_stay_when_an_update_leaves_them_out():
    existing = register(OPEN, scope="openid")
    changed = update(existing, POLICY).update(existing, secret_hash=None)
    assert changed.scope == ("openid",)
    assert changed.require_pkce is False


def test_an_answer_sent_back_is_accepted():
    existing = register(OPEN, client_name="Tax", **{"client_name#en": "Tax"})
    answer = public_metadata(existing)
    del answer["client_id_issued_at"]
    assert draft(answer, POLICY, SERVER, existing).update(existing, secret_hash=None) == existing


def test_a_sector_is_for_life():
    existing = register(sector_identifier_uri="https://tax.example/a.json")
    same_host = update(existing, sector_identifier_uri="https://tax.example/b.json")
    assert same_host.sector_id == existing.sector_id
    for uri in (None, "https://other.example/a.json"):
        with pytest.raises(ClientError) as refused:
            update(existing, sector_identifier_uri=uri)
        assert refused.value.reason == "sector_changed"


def test_departments_never_share_a_sector():
    other = msgspec.structs.replace(POLICY, department_id="housing")
    members = {"sector_identifier_uri": "https://shared.example/s.json"}
    assert register(**members).sector_id != register(other, **members).sector_id
    assert register().sector_id == register(client_name="Second system").sector_id
