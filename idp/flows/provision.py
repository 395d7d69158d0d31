"""What an operator brings in from outside the protocol: the first keys, departments, clients, accounts, rights to register.

The command line, the demonstration and the tests call these; each commits its rows with their events.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from clients.model import Client, Policy
from clients.visible import legible
from idp.audit.events import AccountCreated, DepartmentAdded, InitialTokenMade, KeyMoved, record
from idp.authn.identifiers import BadIdentifier, canonical
from idp.authn.identifiers import Identifier as Canonical
from idp.caches import bump
from idp.errors import Code, Refusal
from idp.flows.register import enter
from idp.parts import Parts
from idp.ports import Clock, Committed, Entropy, Insert, Store, Write
from idp.records import Account, Department, Identifier, InitialAccessToken, Password, PurposeKey, Totp
from idp.release.claims import STANDARD
from idp.release.validators import valid
from idp.release.vault import Citizen
from keys.index import blind_index
from keys.model import ACTIVE, NEXT
from keys.ports import Sealer
from keys.purpose import PURPOSES, PurposeRing, new_purpose_key, new_ring_rows
from keys.signing import SIGNING_ALGS, new_signing_key
from keys.tokens import new_token

USER_SCOPES: Final = ("openid", "profile", "email", "phone", "address", "offline_access")
ROLES: Final = frozenset({"auditor", "approver", "operator"})
MICROSECONDS: Final = 1_000_000
COUNTRY: Final = "100000"
"""The whole of it, as the region of what is national; GB/T 2260 begins with the provinces."""
_DEPARTMENT_ID: Final = re.compile("[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def initialise(store: Store, root: Sealer, entropy: Entropy, clock: Clock) -> bool:
    """Give an empty house its keys: one of each purpose, and for each algorithm an active signing key with a ``next`` behind it.

    A house of an earlier version gets the purposes that it does not know. False when nothing was missing, or another node was first.
    """
    now = clock()
    if known := {row.purpose for row in store.find(PurposeKey)}:
        missing = [new_purpose_key(root, purpose, 1, entropy, now) for purpose in PURPOSES if purpose not in known]
        return bool(missing) and isinstance(store.commit([Insert(row) for row in missing]), Committed)
    signing = [new_signing_key(root, alg, 1, now, state=ACTIVE) for alg in SIGNING_ALGS]
    signing += [new_signing_key(root, alg, 2, now, state=NEXT) for alg in SIGNING_ALGS]
    facts = [KeyMoved(kid=key.kid, alg=key.alg, state=key.state) for key in signing]
    rows = [Insert(row) for row in (*new_ring_rows(root, entropy, now), *signing)]
    events = [record(fact, at=now, entropy=entropy) for fact in facts]
    return isinstance(store.commit([*rows, *events, *bump("key")]), Committed)


def add_department(
    parts: Parts,
    *,
    name_zh: str,
    name_en: str,
    credit_code: str,
    region: str,
    level: str,
    department_id: str | None = None,
) -> Department:
    """Enter an organisation; its id comes from the credit code when none is given. Raises Refusal when it is known already, or a code is wrong.

    Codes are judged here alone: what an earlier version took stays good.
    """
    if not valid("credit_code", credit_code):
        text = (
            "A credit code has 18 digits and capitals without I, O, S, V and Z; the last is a check character, and so is the last of the"
            " organisation code in it (GB 32100, GB 11714)."
        )
        raise Refusal(Code.INVALID_REQUEST, text, reason="department_codes")
    if not (valid("region", region) or (level == "national" and region == COUNTRY)):
        text = f"A region has 6 digits, of a province that there is (GB/T 2260); {COUNTRY} is for what is national."
        raise Refusal(Code.INVALID_REQUEST, text, reason="department_region")
    if department_id is not None and not _DEPARTMENT_ID.fullmatch(department_id):
        text = "A department's id has at most 63 small letters, digits and hyphens, no hyphen first or last."
        raise Refusal(Code.INVALID_REQUEST, text, reason="department_id")
    if not (legible(name_zh) and legible(name_en)):
        text = "A department's names must be readable: not blank, and without invisible characters."
        raise Refusal(Code.INVALID_REQUEST, text, reason="department_names")
    now = parts.clock()
    row = Department(department_id or credit_code.lower(), name_zh, name_en, credit_code, region, level, now)
    event = record(DepartmentAdded(department=row.id), at=now, entropy=parts.entropy)
    if not isinstance(parts.store.commit([Insert(row), event]), Committed):
        raise Refusal(Code.INVALID_REQUEST, f"The department {row.id} exists already.", reason="department_exists")
    return row


def add_client(
    parts: Parts,
    metadata: Mapping[str, Any],
    department: Department | str,
    how: str = "cli",
    *,
    require_pkce: bool = True,
) -> tuple[Client, str | None]:
    """Register by the operator's hand: RFC 7591 metadata plus our members. The client, and once its secret.

    ``department``: the row, its id or its credit code. ``require_pkce=False`` lets a confidential client go without, which is recorded.
    Raises ``clients.errors.ClientError`` for metadata that a registration would refuse, Refusal for an unknown department.
    """
    policy = Policy(
        department_id=department_of(parts, department).id,
        granted_scope=USER_SCOPES,
        require_pkce=require_pkce,
        legacy_assertion_audiences=True,
    )
    wanted = metadata if require_pkce else {"require_pkce": False, **metadata}
    entered = enter(parts, wanted, policy, how=how, now=parts.clock())
    return entered.client, entered.secret


def department_of(parts: Parts, department: Department | str) -> Department:
    """By row, id or credit code. Raises Refusal when there is none."""
    if isinstance(department, Department):
        return department
    row = parts.store.one(Department, id=department)
    found = [row] if row is not None else parts.store.find(Department, {"credit_code": department})
    if len(found) > 1:  # organs of one organisation have no code of their own (GB 32100)
        text = f"Several departments have the credit code {department}; name one by its id: {', '.join(row.id for row in found)}."
        raise Refusal(Code.INVALID_REQUEST, text, reason="department_ambiguous")
    if not found:
        raise Refusal(Code.INVALID_REQUEST, f"There is no department {department}.", reason="department_unknown")
    return found[0]


def add_initial_token(
    parts: Parts,
    department: Department | str,
    *,
    uses: int = 1,
    ttl_s: int = 7 * 86400,
    scope: tuple[str, ...] = USER_SCOPES,
    require_pkce: bool = True,
    token_endpoint_audience: bool = False,
) -> str:
    """A right to register ``uses`` clients within ``ttl_s`` seconds (RFC 7591 §3); shown once.

    ``scope`` is the ceiling, and what a registration without scope gets. ``token_endpoint_audience``: clients may address their assertions
    to the token endpoint, as older software does. Raises Refusal for an unknown department.
    """
    now, row = parts.clock(), department_of(parts, department)
    expires_at = now + ttl_s * MICROSECONDS
    policy = Policy(
        department_id=row.id,
        granted_scope=scope,
        require_pkce=require_pkce,
        uses=uses,
        expires_at=expires_at,
        granted_assertion_audiences=(f"{parts.config.issuer}/token",) if token_endpoint_audience else (),
    )
    made = new_token(parts.ring, "iat", parts.entropy)
    right = InitialAccessToken(made.hash, row.id, msgspec.json.encode(policy), uses, expires_at, now)
    event = record(InitialTokenMade(department=row.id, uses=uses), at=now, entropy=parts.entropy)
    parts.store.commit([Insert(right), event])
    return made.token


class AccountDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account as an operator writes it down. ``claims`` are OIDC claims by name; identifiers count as confirmed."""

    identifiers: tuple[str, ...]
    password: str | None = None
    claims: dict[str, Any] = {}
    locale: str | None = None
    roles: tuple[str, ...] = ()
    totp_secret: str | None = None
    """Base 32, of an authenticator app that is set up already."""
    source: str = "staff"
    sources: dict[str, str] = {}
    """Claim → who stands for that one instead of ``source``; ``self``: the citizen says so, and may correct it."""

    def __repr__(self) -> str:
        return "AccountDocument(…)"


