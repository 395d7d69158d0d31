"""The table of places that an operator has: where networks are, read once from a file."""

from pathlib import Path

from idp.audit.travel import Places, PlacesError, parse
from idp.config import Config, ConfigError


def open_places(config: Config) -> Places | None:
    """By ``IDP_NETWORK_PLACES``; None when it is not set. Raises ConfigError that names the line."""
    if not config.network_places:
        return None
    try:
        with Path(config.network_places).open(encoding="utf-8-sig", newline="") as lines:
            return parse(lines)
    except (OSError, UnicodeDecodeError):
        raise ConfigError("IDP_NETWORK_PLACES: the file can't be read") from None
    except PlacesError as error:
        raise ConfigError(f"IDP_NETWORK_PLACES: {error}") from None
