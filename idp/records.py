"""What is kept: one frozen value per row, field for field the columns of ``idp.store.tables``.

Times are integer microseconds UTC; identifiers are 16 random bytes unless said; ``sealed`` is the format of ``keys.sealed`` under the
citizen's data key; ``…hash`` is the keyed hash of ``keys.tokens``. Personal data appears sealed or as a blind index, never else.
"""

import msgspec

from keys.model import PurposeKey, SigningKey

__all__ = ["PurposeKey", "SigningKey"]


class Record(msgspec.Struct, frozen=True):
    """Base of every row value."""


class Department(Record, frozen=True):
    """An organisation. ``credit_code`` GB 32100, ``region`` GB/T 2260, ``level`` national, provincial, city or county."""

    id: str
    name_zh: str
    name_en: str
    credit_code: str
    region: str
    level: str
    created_at: int


class ClientRow(Record, frozen=True):
    """A registered client. ``document`` is ``clients.model.to_json``; ``version`` grows with each change (compare-and-swap)."""

    client_id: str
    department_id: str
    sector_id: bytes
    status: str
    document: bytes
    secret_hash: bytes | None
    registration_token_hash: bytes | None
    version: int
    created_at: int
    updated_at: int


class ClientLogo(Record, frozen=True):
    """The re-encoded logo of a client, served from our origin."""

    client_id: str
    png: bytes
    fetched_at: int


class ClientOrigin(Record, frozen=True):
    """A web origin of a client's redirect URIs: the only origins that CORS answers (exact serialisation, RFC 6454 §6.2)."""

    origin: str
    client_id: str


class ClientRefusal(Record, frozen=True):
    """One line of a client's own error list: what was received against what is registered; no citizen data."""

    id: bytes
    client_id: str
    at: int
    code: str
    reason: str
    received: str
    registered: str
    reference: str


class InitialAccessToken(Record, frozen=True):
    """Right to register ``uses_left`` clients under ``policy`` (JSON of ``clients.model.Policy``)."""

    hash: bytes
    department_id: str
    policy: bytes
    uses_left: int
    expires_at: int
    created_at: int


class Account(Record, frozen=True):
    """One citizen's account. ``roles`` is a space-separated subset of auditor, approver, operator; ``status`` active, disabled or erased.

    ``locale`` is a BCP 47 tag or None; ``pairwise_version`` the version of the pairwise key its subjects are made with; ``factor_always_since``:
    from when on its owner wants the second factor at every sign-in, None: only where something asks for it.
    """

    id: bytes
    status: str
    roles: str
    pairwise_version: int
    locale: str | None
    version: int
    created_at: int
    updated_at: int
    factor_always_since: int | None = None


class Identifier(Record, frozen=True):
    """What a citizen signs in with. ``kind`` email, phone or username; ``index`` the blind index of its canonical form."""

    kind: str
    index: bytes
    index_version: int
    id: bytes
    account_id: bytes
    sealed: bytes
    verified_at: int | None
    created_at: int


class Attribute(Record, frozen=True):
    """One claim value of a citizen, JSON, sealed. ``source`` self, staff, sample or an upstream's name."""

    account_id: bytes
    code: str
    sealed: bytes
    row_version: int
    source: str
    updated_at: int


class Password(Record, frozen=True):
    """Argon2id PHC string, sealed."""

    account_id: bytes
    sealed: bytes
    row_version: int
    changed_at: int


class Totp(Record, frozen=True):
    """TOTP secret, sealed. ``last_step`` is the last accepted time step: each step once. ``confirmed_at`` None while enrolling."""

    account_id: bytes
    sealed: bytes
    last_step: int
    confirmed_at: int | None
    created_at: int


class RecoveryCode(Record, frozen=True):
    """One of ten recovery codes, keyed hash."""

    hash: bytes
    account_id: bytes
    used_at: int | None
    created_at: int


