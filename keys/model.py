"""Rows of this room, as SQL keeps them: one field per column, no behaviour."""

from typing import Final, Literal

import msgspec

State = Literal["next", "active", "retiring", "retired"]
NEXT: Final = "next"
ACTIVE: Final = "active"
RETIRING: Final = "retiring"
RETIRED: Final = "retired"


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """A signing key pair. ``version`` counts per ``alg`` from 1; (alg, version) is unique, which makes concurrent creation collide."""

    kid: str
    alg: str
    state: State
    wrapped: bytes
    public_jwk: bytes
    created_at: int
    published_at: int
    activated_at: int | None = None
    retiring_at: int | None = None
    retired_at: int | None = None
    version: int

    def __repr__(self) -> str:
        return f"SigningKey({self.alg} v{self.version} {self.state} {self.kid})"


class PurposeKey(msgspec.Struct, frozen=True, kw_only=True):
    """A symmetric key of one purpose. (purpose, version) is unique; one version per purpose is ``active``."""

    purpose: str
    version: int
    wrapped: bytes
    created_at: int
    state: State

    def __repr__(self) -> str:
        return f"PurposeKey({self.purpose} v{self.version} {self.state})"
