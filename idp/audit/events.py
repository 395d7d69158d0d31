"""The closed vocabulary of audited facts.

One frozen class per fact, named ``subject.action`` in ``KIND``; its fields are the non-personal part and go into ``head`` as they stand; the
names in ``PERSONAL`` are given apart and sealed under the citizen's key. Fields hold identifiers of the house (hex) and stable words, never free text
from a request, never a secret, never a claim value. :func:`record` turns a fact into the row that rides in the batch of what it tells.
"""

from collections.abc import Mapping
from typing import ClassVar, Protocol

import msgspec

from idp.audit.entry import Field, entry, field_digest, pack
from idp.ports import Entropy, Insert
from idp.records import Event


class Person(Protocol):
    """Whose key seals the personal fields: a citizen, or nobody (an unknown caller)."""

    @property
    def pseudonym(self) -> bytes: ...

    def seal_event(self, kind: str, at: int, event_id: bytes, name: str, plaintext: bytes) -> bytes: ...


class Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of every audited fact. ``client_id``: the client concerned, if one is; ``reference``: what an error page showed."""

    KIND: ClassVar[str] = ""
    PERSONAL: ClassVar[tuple[str, ...]] = ()

    client_id: str | None = None
    reference: str | None = None


# Signing in -----------------------------------------------------------------------------------------------------------------------


class SignedIn(Fact, frozen=True, kw_only=True):
    """A person proved who they are and a session began or was renewed."""

    KIND = "session.started"
    PERSONAL = ("address", "device")
    session: str
    amr: str
    acr: str


class SignInFailed(Fact, frozen=True, kw_only=True):
    """A wrong identifier, password, one-time code or recovery code; ``reason`` says which, to the log alone."""

    KIND = "session.refused"
    PERSONAL = ("address", "device")
    reason: str


class SignInThrottled(Fact, frozen=True, kw_only=True):
    """Too many failures for an account or an address: refused before looking."""

    KIND = "session.throttled"
    PERSONAL = ("address",)
    rule: str


class SteppedUp(Fact, frozen=True, kw_only=True):
    """A second factor was proved inside a session."""

    KIND = "session.stepped_up"
    session: str
    amr: str
    acr: str


class SessionEnded(Fact, frozen=True, kw_only=True):
    """A session ended. ``why``: logout, citizen, password_changed, contact_changed, factor_reset, staff, disabled, superseded, erasure_asked, erased;
    ``reason`` of staff who ended this one alone."""

    KIND = "session.ended"
    session: str
    why: str
    reason: str = ""


class LogoutDelivered(Fact, frozen=True, kw_only=True):
    """A back-channel logout token was accepted by a client (``outcome`` sent) or given up (dead)."""

    KIND = "logout.delivered"
    session: str
    outcome: str
    attempts: int


# Accounts -------------------------------------------------------------------------------------------------------------------------


class AccountCreated(Fact, frozen=True, kw_only=True):
    """An account exists. ``how``: sign-up, cli, staff-link, sample."""

    KIND = "account.created"
    how: str


class AccountChanged(Fact, frozen=True, kw_only=True):
    """A property of an account changed.

    ``what``: identifier, locale, roles, status, attributes; ``value`` a stable word, for roles and status only; ``reason`` as the operator
    gave it, for status only.
    """

    KIND = "account.changed"
    what: str
    value: str = ""
    by: str = "citizen"
    reason: str = ""


class PasswordChanged(Fact, frozen=True, kw_only=True):
    """A password was set. ``how``: sign-up, change, reset, cli."""

    KIND = "account.password_changed"
    PERSONAL = ("address",)
    how: str


class FactorEnrolled(Fact, frozen=True, kw_only=True):
    """A second factor was confirmed. ``factor``: totp, recovery_codes."""

    KIND = "account.factor_enrolled"
    factor: str


class FactorAlways(Fact, frozen=True, kw_only=True):
    """From now on the citizen wants to be asked for the second factor at every sign-in."""

    KIND = "account.factor_always"


class FactorEased(Fact, frozen=True, kw_only=True):
    """The citizen wants the second factor no longer at every sign-in: only where a service or a page asks for it."""

    KIND = "account.factor_eased"


class FactorRemoved(Fact, frozen=True, kw_only=True):
    """A second factor was removed, and with it the wish to be asked for it always. ``by``: citizen or cli; ``reason`` as staff gave it, one of the
    stable words."""

    KIND = "account.factor_removed"
    factor: str
    by: str
    reason: str = ""


class RecoveryCodeUsed(Fact, frozen=True, kw_only=True):
    """A recovery code stood in for the second factor; ``left`` remain."""

    KIND = "account.recovery_code_used"
    left: int


class OneTimeSent(Fact, frozen=True, kw_only=True):
    """A single-use code or link was made. ``purpose``: sign-up, reset, verify, staff."""

    KIND = "account.one_time_sent"
    purpose: str


# Authorizations and tokens --------------------------------------------------------------------------------------------------------


class AuthorizationRefused(Fact, frozen=True, kw_only=True):
    """An authorization request ended in an error. ``code`` the wire code; ``stage`` page or client."""

    KIND = "authorization.refused"
    code: str
    reason: str
    stage: str


class ItemTold(msgspec.Struct, frozen=True, kw_only=True):
    """A service item inside a fact: which version of it, and attribute codes (of a consent) or claim names (of a release)."""

    code: str
    version: int
    attributes: tuple[str, ...]


class ConsentGiven(Fact, frozen=True, kw_only=True):
    """The citizen allowed a client; ``digest`` (hex) of exactly what was shown. ``items``: what they allow of service items, law included.

    ``lasts``: lasting, year or once; ``until`` microseconds, 0 for a lasting one.
    """

    KIND = "consent.given"
    scope: str
    claims: tuple[str, ...]
    digest: str
    items: tuple[ItemTold, ...] = ()
    verified: tuple[str, ...] = ()
    lasts: str = "lasting"
    until: int = 0


class CitizenInformed(Fact, frozen=True, kw_only=True):
    """The citizen was shown what the law orders to be told to a client, and went on: no consent was asked. ``digest`` as in a consent."""

    KIND = "consent.informed"
    digest: str
    items: tuple[ItemTold, ...]


class ConsentDenied(Fact, frozen=True, kw_only=True):
    """The citizen pressed cancel."""

    KIND = "consent.denied"
    scope: str


class ConsentWithdrawn(Fact, frozen=True, kw_only=True):
    """The citizen withdrew a client's access; its grants ended."""

    KIND = "consent.withdrawn"
    grants: int


