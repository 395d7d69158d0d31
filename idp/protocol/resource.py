"""Resource indicators (RFC 8707): one rule for authorization requests, pushed and signed ones, and every token request.

Tokens of this provider are for the provider itself. Who names another resource expects a token that no other server would take: it is told so
where it asks first, and nothing is issued that only seems to be narrowed.
"""

from typing import Final

from idp.errors import Code, Refusal
from idp.protocol.params import Params

NAME: Final = "resource"


def check(params: Params, issuer: str) -> None:
    """Any number may be named (§2), and each has to be the issuer. Raises Refusal(invalid_target)."""
    named = params.every(NAME)
    if any(resource != issuer for resource in named):
        raise Refusal(
            Code.INVALID_TARGET,
            "The resource is not one of this provider.",
            reason="resource",
            received=" ".join(named),
            expected=issuer,
        )
