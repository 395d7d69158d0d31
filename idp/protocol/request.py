"""An authorization request, read once (OpenID Connect Core §3.1.2.1)."""

from functools import lru_cache

import msgspec

from idp.protocol.authorization_details import Detail
from idp.protocol.claims_request import NOTHING, ClaimsRequest
from idp.protocol.scopes import service_items


class AuthorizeRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request that passed every check. ``scope`` is what may be granted; ``max_age`` in seconds, the client's default included.

    ``login_hint``, ``id_token_hint`` and ``claims`` may tell about a person: the value is stored sealed alone, and its ``repr`` shows nothing.
    """

    client_id: str
    redirect_uri: str
    response_mode: str
    scope: tuple[str, ...]
    state: str | None = None
    nonce: str | None = None
    code_challenge: str | None = None
    prompt: frozenset[str] = frozenset()
    max_age: int | None = None
    acr_values: tuple[str, ...] = ()
    claims: ClaimsRequest = NOTHING
    details: tuple[Detail, ...] = ()
    login_hint: str | None = None
    id_token_hint: str | None = None
    ui_locales: str | None = None

    def __repr__(self) -> str:
        return f"AuthorizeRequest({self.client_id})"

    @property
    def silent(self) -> bool:
        """``prompt=none``: no page may be shown."""
        return "none" in self.prompt

    @property
    def items(self) -> tuple[Detail, ...]:
        """Every service item that is asked for, once: by scope as a whole, by detail as a whole or in part (RFC 9396 §3.1: both may be sent)."""
        return _items(self.scope, self.details)

    @property
    def essential_acr(self) -> tuple[str, ...]:
        """Levels of which one must be met (§5.5.1.1); empty: none must."""
        wish = self.claims.id_token.get("acr")
        return wish.values if wish is not None and wish.essential else ()

    @property
    def voluntary_acr(self) -> tuple[str, ...]:
        """Levels that the client would like (§3.1.2.1 ``acr_values``, §5.5 a voluntary ``acr``)."""
        wish = self.claims.id_token.get("acr")
        return self.acr_values if wish is None or wish.essential else (*wish.values, *self.acr_values)

    @property
    def expected_subs(self) -> frozenset[str] | None:
        """The subjects that the ``claims`` parameter accepts (§5.5.1); None: any."""
        wishes = [
            wish for place in (self.claims.id_token, self.claims.userinfo) if (wish := place.get("sub")) and wish.values
        ]
        return frozenset.intersection(*(frozenset(wish.values) for wish in wishes)) if wishes else None


@lru_cache(maxsize=1024)
def _items(scope: tuple[str, ...], details: tuple[Detail, ...]) -> tuple[Detail, ...]:
    found: dict[str, tuple[str, ...]] = dict.fromkeys(service_items(scope), ())
    for detail in details:
        known = found.get(detail.item)
        whole = known == () or not detail.attributes
        found[detail.item] = () if whole else tuple(dict.fromkeys((*(known or ()), *detail.attributes)))
    return tuple(Detail(item, attributes) for item, attributes in found.items())