class Session(Record, frozen=True):
    """A server-side session. ``amr`` space-separated RFC 8176 values; ``auth_at`` the last time the person proved who they are.

    ``sealed`` holds device label and address under the citizen's key. Alive: ``ended_at`` is None, now < ``expires_at`` (absolute) and
    now < ``last_seen_at`` + the idle limit.
    """

    id: bytes
    token_hash: bytes
    account_id: bytes
    amr: str
    acr: str
    auth_at: int
    last_seen_at: int
    expires_at: int
    sealed: bytes
    created_at: int
    ended_at: int | None
    ended_why: str | None


class OneTime(Record, frozen=True):
    """A single-use code or link. ``purpose`` sign-up, reset, staff, verify; ``state`` open or used; ``sealed`` its facts under the flow key.

    ``browser_hash`` binds it to the browser that asked (None for staff links); ``tries_left`` bounds guessing of short codes.
    """

    id: bytes
    hash: bytes
    purpose: str
    account_id: bytes | None
    browser_hash: bytes | None
    sealed: bytes
    tries_left: int
    state: str
    created_at: int
    expires_at: int


class Consent(Record, frozen=True):
    """What a citizen lastly agreed that a client may learn: one row per account and client. ``document`` JSON of scopes, claims and items.

    ``digest`` SHA-256 of what was shown; ``expires_at`` None for a lasting consent, ``created_at`` for one that counts once.
    """

    account_id: bytes
    client_id: str
    document: bytes
    digest: bytes
    created_at: int
    withdrawn_at: int | None
    expires_at: int | None = None


class Grant(Record, frozen=True):
    """One authorization of one client by one citizen, from the code to its last token.

    ``id``: the first half of ``code_hash`` (:func:`grant_id`), so that one index finds both. ``state``: issued (code outstanding) → redeemed.
    ``origin`` is the unique hash of the interaction or pushed request it came from, so that one request makes one code; None for a request that
    was answered at once and stored nowhere. ``claims`` JSON of the claims parameter. ``expires_at``: when the last token can have died.
    """

    id: bytes
    account_id: bytes
    client_id: str
    session_id: bytes
    sector_id: bytes
    pairwise_version: int
    code_hash: bytes
    state: str
    code_expires_at: int
    origin: bytes | None
    redirect_uri: str
    code_challenge: str | None
    nonce: str | None
    scope: str
    claims: bytes | None
    acr: str
    amr: str
    auth_at: int
    auth_time_asked: int
    offline: int
    created_at: int
    expires_at: int
    ended_at: int | None
    ended_why: str | None
    plan: bytes | None = None
    """JSON of ``release.model.Allowed``: what may be released under this grant beyond scopes and claims; None when no item was asked."""
    token_revoked: int | None = None
    """1 once an access token of this grant was revoked by itself: only then is :class:`RevokedToken` asked."""


def grant_id(code_hash: bytes) -> bytes:
    """The id of the grant behind a code's keyed hash: 128 of its bits."""
    return code_hash[:16]


class Refresh(Record, frozen=True):
    """A refresh token. ``state`` active or used (rotated); revocation ends the grant."""

    hash: bytes
    grant_id: bytes
    state: str
    scope: str
    created_at: int
    expires_at: int
    used_at: int | None


class RevokedToken(Record, frozen=True):
    """An access token revoked by itself, by the hash of its ``jti``, until it would have expired."""

    hash: bytes
    expires_at: int


class UsedAssertion(Record, frozen=True):
    """What counts once until ``expires_at``: a client assertion's or request object's ``jti``; a place among a day's comparisons, and their numbers
    (``flows.comparing``), under keyed hashes; a citizen's no to a request (``flows.consent``); that staff were told of today
    (``flows.staff_factors``)."""

    hash: bytes
    expires_at: int


class AttributeRow(Record, frozen=True):
    """One entry of the attribute catalogue. ``document`` JSON of ``release.model.AttributeKind``; ``version`` grows with each change."""

    code: str
    document: bytes
    version: int
    updated_at: int