class CodeIssued(Fact, frozen=True, kw_only=True):
    """An authorization code left the house."""

    KIND = "code.issued"
    grant: str
    scope: str
    acr: str


class CodeRedeemed(Fact, frozen=True, kw_only=True):
    """A code became tokens."""

    KIND = "code.redeemed"
    grant: str
    scope: str
    refresh: bool


class CodeReplayed(Fact, frozen=True, kw_only=True):
    """A spent code came again: the grant and all its tokens ended (RFC 6749 §4.1.2)."""

    KIND = "code.replayed"
    grant: str
    by_client: str


class CodeMisused(Fact, frozen=True, kw_only=True):
    """A live code was tried by the wrong client, with the wrong verifier or redirect URI; it stays good for its owner."""

    KIND = "code.misused"
    grant: str
    by_client: str
    reason: str


class TokenRefreshed(Fact, frozen=True, kw_only=True):
    """A refresh token gave new tokens."""

    KIND = "token.refreshed"
    grant: str
    scope: str
    rotated: bool


class RefreshReplayed(Fact, frozen=True, kw_only=True):
    """A rotated refresh token came again: the family ended (RFC 9700 §4.14.2)."""

    KIND = "token.refresh_replayed"
    grant: str
    by_client: str


class ClientTokenIssued(Fact, frozen=True, kw_only=True):
    """An access token for the client itself (RFC 6749 §4.4)."""

    KIND = "token.client_issued"
    scope: str


class TokenRevoked(Fact, frozen=True, kw_only=True):
    """A client revoked a token (RFC 7009); or staff ended a whole grant (``token`` is ``grant``) for a ``reason``."""

    KIND = "token.revoked"
    grant: str
    token: str
    reason: str = ""


class TokenRequestRefused(Fact, frozen=True, kw_only=True):
    """A request to the token, introspection, revocation or PAR endpoint was refused."""

    KIND = "token.refused"
    endpoint: str
    code: str
    reason: str