def add_account(parts: Parts, document: AccountDocument | Mapping[str, Any], how: str = "cli") -> bytes:
    """Make an account; its id. The keyring row is durable before the account row is written.

    Raises Refusal for a document that is not one, an identifier that is none or is taken.
    """
    doc = document if isinstance(document, AccountDocument) else read_account(document)
    names = read_identifiers(doc.identifiers)
    check_values(parts, doc.claims)
    now, account_id = parts.clock(), parts.entropy(16)
    phc = parts.hasher.hash(doc.password) if doc.password is not None else None
    citizen = parts.vault.create(account_id)
    version = parts.ring.current("pairwise")[0]
    writes: list[Write] = [
        Insert(Account(account_id, "active", " ".join(doc.roles), version, doc.locale, 1, now, now)),
        *(Insert(identifier_row(parts.ring, citizen, name, parts.entropy(16), now, verified=True)) for name in names),
        *(
            Insert(citizen.seal_claim(code, value, 1, doc.sources.get(code, doc.source), now))
            for code, value in doc.claims.items()
        ),
    ]
    if phc is not None:
        writes.append(Insert(password_row(citizen, phc, now)))
    if doc.totp_secret is not None:
        writes.append(Insert(totp_row(citizen, _base32(doc.totp_secret), now)))
    writes.append(record(AccountCreated(how=how), at=now, entropy=parts.entropy, person=citizen))
    if not isinstance(parts.store.commit(writes), Committed):
        parts.keyring.destroy(account_id)
        raise Refusal(
            Code.INVALID_REQUEST, "One of the identifiers belongs to another account.", reason="identifier_taken"
        )
    return account_id