class ServiceItemRow(Record, frozen=True):
    """One version of a service item 事项. ``state``: draft → approved → retired, or draft → rejected; of each code one draft, one approved.

    ``document`` JSON of ``release.model.ServiceItem``; ``decided_by`` names who decided: an account id in hex, or ``cli``.
    """

    code: str
    version: int
    department_id: str
    state: str
    document: bytes
    created_at: int
    decided_at: int | None
    decided_by: str | None


class ClientKeySeen(Record, frozen=True):
    """The key that answers to a client were last encrypted to with ``alg``. ``thumbprint`` RFC 7638; ``held_until`` while sensitive release waits."""

    client_id: str
    alg: str
    thumbprint: str
    first_seen_at: int
    held_until: int | None


class Objection(Record, frozen=True):
    """A citizen's *this was not me* or *I object*, a case for security staff. ``event_id`` the release's; ``sealed`` JSON of the citizen's words.

    ``kind``: not_me or object; ``state``: open, assigned or closed.
    """

    id: bytes
    account_id: bytes
    event_id: bytes
    client_id: str
    kind: str
    state: str
    sealed: bytes
    created_at: int
    closed_at: int | None


class SecurityCase(Record, frozen=True):
    """What security staff look into. ``origin``: alert, not_me, object, event or hand; ``source`` the alert's or objection's id, one case for each.

    ``person``, ``assignee``: pseudonyms, of whom it is about (whose key seals its notes; None: nobody's) and of the member of staff who has it.
    ``state``: open, assigned or closed; ``version`` grows with each step (compare-and-swap).
    """

    id: bytes
    origin: str
    source: bytes | None
    person: bytes | None
    state: str
    assignee: bytes | None
    outcome: str | None
    version: int
    created_at: int
    closed_at: int | None


class CaseEvent(Record, frozen=True):
    """An event of the log that a case is about."""

    case_id: bytes
    event_id: bytes
    added_at: int


class CaseStep(Record, frozen=True):
    """One step of a case, never changed: what was done, by whom (pseudonym), to whom it was given, and in which event of the log it stands.

    ``kind``: opened, linked, assigned, noted, read, asked, decided, closed; ``sealed`` the words, under the key of the case's person.
    """

    id: bytes
    case_id: bytes
    kind: str
    by: bytes
    given_to: bytes | None
    sealed: bytes | None
    event_id: bytes
    created_at: int


class AlertDone(Record, frozen=True):
    """An alert (its event's id), acknowledged once. ``by`` a pseudonym, None at the command line; ``sealed`` the note, under the key of the
    person in the alert's group, nobody's where there is none."""

    alert_id: bytes
    outcome: str
    by: bytes | None
    sealed: bytes | None
    created_at: int


class AlertChange(Record, frozen=True):
    """What staff changed at a rule of the rules' file: ``live`` 0 for switched off; ``count`` and ``within`` None as in the file.

    With ``sealed`` a rule that was written in the console, as it would stand in the file, under nobody's key; ``live`` -1 for removed.
    """

    rule: str
    live: int
    count: int | None
    within: int | None
    version: int
    changed_at: int
    sealed: bytes | None = None


class Reveal(Record, frozen=True):
    """Staff asked who a pseudonym is. ``state``: waiting → approved or refused; ``fields`` space-separated; ``reason`` a stable word.

    ``asked_by``, ``decided_by``: pseudonyms of two accounts; ``sealed`` the words of the reason, under the citizen's key. ``ends_at``: until when
    it may be decided, then until when it may be looked at; ``told_from``: from when the citizen reads of it.
    """

    id: bytes
    case_id: bytes
    person: bytes
    fields: str
    reason: str
    sealed: bytes
    state: str
    asked_by: bytes
    decided_by: bytes | None
    created_at: int
    ends_at: int
    told_from: int | None


class Erasure(Record, frozen=True):
    """A citizen asked to be forgotten, or an order says so. ``state``: waiting (nothing goes before ``due_at``) → cancelled, or begun → done."""

    account_id: bytes
    state: str
    asked_at: int
    due_at: int
    ended_at: int | None