class AttributesReleased(Fact, frozen=True, kw_only=True):
    """Claims beyond ``sub``, ``verified`` ones among them, left ``via`` userinfo or id_token for ``items``, encrypted to ``key`` (a thumbprint)."""

    KIND = "attributes.released"
    grant: str
    claims: tuple[str, ...]
    via: str
    verified: tuple[str, ...] = ()
    items: tuple[ItemTold, ...] = ()
    key: str | None = None


class AttributesWithheld(Fact, frozen=True, kw_only=True):
    """Attributes that may leave only encrypted stayed. ``reason``: no_client_key or key_held; ``via`` as in the release, or consent: not offered."""

    KIND = "attributes.withheld"
    grant: str
    claims: tuple[str, ...]
    reason: str
    via: str


class RequestPushed(Fact, frozen=True, kw_only=True):
    """A pushed authorization request was stored (RFC 9126)."""

    KIND = "authorization.pushed"


# Clients, departments, keys -------------------------------------------------------------------------------------------------------


class DepartmentAdded(Fact, frozen=True, kw_only=True):
    """A department was entered by the operator."""

    KIND = "department.added"
    department: str


class InitialTokenMade(Fact, frozen=True, kw_only=True):
    """A right to register clients was handed to a department."""

    KIND = "client.initial_token_made"
    department: str
    uses: int


class ClientRegistered(Fact, frozen=True, kw_only=True):
    """A client exists. ``how``: cli, dynamic, sample; ``require_pkce`` false is worth a look."""

    KIND = "client.registered"
    department: str
    how: str
    require_pkce: bool


class RegistrationRefused(Fact, frozen=True, kw_only=True):
    """Somebody without a right to it tried to register, read or change a client. ``reason``: a stable word; ``throttled``: more are not told."""

    KIND = "client.registration_refused"
    reason: str


class ClientChanged(Fact, frozen=True, kw_only=True):
    """Metadata of a client changed; ``members`` names what."""

    KIND = "client.changed"
    members: tuple[str, ...]
    how: str


class ClientRemoved(Fact, frozen=True, kw_only=True):
    """A client was deleted; its grants ended. ``how``: dynamic or cli; ``reason`` as the operator gave it, one of the stable words."""

    KIND = "client.removed"
    how: str
    reason: str = ""


class ClientDisabled(Fact, frozen=True, kw_only=True):
    """An operator paused a client; its grants ended. ``reason`` one of the stable words."""

    KIND = "client.disabled"
    reason: str


class ClientEnabled(Fact, frozen=True, kw_only=True):
    """An operator let a paused client on again. ``reason`` one of the stable words."""

    KIND = "client.enabled"
    reason: str


class ClientSecretReplaced(Fact, frozen=True, kw_only=True):
    """A client has a new secret; the old one is dead."""

    KIND = "client.secret_replaced"
    how: str


class ClientKeyChanged(Fact, frozen=True, kw_only=True):
    """Answers to a client are encrypted to another key than ``before`` (empty in older events: the first), or an operator stands for it."""

    KIND = "client.key_changed"
    alg: str
    thumbprint: str
    before: str = ""
    confirmed: bool = False


class KeyMoved(Fact, frozen=True, kw_only=True):
    """A signing key changed state. ``state``: next, active, retiring, retired; ``emergency`` when forced."""

    KIND = "key.moved"
    kid: str
    alg: str
    state: str
    emergency: bool = False


class PurposeKeyMoved(Fact, frozen=True, kw_only=True):
    """A version of a purpose key changed state: ``active`` when its epoch begins, ``retired`` when it was destroyed."""

    KIND = "key.epoch_moved"
    purpose: str
    version: int
    state: str


class SealFailed(Fact, frozen=True, kw_only=True):
    """A sealed value or a data key does not open: altered, moved, of another version. ``place``: table and column, or ``keyring``."""

    KIND = "seal.failed"
    place: str


class KeysEscrowed(Fact, frozen=True, kw_only=True):
    """The root key was sealed to a recovery key; ``recipient`` its thumbprint."""

    KIND = "key.escrowed"
    recipient: str


class ItemDrafted(Fact, frozen=True, kw_only=True):
    """A version of a service item waits for approval."""

    KIND = "item.drafted"
    item: str
    version: int
    department: str


class ItemDecided(Fact, frozen=True, kw_only=True):
    """A version of a service item became ``state``: approved, rejected or retired. ``by``: approver or cli."""

    KIND = "item.decided"
    item: str
    version: int
    department: str
    state: str
    by: str