def identifier_row(
    ring: PurposeRing, citizen: Citizen, name: Canonical, row_id: bytes, now: int, *, verified: bool
) -> Identifier:
    """The row of one canonical identifier: found by its blind index, readable under the citizen's key alone."""
    index, version = blind_index(ring, name.kind, name.canonical)
    sealed = citizen.seal("identifier", "value", row_id, 0, name.canonical.encode())
    return Identifier(name.kind, index, version, row_id, citizen.account_id, sealed, now if verified else None, now)


def password_row(citizen: Citizen, phc: str, now: int, row_version: int = 1) -> Password:
    """The row of a password hash, sealed."""
    sealed = citizen.seal("password", "phc", citizen.account_id, row_version, phc.encode())
    return Password(citizen.account_id, sealed, row_version, now)


def totp_row(citizen: Citizen, secret: bytes, now: int) -> Totp:
    """The row of a confirmed second factor, sealed."""
    return Totp(citizen.account_id, citizen.seal("totp", "secret", citizen.account_id, now, secret), 0, now, now)


def check_values(parts: Parts, claims: Mapping[str, Any]) -> None:
    """What registers tell has its standard's form; what people say of themselves (OIDC Core §5.1) is theirs. Computed attributes aren't kept."""
    for code, value in claims.items():
        kind = parts.catalogue.kind(code) if code not in STANDARD else None
        if kind is not None and (kind.of or not valid(kind.rule, value)):
            raise Refusal(
                Code.INVALID_REQUEST, f"The value of {code} is not of the form that it has.", reason="account_value"
            )


def _base32(text: str) -> bytes:
    try:
        return base64.b32decode(text)
    except ValueError:
        raise Refusal(Code.INVALID_REQUEST, "The TOTP secret is not base 32.", reason="bad_totp_secret") from None


def read_account(document: Mapping[str, Any]) -> AccountDocument:
    """The document as a value. Raises Refusal for one that is none."""
    try:
        doc = msgspec.convert(document, AccountDocument)
    except msgspec.ValidationError as error:
        raise Refusal(
            Code.INVALID_REQUEST, str(error).replace('"', "").replace("`", ""), reason="account_document"
        ) from None
    if not set(doc.sources) <= set(doc.claims):
        raise Refusal(
            Code.INVALID_REQUEST, "sources names a claim that claims does not hold.", reason="account_sources"
        )
    if not set(doc.roles) <= ROLES:
        raise Refusal(Code.INVALID_REQUEST, f"roles are {' '.join(sorted(ROLES))}.", reason="account_roles")
    return doc


def read_identifiers(texts: Sequence[str]) -> list[Canonical]:
    """The canonical identifiers, each once. Raises Refusal for none, or for one that is none."""
    if not texts:
        raise Refusal(Code.INVALID_REQUEST, "An account needs an identifier to sign in with.", reason="no_identifier")
    try:
        return list(dict.fromkeys(canonical(text) for text in texts))
    except BadIdentifier as error:
        raise Refusal(Code.INVALID_REQUEST, f"An identifier is {error}.", reason="bad_identifier") from None
