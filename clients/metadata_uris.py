"""Members that hold URIs: what people follow, what browsers load, what the provider itself calls."""

from collections.abc import Iterable

from clients.addresses import looks_public
from clients.errors import bad_metadata
from clients.profile import ServerProfile
from clients.uris import BadUri, Uri, parse


def check_page_uri(member: str, value: str) -> Uri:
    """A page that people see: https, or http on the developer's own machine (RFC 7591 §2, ATTACKS A092)."""
    uri = _parse(member, value)
    if not uri.host or not (uri.scheme == "https" or (uri.scheme == "http" and uri.loopback)):
        raise bad_metadata(f"{member} must be an https URI", "uri_scheme")
    return uri


def check_called_uri(member: str, value: str, server: ServerProfile) -> Uri:
    """What the provider itself calls: https and outside; the operator's list alone opens http and private hosts.

    Names are looked up and checked again at each call, because they may be rebound.
    """
    uri = _parse(member, value)
    listed = server.allow.names(uri.host)
    if not uri.host or not (uri.scheme == "https" or (uri.scheme == "http" and listed)):
        raise bad_metadata(f"{member} must be an https URI", "uri_scheme")
    if not (listed or looks_public(uri.host)):
        raise bad_metadata(
            f"{member} must not point into a private network; ask the operator to allow the host", "uri_private"
        )
    return uri


def check_frontchannel_uri(value: str, redirect_uris: Iterable[str]) -> None:
    """The iframe's address shares scheme, host and port with a redirect URI (OIDC Front-Channel Logout §2)."""
    uri = check_page_uri("frontchannel_logout_uri", value)
    if uri.origin not in {parse(registered).origin for registered in redirect_uris}:
        raise bad_metadata(
            "frontchannel_logout_uri must have the scheme, host and port of one of redirect_uris", "frontchannel_origin"
        )


def check_request_uri(value: str) -> None:
    """A pre-registered request object: https; a fragment is the hash of its content (OIDC Registration §2)."""
    uri = _parse("request_uris", value, fragment_allowed=True)
    if uri.scheme != "https" or not uri.host:
        raise bad_metadata("request_uris: every value must be an https URI", "uri_scheme")


def _parse(member: str, value: str, *, fragment_allowed: bool = False) -> Uri:
    try:
        return parse(value, fragment_allowed=fragment_allowed)
    except BadUri as bad:
        raise bad_metadata(f"{member} {bad.text}", f"uri_{bad.reason}") from None