class AttributeKindChanged(Fact, frozen=True, kw_only=True):
    """An attribute of the catalogue was added or changed (``state`` kept), or is no more (retired)."""

    KIND = "attribute_kind.changed"
    attribute: str
    version: int
    sensitive: bool
    state: str


class Restored(Fact, frozen=True, kw_only=True):
    """The house goes on with an older copy, or a standby that lost commits: every session, grant and open code ended."""

    KIND = "store.restored"


class ExportMade(Fact, frozen=True, kw_only=True):
    """The log was exported: ``events`` from index ``start`` on, or (-1) what the conditions ``search`` found. ``form``: the file's format."""

    KIND = "audit.exported"
    events: int
    start: int = 0
    form: str = "jsonl"
    search: tuple[str, ...] = ()


class LogAlarmed(Fact, frozen=True, kw_only=True):
    """The log is not what was signed or remembered. ``what`` in the verifier's words; ``index`` the first bad one, -1 for the whole tree; ``alert``:
    the id of the alert that was raised with it."""

    KIND = "audit.alarmed"
    what: str
    index: int = -1
    alert: str = ""


class LogAccepted(Fact, frozen=True, kw_only=True):
    """An operator accepted the log as it stands: it had ``had`` events and has ``has``; ``let_in``: by ``seq``, rows without a leaf that are not as
    they were written; ``amiss``: the same with a leaf, by index; ``what`` else was wrong."""

    KIND = "audit.accepted"
    reason: str
    had: int
    had_root: str
    has: int
    has_root: str
    let_in: tuple[int, ...] = ()
    amiss: tuple[int, ...] = ()
    what: str = ""


class WitnessTold(Fact, frozen=True, kw_only=True):
    """A witness began to cosign (``state`` ok), can't be reached (away) or saw another log of this name (disagrees)."""

    KIND = "audit.witness"
    witness: str
    state: str


def record(
    fact: Fact,
    *,
    at: int,
    entropy: Entropy,
    person: Person | None = None,
    actor: Person | None = None,
    personal: Mapping[str, str] | None = None,
) -> Insert:
    """The insert of one event. ``at`` microseconds UTC.

    ``person`` is whom it concerns: the pseudonym in ``head`` and the key for ``personal`` (names must be those of ``PERSONAL``, in any order; an
    absent one counts as empty). ``actor`` when someone else acted (staff).
    """
    noise = entropy(32)
    event_id, salt = noise[:16], noise[16:]
    head = _head(fact, event_id, at, person, actor)
    fields = _sealed(fact, at, event_id, entropy, person, personal) if person and personal is not None else ()
    return Insert(
        Event(
            seq=0,
            id=event_id,
            at=at,
            kind=fact.KIND,
            client_id=fact.client_id,
            actor=person.pseudonym if person else None,
            head=head,
            salt=salt,
            fields=pack(fields) if fields else None,
            entry=entry(salt, head, [f.digest for f in fields]),
        )
    )


def _head(fact: Fact, event_id: bytes, at: int, person: Person | None, actor: Person | None) -> bytes:
    """The non-personal part, as it is stored and hashed."""
    return msgspec.json.encode(
        {
            "v": 1,
            "id": event_id.hex(),
            "at": at,
            "kind": fact.KIND,
            "person": person.pseudonym.hex() if person else None,
            "actor": actor.pseudonym.hex() if actor else None,
            **msgspec.structs.asdict(fact),
        }
    )


def _sealed(
    fact: Fact, at: int, event_id: bytes, entropy: Entropy, person: Person, personal: Mapping[str, str]
) -> tuple[Field, ...]:
    """The personal fields in schema order, each with a salt of its own."""
    if unknown := set(personal) - set(fact.PERSONAL):
        raise ValueError(f"{fact.KIND} declares no personal field {sorted(unknown)}")
    fields = []
    for name in fact.PERSONAL:
        own, value = entropy(16), personal.get(name, "")
        sealed = person.seal_event(fact.KIND, at, event_id, name, own + value.encode())
        fields.append(Field(name, field_digest(own, name, value), sealed))
    return tuple(fields)


def vocabulary() -> dict[str, type[Fact]]:
    """Every kind and the class that documents it."""
    from idp.audit import (  # noqa: F401  facts of their own files are of the vocabulary too
        cases,
        client_keys,
        comparing,
        lookups,
        retention,
        rights,
        staffing,
    )

    return {c.KIND: c for c in Fact.__subclasses__()}
