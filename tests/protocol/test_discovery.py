"""The discovery document (OIDC Discovery §3, RFC 8414 §2)."""

import pytest

from clients.profile import ServerProfile
from idp.flows.discovery import check
from idp.protocol.discovery import document

P = ServerProfile(issuer="https://id.example")


def made(issuer: str = "https://id.example") -> dict[str, object]:
    return document(
        issuer,
        scopes=P.scopes_supported,
        grant_types=P.grant_types_supported,
        response_modes=P.response_modes_supported,
        auth_methods=P.token_endpoint_auth_methods_supported,
        assertion_algs=P.token_endpoint_auth_signing_alg_values_supported,
        request_object_algs=P.request_object_signing_alg_values_supported,
        signing_algs=P.id_token_signing_alg_values_supported,
        encryption_algs=P.id_token_encryption_alg_values_supported,
        encryption_encs=P.id_token_encryption_enc_values_supported,
        acr_values=("urn:yimen:acr:1",),
        claims=("name",),
        trust_frameworks=(f"{issuer}/trust-framework",),
        verified_claims=("name",),
        electronic_records=("population_register",),
        require_par=False,
    )


@pytest.mark.parametrize("issuer", ["https://id.example", "http://localhost:8000"])
def test_authlib_agrees(issuer: str) -> None:
    check(made(issuer))


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://id.example?x=1"},
        {"jwks_uri": None},
        {"response_types_supported": None},
        {"subject_types_supported": ["secret"]},
        {"id_token_signing_alg_values_supported": ["ES256"]},
        {"token_endpoint": "ftp://id.example"},
        {"trust_frameworks_supported": []},
        {"claims_in_verified_claims_supported": None},
        {"evidence_supported": ["electronic_record"], "electronic_records_supported": None},
        {"evidence_supported": ["document"]},
    ],
)
def test_a_contradiction_is_refused_at_start(change: dict[str, object]) -> None:
    changed = {name: value for name, value in {**made(), **change}.items() if value is not None}
    with pytest.raises(ValueError, match=r"."):
        check(changed)


def test_what_is_not_offered_is_not_named() -> None:
    text = str(made())
    for word in (
        "'HS256'",
        "RSA1_5",
        "PBES2",
        "'dir'",
        "'none', 'client",
        "implicit",
        "password",
        "device_code",
        "token-exchange",
        "plain",
        "public",
        "dpop",
    ):
        assert word not in text


def test_what_omission_would_get_wrong_is_stated() -> None:
    stated = made()
    assert stated["request_uri_parameter_supported"] is False  # default true
    assert stated["claims_parameter_supported"] is True  # default false
    assert "none" not in str(stated["request_object_signing_alg_values_supported"])
    assert stated["authorization_response_iss_parameter_supported"] is True
    assert stated["grant_types_supported"] == ["authorization_code", "refresh_token", "client_credentials"]
