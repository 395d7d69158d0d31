"""The envelope of an answer: signed, then encrypted to the client's own key, as it registered (OIDC Core §10, RFC 9701 §5, DESIGN §7).

Whom an answer is encrypted to is found before anything is used up; an answer to be encrypted never leaves in the clear.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, Literal

import msgspec

from clients.documents import KeyDirectory, KeysUnavailable
from clients.key_material import ClientKey
from clients.model import Client
from keys.jose import mint
from keys.jwe import Encrypter
from keys.ports import Signer

Kind = Literal["id_token", "userinfo", "introspection"]
KINDS: Final[tuple[Kind, ...]] = ("id_token", "userinfo", "introspection")


class NoKey(Exception):
    """The client registered encryption and has no key to encrypt to now. ``reason`` is a short stable word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Recipient(msgspec.Struct, frozen=True):
    """The client's key that one answer is encrypted to, with the algorithms that it registered."""

    alg: str
    enc: str
    key: ClientKey


def encrypts(client: Client, kind: Kind) -> bool:
    """Whether the client registered encryption of that answer."""
    return getattr(client, f"{kind}_encrypted_response_alg") is not None


def recipient(directory: KeyDirectory, client: Client, kind: Kind, now_s: int) -> Recipient | None:
    """Whom to encrypt to: the client's current key. None where it registered no encryption. Raises NoKey, never answers a weaker key."""
    alg: str | None = getattr(client, f"{kind}_encrypted_response_alg")
    if alg is None:
        return None
    try:
        key = directory.keys_for(client).encrypter(alg, now_s)
    except KeysUnavailable as error:
        raise NoKey(error.reason) from None
    if key is None:
        raise NoKey("jwks_no_encrypter")
    return Recipient(alg, getattr(client, f"{kind}_encrypted_response_enc"), key)


def envelope(
    claims: Mapping[str, Any], signer: Signer | None, typ: str, to: Recipient | None, *, iss: str | None = None
) -> str:
    """The claims as one compact text: signed where there is a signer, then encrypted where there is a recipient; one of them there must be.

    Signed and encrypted is a nested JWT (RFC 7519 §5.2); encrypted alone holds the claims as JSON (OIDC Core §5.3.2). ``typ``: of the signed
    token; ``iss``: repeated in the JWE's header where a specification asks for it.
    """
    if signer is None:
        assert to is not None
        return _encrypted(msgspec.json.encode(claims), to, None, iss)
    signed = mint(signer, typ, claims)
    return signed if to is None else _encrypted(signed.encode("ascii"), to, "JWT", iss)


def _encrypted(plain: bytes, to: Recipient, cty: str | None, iss: str | None) -> str:
    return _encrypter(to.key, to.alg, to.enc, cty, iss)(plain)


@lru_cache(maxsize=2048)
def _encrypter(key: ClientKey, alg: str, enc: str, cty: str | None, iss: str | None) -> Encrypter:
    """Prepared once for a key object: a set that changes is parsed into new ones."""
    return Encrypter(key.key, alg=alg, enc=enc, kid=key.kid, cty=cty, iss=iss)
