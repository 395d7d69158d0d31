"""Resource indicators (RFC 8707): one rule for authorization requests, pushed and signed ones, and every token request.

Tokens of this provider are for the provider itself. Who names another resource expects a token that no other server would take: it is told so
where it asks first, and nothing is issued that only seems to be narrowed.
"""

from idp.errors import Code, Refusal
from idp.protocol.params import Params


def check(params: Params, issuer: str) -> None:
    """The one resource that may be named is the issuer (§2). Raises Refusal(invalid_target)."""
    if "resource" in params and params.get("resource") != issuer:
        raise Refusal(
            Code.INVALID_TARGET,
            "The resource is not one of this provider.",
            reason="resource",
            received=params.get("resource") or "several",
            expected=issuer,
        )
