"""Which claims an answer may hold: those of the grant and its token, within what the client is registered for today."""

from functools import lru_cache

from idp.release.claims import askable, for_id_token, for_userinfo


@lru_cache(maxsize=2048)
def userinfo_names(registered: tuple[str, ...], scope: str, requested: bytes | None) -> tuple[str, ...]:
    """Names for UserInfo (OIDC Core §5.3, §5.4, §5.5). ``registered``: the client's scopes; ``scope``: of token and grant, space-separated."""
    may = askable(registered)
    return tuple(name for name in for_userinfo(scope, requested) if name in may)


@lru_cache(maxsize=2048)
def id_token_names(registered: tuple[str, ...], requested: bytes | None) -> tuple[str, ...]:
    """Names for the ID token: asked for there alone (OIDC Core §5.5)."""
    may = askable(registered)
    return tuple(name for name in for_id_token(requested) if name in may)
