"""The ``claims`` parameter (OpenID Connect Core §5.5): read strictly, stored without the values that people typed into it."""

from base64 import b64encode
from typing import Any, Final

import msgspec

from clients import strict_json
from idp.protocol import verified_claims, wishes
from idp.protocol.verified_claims import MEMBER, Offered, VerifiedRequest
from idp.protocol.wishes import Malformed, Wish, inside

MAX_CHARS: Final = 16_384
MAX_CLAIMS: Final = 100
COMPARING: Final = "_matches"
"""How claims end whose answer is a verdict on the ``compare`` that is sent along."""
_MEMBERS: Final = ("id_token", "userinfo")


class Private(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a grant keeps sealed: the requests for verified claims with their values; the numbers to be compared."""

    id_token_verified: VerifiedRequest = verified_claims.NOTHING
    userinfo_verified: VerifiedRequest = verified_claims.NOTHING
    compared: dict[str, str] = {}

    def __repr__(self) -> str:
        return "Private(…)"


class Kept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a grant keeps, for the verified claims: as :func:`stored` wrote it, values apart."""

    id_token: dict[str, Any] = {}
    userinfo: dict[str, Any] = {}
    sealed: bytes | None = None


class ClaimsRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Claim name → wish, for each place it is to be delivered in."""

    id_token: dict[str, Wish] = {}
    userinfo: dict[str, Wish] = {}
    id_token_verified: VerifiedRequest = verified_claims.NOTHING
    userinfo_verified: VerifiedRequest = verified_claims.NOTHING
    compared: dict[str, str] = {}
    """Claim → the number that it is a verdict on, wherever the claim is delivered."""

    def __repr__(self) -> str:
        return f"ClaimsRequest({sorted(self.names)})"

    @property
    def plain(self) -> frozenset[str]:
        """Every claim asked for as such, wherever."""
        return frozenset(self.id_token) | frozenset(self.userinfo)

    @property
    def verified(self) -> frozenset[str]:
        """Every claim asked for inside ``verified_claims``, wherever."""
        return self.id_token_verified.names | self.userinfo_verified.names

    @property
    def names(self) -> frozenset[str]:
        """Every claim asked for."""
        return self.plain | self.verified


NOTHING: Final = ClaimsRequest()


def kept_names(claims: bytes, place: str) -> tuple[frozenset[str], VerifiedRequest, bytes | None]:
    """What a grant keeps for ``place`` (id_token or userinfo): claims asked for as such, those asked for as verified, and what is sealed."""
    kept = msgspec.json.decode(claims, type=Kept)
    members = getattr(kept, place)
    verified = msgspec.convert(members.get(MEMBER, {}), type=VerifiedRequest)
    return frozenset(members) - {MEMBER}, verified, kept.sealed


def parse(text: str) -> ClaimsRequest:
    """Raises Refusal(invalid_request) for what is not a claims request: too long, not strict JSON, names twice, wrong shapes.

    Members other than ``id_token`` and ``userinfo`` are ignored (§5.5).
    """
    if len(text) > MAX_CHARS:
        raise Malformed("is too long")
    document = _strict(text)
    if not isinstance(document, dict):
        raise Malformed("is not a JSON object")
    plain: dict[str, dict[str, Wish]] = {}
    verified: dict[str, VerifiedRequest] = {}
    compared: dict[str, str] = {}
    for name in _MEMBERS:
        with inside(name):
            member = _members(document.get(name))
            plain[name], verified[name] = _wishes(member), _verified(member)
            _compare(compared, member)
    return ClaimsRequest(
        id_token=plain["id_token"],
        userinfo=plain["userinfo"],
        id_token_verified=verified["id_token"],
        userinfo_verified=verified["userinfo"],
        compared=compared,
    )


def limited(request: ClaimsRequest, allowed: frozenset[str], offered: Offered | None = None) -> ClaimsRequest:
    """Only what may be told: others are left out, essential or not (§5.5.1: not an error). ``offered``: what can be told as verified, if anything."""
    return ClaimsRequest(
        id_token={name: wish for name, wish in request.id_token.items() if name in allowed},
        userinfo={name: wish for name, wish in request.userinfo.items() if name in allowed},
        id_token_verified=_offered(request.id_token_verified, allowed, offered),
        userinfo_verified=_offered(request.userinfo_verified, allowed, offered),
        compared={name: number for name, number in request.compared.items() if name in allowed},
    )


def _offered(verified: VerifiedRequest, allowed: frozenset[str], offered: Offered | None) -> VerifiedRequest:
    if offered is None or not verified.wishes:
        return verified_claims.NOTHING
    return verified_claims.within(verified, allowed, offered)


def private(request: ClaimsRequest) -> bytes | None:
    """The values that somebody typed and that the answer depends on: to be kept sealed under their citizen's key. None where there are none."""
    asked = (request.id_token_verified, request.userinfo_verified)
    valued = any(wish.values for verified in asked for one in verified.wishes for wish in one.claims.values())
    if not valued and not request.compared:
        return None
    return msgspec.json.encode(
        Private(id_token_verified=asked[0], userinfo_verified=asked[1], compared=request.compared)
    )


def stored(request: ClaimsRequest, sealed: bytes | None = None) -> bytes | None:
    """What a grant keeps: names and ``essential``; never ``value`` or ``values``, which may be about a person. None for nothing.

    ``sealed``: :func:`private`, sealed.
    """
    document: dict[str, Any] = {member: kept for member in _MEMBERS if (kept := _kept(request, member))}
    if sealed is not None:
        document["sealed"] = b64encode(sealed).decode("ascii")
    return msgspec.json.encode(document) if document else None


def _kept(request: ClaimsRequest, member: str) -> dict[str, Any]:
    plain = {name: {"essential": True} if wish.essential else None for name, wish in getattr(request, member).items()}
    verified: VerifiedRequest = getattr(request, f"{member}_verified")
    return plain | ({MEMBER: _without_values(verified)} if verified.wishes else {})


def _without_values(verified: VerifiedRequest) -> VerifiedRequest:
    kept = (msgspec.structs.replace(wish, claims={name: Wish() for name in wish.claims}) for wish in verified.wishes)
    return msgspec.structs.replace(verified, wishes=tuple(kept))


def _members(member: Any) -> dict[str, Any]:
    if member is None:
        return {}
    if not isinstance(member, dict) or len(member) > MAX_CLAIMS:
        raise Malformed(f"is not an object of at most {MAX_CLAIMS} claims")
    return member


def _wishes(member: dict[str, Any]) -> dict[str, Wish]:
    return wishes.named({name: value for name, value in member.items() if name != MEMBER})


def _compare(found: dict[str, str], member: dict[str, Any]) -> None:
    """Adds to ``found``: one number for a claim, however often it is sent."""
    for name, value in member.items():
        if name.endswith(COMPARING):
            with inside(name):
                number = wishes.compared(value)
                if number and found.setdefault(name, number) != number:
                    raise Malformed("is compared with two values")


def _verified(member: dict[str, Any]) -> VerifiedRequest:
    if MEMBER not in member:
        return verified_claims.NOTHING
    with inside(MEMBER):
        return verified_claims.parse(member[MEMBER])


def _strict(text: str) -> Any:
    try:
        return strict_json.read(text)
    except strict_json.NotStrict as error:
        raise Malformed(str(error)) from None
