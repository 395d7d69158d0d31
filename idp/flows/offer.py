"""What the provider offers: one value that discovery publishes and registration judges by, so that the two never differ."""

from functools import lru_cache
from typing import Final

from clients.addresses import AllowList
from clients.profile import ServerProfile
from idp.config import Config
from idp.protocol import acr, authorization_details

ENDPOINTS_WITH_CLIENTS: Final = ("token", "introspect", "revoke", "par")


@lru_cache(maxsize=16)
def server_profile(config: Config) -> ServerProfile:
    """Encryption of answers is not offered, so registering it is refused (DESIGN §7: never the clear by mistake)."""
    audiences = (config.issuer, *(f"{config.issuer}/{name}" for name in ENDPOINTS_WITH_CLIENTS))
    return ServerProfile(
        issuer=config.issuer,
        id_token_encryption_alg_values_supported=(),
        id_token_encryption_enc_values_supported=(),
        userinfo_encryption_alg_values_supported=(),
        userinfo_encryption_enc_values_supported=(),
        acr_values_supported=acr.SUPPORTED,
        authorization_details_types_supported=authorization_details.SUPPORTED,
        assertion_audiences_supported=audiences,
        allow=AllowList.of(config.outbound_allow),
    )