class Exchange(Record, frozen=True):
    """A registered exchange of identifiers: ``client_id`` may get encrypted identifiers that ``to_sector`` alone can open.

    ``to_client_id`` names a client of that sector, whose key they are encrypted to; ``state``: proposed, approved or ended.
    """

    id: bytes
    client_id: str
    to_client_id: str
    to_sector: bytes
    state: str
    purpose: str
    created_at: int
    decided_at: int | None


class LogoutDelivery(Record, frozen=True):
    """Durable outbox of back-channel logout. ``state`` pending, sent or dead; the logout token is minted at each try."""

    id: bytes
    client_id: str
    account_id: bytes
    session_id: bytes
    state: str
    attempts: int
    next_at: int
    created_at: int
    last_error: str | None


class Message(Record, frozen=True):
    """Durable outbox of notices to citizens. ``sealed``: JSON of channel, to, subject and body, under the citizen's key or nobody's."""

    id: bytes
    kind: str
    account_id: bytes | None
    sealed: bytes
    state: str
    attempts: int
    next_at: int
    created_at: int
    last_error: str | None


class Event(Record, frozen=True):
    """One audited fact. ``head`` the non-personal JSON exactly as hashed; ``entry`` the 32-byte tree leaf; ``fields`` msgpack of personal parts.

    ``seq`` is given by the database on insert (pass 0) and never leaves the house as an identifier.
    """

    seq: int
    id: bytes
    at: int
    kind: str
    client_id: str | None
    actor: bytes | None
    head: bytes
    salt: bytes
    fields: bytes | None
    entry: bytes


class EventFacet(Record, frozen=True):
    """One line of the log's search index, made after the commit: the event ``seq`` has ``value`` in ``facet``."""

    facet: str
    value: bytes
    seq: int


class EventAddress(Record, frozen=True):
    """Where an event came from: blind indexes of its address and of the networks around it, all under the key of ``month`` (202611), which ends.

    ``owner`` is a tag of the account concerned under the same key.
    """

    event_id: bytes
    month: int
    at: int
    owner: bytes
    exact: bytes
    near: bytes
    wide: bytes


class SavedSearch(Record, frozen=True):
    """A search of the log that a member of staff keeps. ``sealed``: its name and its query under their own key, a shared one's under a key of the
    house; ``role``: who else sees it, empty for nobody."""

    id: bytes
    account_id: bytes
    role: str
    sealed: bytes
    created_at: int


class EventCount(Record, frozen=True):
    """How many events of a kind there were in the hour or day (``span``, microseconds) from ``start``; ``client_id`` empty: of all.

    Added up by the sequencer with the leaf, so that each event counts once.
    """

    span: int
    client_id: str
    start: int
    kind: str
    n: int


class EventPending(Record, frozen=True):
    """An event that the log's tree does not hold yet.

    PostgreSQL enters it by itself in the event's own transaction; on SQLite, where commits come one after the other, ``seq`` alone tells.
    """

    seq: int


class TreeTile(Record, frozen=True):
    """A tile of the log's tree (``audit.tiles``): up to 256 hashes of 32 bytes."""

    level: int
    n: int
    hashes: bytes


class TreeBundle(Record, frozen=True):
    """Up to 256 consecutive entries of the log, 32 bytes each, and the ``seq`` of each event (8 bytes, big-endian) with their range."""

    n: int
    entries: bytes
    seqs: bytes
    min_seq: int
    max_seq: int


class TreeHead(Record, frozen=True):
    """The tree as last signed; one row, moved by compare-and-swap on ``size``. ``note`` the signed checkpoint; ``last_seq`` the highest sequenced."""

    name: str
    size: int
    root: bytes
    last_seq: int
    note: bytes
    at: int


class Generation(Record, frozen=True):
    """Counter bumped in the commit that changes what processes cache under ``kind``."""

    kind: str
    n: int


class KeyringEntry(Record, frozen=True):
    """A citizen's wrapped data key and audit pseudonym, or a key of the log's details (``release.details``); in the keyring store alone."""

    account_id: bytes
    wrapped: bytes
    pseudonym: bytes
    created_at: int
