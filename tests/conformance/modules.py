"""The OpenID Foundation's published module names, plan by plan, and which of our tests does what each module does.

Plans and modules as in the conformance suite (``net.openid.conformance.openid``): Basic, Form Post Basic, Config, Dynamic and the three
logout plans. A test is ``file::function`` or ``file::function[parameters]``; a file is in this folder. Form Post Basic is plan Basic with
``response_mode=form_post``: each of its tests runs in both modes.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Module:
    """``tests`` do what the module does; ``note`` says what the module does at this provider where that is not simply to pass."""

    tests: tuple[str, ...] = ()
    note: str = ""


SKIPPED: Final = (
    "Skipped by the suite, which certification allows: discovery lists no algorithm none; our test sees the refusal."
)
BY_REFERENCE: Final = "Not offered: request_uri by reference (discovery says request_uri_parameter_supported false)."

BASIC: Final = {
    "oidcc-server": Module(("test_basic.py::test_oidcc_server",)),
    "oidcc-response-type-missing": Module(("test_basic.py::test_oidcc_response_type_missing",)),
    "oidcc-idtoken-signature": Module(("test_basic.py::test_oidcc_idtoken_signature",)),
    "oidcc-idtoken-unsigned": Module(("test_basic.py::test_oidcc_idtoken_unsigned",), SKIPPED),
    "oidcc-userinfo-get": Module(("test_basic.py::test_oidcc_userinfo_get",)),
    "oidcc-userinfo-post-header": Module(("test_basic.py::test_oidcc_userinfo_post[{mode}-header]",)),
    "oidcc-userinfo-post-body": Module(("test_basic.py::test_oidcc_userinfo_post[{mode}-body]",)),
    "oidcc-ensure-request-without-nonce-succeeds-for-code-flow": Module(
        ("test_basic.py::test_oidcc_ensure_request_without_nonce_succeeds_for_code_flow",)
    ),
    "oidcc-scope-profile": Module(("test_basic.py::test_oidcc_scope[{mode}-profile]",)),
    "oidcc-scope-email": Module(("test_basic.py::test_oidcc_scope[{mode}-email]",)),
    "oidcc-scope-address": Module(("test_basic.py::test_oidcc_scope[{mode}-address]",)),
    "oidcc-scope-phone": Module(("test_basic.py::test_oidcc_scope[{mode}-phone]",)),
    "oidcc-scope-all": Module(
        ("test_basic.py::test_oidcc_scope_all_in_any_order[{mode}-openid profile email address phone]",)
    ),
    "oidcc-ensure-other-scope-order-succeeds": Module(
        ("test_basic.py::test_oidcc_scope_all_in_any_order[{mode}-email openid]",)
    ),
    "oidcc-alternate-happy-flow": Module(
        ("test_basic.py::test_oidcc_alternate_happy_flow",),
        "In later versions of the plan, instead of the module before.",
    ),
    "oidcc-display-page": Module(("test_basic.py::test_oidcc_display[{mode}-page]",)),
    "oidcc-display-popup": Module(("test_basic.py::test_oidcc_display[{mode}-popup]",)),
    "oidcc-prompt-login": Module(("test_basic.py::test_oidcc_prompt_login",)),
    "oidcc-prompt-none-not-logged-in": Module(("test_basic.py::test_oidcc_prompt_none_not_logged_in",)),
    "oidcc-prompt-none-logged-in": Module(("test_basic.py::test_oidcc_prompt_none_logged_in",)),
    "oidcc-max-age-1": Module(("test_basic.py::test_oidcc_max_age_1",)),
    "oidcc-max-age-10000": Module(("test_basic.py::test_oidcc_max_age_10000",)),
    "oidcc-ensure-request-with-unknown-parameter-succeeds": Module(
        ("test_basic.py::test_oidcc_requests_with_more_parameters_succeed[{mode}-extra]",)
    ),
    "oidcc-id-token-hint": Module(("test_basic.py::test_oidcc_id_token_hint",)),
    "oidcc-login-hint": Module(("test_basic.py::test_oidcc_requests_with_more_parameters_succeed[{mode}-login_hint]",)),
    "oidcc-ui-locales": Module(("test_basic.py::test_oidcc_requests_with_more_parameters_succeed[{mode}-ui_locales]",)),
    "oidcc-claims-locales": Module(
        ("test_basic.py::test_oidcc_requests_with_more_parameters_succeed[{mode}-claims_locales]",)
    ),
    "oidcc-ensure-request-with-acr-values-succeeds": Module(
        ("test_basic.py::test_oidcc_ensure_request_with_acr_values_succeeds",)
    ),
    "oidcc-codereuse": Module(("test_basic.py::test_oidcc_codereuse[{mode}-0]",)),
    "oidcc-codereuse-30seconds": Module(("test_basic.py::test_oidcc_codereuse[{mode}-30]",)),
    "oidcc-ensure-registered-redirect-uri": Module(("test_basic.py::test_oidcc_ensure_registered_redirect_uri",)),
    "oidcc-ensure-post-request-succeeds": Module(("test_basic.py::test_oidcc_ensure_post_request_succeeds",)),
    "oidcc-server-client-secret-post": Module(("test_basic.py::test_oidcc_server_client_secret_post",)),
    "oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported": Module(
        ("test_basic.py::test_oidcc_unsigned_requests_are_rejected[{mode}-request_uri]",), SKIPPED
    ),
    "oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported": Module(
        ("test_basic.py::test_oidcc_unsigned_requests_are_rejected[{mode}-request]",), SKIPPED
    ),
    "oidcc-claims-essential": Module(("test_basic.py::test_oidcc_claims_essential",)),
    "oidcc-ensure-request-object-with-redirect-uri": Module(
        (
            "test_basic.py::test_oidcc_unsigned_requests_are_rejected[{mode}-request]",
            "test_dynamic.py::test_a_signed_request_object_counts_and_not_the_parameters_beside_it",
        ),
        SKIPPED,
    ),
    "oidcc-refresh-token": Module(("test_basic.py::test_oidcc_refresh_token",)),
    "oidcc-ensure-request-with-valid-pkce-succeeds": Module(
        ("test_basic.py::test_oidcc_ensure_request_with_valid_pkce_succeeds",)
    ),
}

CONFIG: Final = {
    "oidcc-discovery-endpoint-verification": Module(
        (
            "test_config.py::test_issuer_is_where_the_document_is",
            "test_config.py::test_every_endpoint_is_https_on_the_issuer",
            "test_config.py::test_lists_hold_what_the_specifications_demand",
            "test_config.py::test_flags_are_booleans_and_said_aloud",
            "test_config.py::test_scope_and_locale_syntax",
            "test_config.py::test_keys_are_public_named_and_for_signing",
        )
    ),
}

DYNAMIC: Final = {
    "oidcc-idtoken-rs256": Module(("test_dynamic.py::test_oidcc_idtoken_rs256",)),
    "oidcc-idtoken-unsigned": BASIC["oidcc-idtoken-unsigned"],
    "oidcc-userinfo-rs256": Module(("test_dynamic.py::test_oidcc_userinfo_rs256",)),
    "oidcc-ensure-redirect-uri-in-authorization-request": Module(
        ("test_dynamic.py::test_oidcc_ensure_redirect_uri_in_authorization_request",)
    ),
    "oidcc-redirect-uri-query-OK": Module(("test_dynamic.py::test_oidcc_redirect_uri_query_ok",)),
    "oidcc-redirect-uri-query-mismatch": Module(
        ("test_dynamic.py::test_oidcc_redirect_uri_with_another_query[query-mismatch]",)
    ),
    "oidcc-redirect-uri-query-added": Module(
        ("test_dynamic.py::test_oidcc_redirect_uri_with_another_query[query-added]",)
    ),
    "oidcc-redirect-uri-regfrag": Module(("test_dynamic.py::test_oidcc_redirect_uri_regfrag",)),
    "oidcc-discovery-endpoint-verification": Module(
        CONFIG["oidcc-discovery-endpoint-verification"].tests,
        "With client registration the suite also wants response type id_token and grant type implicit listed; implicit is not offered.",
    ),
    "oidcc-server": Module(("test_dynamic.py::test_oidcc_server_registers_reads_and_unregisters",)),
    "oidcc-registration-logo-uri": Module(("test_dynamic.py::test_oidcc_registration_logo_uri",)),
    "oidcc-registration-policy-uri": Module(
        ("test_dynamic.py::test_oidcc_registration_links_on_the_sign_in_page[policy_uri]",)
    ),
    "oidcc-registration-tos-uri": Module(
        ("test_dynamic.py::test_oidcc_registration_links_on_the_sign_in_page[tos_uri]",)
    ),
    "oidcc-registration-jwks-uri": Module(("test_dynamic.py::test_oidcc_registration_jwks_uri",)),
    "oidcc-registration-sector-uri": Module(("test_dynamic.py::test_oidcc_registration_sector_uri",)),
    "oidcc-registration-sector-bad": Module(("test_dynamic.py::test_oidcc_registration_sector_bad",)),
    "oidcc-server-rotate-keys": Module(("test_dynamic.py::test_oidcc_server_rotate_keys",)),
    "oidcc-refresh-token-rp-key-rotation": Module(("test_dynamic.py::test_oidcc_refresh_token_rp_key_rotation",)),
    "oidcc-request-uri-unsigned": Module(note=BY_REFERENCE),
    "oidcc-request-uri-signed-rs256": Module(note=BY_REFERENCE),
    "oidcc-ensure-request-object-with-redirect-uri": BASIC["oidcc-ensure-request-object-with-redirect-uri"],
    "oidcc-refresh-token": Module(("test_dynamic.py::test_oidcc_refresh_token_with_private_key_jwt",)),
    "oidcc-ensure-client-assertion-with-iss-aud-succeeds": Module(
        ("test_dynamic.py::test_oidcc_ensure_client_assertion_with_iss_aud_succeeds",)
    ),
}

_STAYS: Final = "test_logout.py::test_oidcc_rp_initiated_logout_does_not_redirect"
_ENDS: Final = "test_logout.py::test_oidcc_rp_initiated_logout_ends_at_a_page"
_ANNOUNCED: Final = Module(
    ("test_config.py::test_logout_is_announced", *CONFIG["oidcc-discovery-endpoint-verification"].tests)
)

RP_INITIATED: Final = {
    "oidcc-rp-initiated-logout-discovery-endpoint-verification": _ANNOUNCED,
    "oidcc-rp-initiated-logout": Module(("test_logout.py::test_oidcc_rp_initiated_logout[state]",)),
    "oidcc-rp-initiated-logout-bad-post-logout-redirect-uri": Module((f"{_STAYS}[bad-post-logout-redirect-uri]",)),
    "oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri": Module(
        (f"{_STAYS}[query-added-to-post-logout-redirect-uri]",)
    ),
    "oidcc-rp-initiated-logout-modified-id-token-hint": Module((f"{_STAYS}[modified-id-token-hint]",)),
    "oidcc-rp-initiated-logout-bad-id-token-hint": Module((f"{_STAYS}[bad-id-token-hint]",)),
    "oidcc-rp-initiated-logout-no-id-token-hint": Module((f"{_STAYS}[no-id-token-hint]",)),
    "oidcc-rp-initiated-logout-no-params": Module((f"{_ENDS}[no-params]",)),
    "oidcc-rp-initiated-logout-no-post-logout-redirect-uri": Module((f"{_ENDS}[no-post-logout-redirect-uri]",)),
    "oidcc-rp-initiated-logout-no-state": Module(("test_logout.py::test_oidcc_rp_initiated_logout[no-state]",)),
    "oidcc-rp-initiated-logout-only-state": Module((f"{_ENDS}[only-state]",)),
}

BACK_CHANNEL: Final = {
    "oidcc-backchannel-logout-discovery-endpoint-verification": _ANNOUNCED,
    "oidcc-backchannel-rp-initiated-logout": Module(("test_logout.py::test_oidcc_backchannel_rp_initiated_logout",)),
}

FRONT_CHANNEL: Final = {
    "oidcc-frontchannel-logout-discovery-endpoint-verification": _ANNOUNCED,
    "oidcc-frontchannel-rp-initiated-logout": Module(("test_logout.py::test_oidcc_frontchannel_rp_initiated_logout",)),
}

PLANS: Final = {
    "oidcc-basic-certification-test-plan": ("query", BASIC),
    "oidcc-formpost-basic-certification-test-plan": ("form_post", BASIC),
    "oidcc-config-certification-test-plan": ("", CONFIG),
    "oidcc-dynamic-certification-test-plan": ("query", DYNAMIC),
    "oidcc-rp-initiated-logout-certification-test-plan": ("", RP_INITIATED),
    "oidcc-backchannel-rp-initiated-logout-certification-test-plan": ("", BACK_CHANNEL),
    "oidcc-frontchannel-rp-initiated-logout-certification-test-plan": ("", FRONT_CHANNEL),
}
"""Plan → (the response mode its modules run in, its modules)."""
