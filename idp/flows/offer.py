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
    """The profile of this configuration."""
    audiences = (config.issuer, *(f"{config.issuer}/{name}" for name in ENDPOINTS_WITH_CLIENTS))
    return ServerProfile(
        issuer=config.issuer,
        acr_values_supported=acr.SUPPORTED,
        authorization_details_types_supported=authorization_details.SUPPORTED,
        assertion_audiences_supported=audiences,
        allow=AllowList.of(config.outbound_allow),
    )
