"""One table per record: columns are the record's fields in the same order, types follow from the annotations.

Nothing here holds personal data in the clear: what is personal arrives sealed or as a blind index (``idp.records``).
Rows that are written on every request carry no foreign keys: their parents are checked by the journey that writes them, and a key check
would lock the parent's row on PostgreSQL. What belongs to an account or a department for life does carry one.
"""

from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import sqlalchemy as sa
from msgspec import Struct

from idp import records as r

MAIN = sa.MetaData()
KEYRING = sa.MetaData()

MAIN_HEAD = "0009"
KEYRING_HEAD = "0001"
MAIN_VERSION_TABLE = "schema_version"
KEYRING_VERSION_TABLE = "keyring_schema_version"

TABLES: dict[type[Struct], sa.Table] = {}

_TYPES: dict[type, type[sa.types.TypeEngine[Any]]] = {int: sa.BigInteger, str: sa.Text, bytes: sa.LargeBinary}

Ref = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Partial:
    """An index on the rows where its first column is known."""

    columns: tuple[str, ...]


def column_type(annotation: Any) -> tuple[sa.types.TypeEngine[Any], bool]:
    """SQL type and nullability of a field. Raises TypeError for what has no one meaning on every database."""
    nullable = False
    if get_origin(annotation) in (Union, UnionType):
        kinds = [a for a in get_args(annotation) if a is not NoneType]
        nullable, annotation = len(kinds) < len(get_args(annotation)), kinds[0]
    if get_origin(annotation) is Literal:
        annotation = type(get_args(annotation)[0])
    if annotation not in _TYPES:
        raise TypeError(f"a column holds int, str or bytes, not {annotation!r}")
    return _TYPES[annotation](), nullable


def _column(
    name: str, annotation: Any, key: tuple[str, ...], refs: dict[str, str], identity: str | None
) -> sa.Column[Any]:
    kind, nullable = column_type(annotation)
    if name == identity:
        number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
        return sa.Column(name, number, sa.Identity(always=False), primary_key=True)
    parent = [sa.ForeignKey(refs[name])] if name in refs else []
    return sa.Column(name, kind, *parent, primary_key=name in key, nullable=nullable, autoincrement=False)


def _table(
    kind: type[Struct],
    name: str,
    *key: str,
    unique: tuple[tuple[str, ...] | Partial, ...] = (),
    index: tuple[tuple[str, ...] | Partial, ...] = (),
    refs: dict[str, str] | None = None,
    identity: str | None = None,
    narrow: bool = False,
    parted: bool = False,
    metadata: sa.MetaData = MAIN,
) -> None:
    """Declare one table. ``narrow``: short rows that SQLite keeps in the primary key's own tree (one page less per insert); ``parted``: by ranges
    of its key on PostgreSQL (``store.partitions``)."""
    hints = get_type_hints(kind)
    columns = [_column(f, hints[f], key, refs or {}, identity) for f in kind.__struct_fields__]
    ranges = f"RANGE ({', '.join(key)})" if parted else None
    table = sa.Table(
        name,
        metadata,
        *columns,
        sqlite_with_rowid=not narrow,
        postgresql_partition_by=ranges,
        info={"identity": identity},
    )
    for entry, once in (*((u, True) for u in unique), *((i, False) for i in index)):
        names = entry.columns if isinstance(entry, Partial) else entry
        only = table.c[names[0]].is_not(None) if isinstance(entry, Partial) else None
        label = "_".join(("ux" if once else "ix", name, *names))
        sa.Index(label, *(table.c[n] for n in names), unique=once, sqlite_where=only, postgresql_where=only)
    TABLES[kind] = table


_OF_ACCOUNT = {"account_id": "accounts.id"}
_OF_DEPARTMENT = {"department_id": "departments.id"}

_table(r.Department, "departments", "id")
_table(r.ClientRow, "clients", "client_id", index=(("department_id",),), refs=_OF_DEPARTMENT)
_table(r.ClientLogo, "client_logos", "client_id")
_table(r.ClientOrigin, "client_origins", "origin", "client_id", index=(("client_id",),), narrow=True)
_table(r.ClientRefusal, "client_refusals", "id", index=(("client_id", "at"), ("at",)))
_table(r.InitialAccessToken, "initial_access_tokens", "hash", index=(("expires_at",),), refs=_OF_DEPARTMENT)
_table(r.Account, "accounts", "id", index=(("roles",),))
_table(r.Identifier, "identifiers", "id", unique=(("kind", "index"),), index=(("account_id",),), refs=_OF_ACCOUNT)
_table(r.Attribute, "attributes", "account_id", "code", refs=_OF_ACCOUNT)
_table(r.Password, "passwords", "account_id", refs=_OF_ACCOUNT)
_table(r.Totp, "totps", "account_id", refs=_OF_ACCOUNT)
_table(r.RecoveryCode, "recovery_codes", "hash", index=(("account_id",),), refs=_OF_ACCOUNT, narrow=True)
_table(r.Session, "sessions", "id", unique=(("token_hash",),), index=(("account_id",), ("expires_at",)))
_table(r.OneTime, "one_times", "id", unique=(("hash",),), index=(Partial(("account_id",)), ("expires_at",)))
_table(r.Consent, "consents", "account_id", "client_id", index=(("client_id",),))
_table(
    r.Grant,
    "grants",
    "id",
    # Each index costs every sign-in a page; what is looked up by session names its account too.
    unique=(Partial(("origin",)),),
    index=(("account_id", "client_id"), ("expires_at",)),
    narrow=True,
)
_table(r.Refresh, "refresh_tokens", "hash", index=(("grant_id",),), narrow=True)
_table(r.RevokedToken, "revoked_tokens", "hash", index=(("expires_at",),), narrow=True)
_table(r.UsedAssertion, "used_assertions", "hash", index=(("expires_at",),), narrow=True)
_table(r.AttributeRow, "attribute_catalogue", "code")
_table(
    r.ServiceItemRow, "service_items", "code", "version", index=(("department_id",), ("state",)), refs=_OF_DEPARTMENT
)
_table(r.ClientKeySeen, "client_keys_seen", "client_id", "alg")
_table(r.Objection, "objections", "id", unique=(("account_id", "event_id"),), index=(("state", "created_at"),))
_table(
    r.SecurityCase,
    "cases",
    "id",
    unique=(Partial(("source",)),),
    index=(("state", "created_at"), ("created_at",), Partial(("assignee", "state"))),
)
_table(r.CaseEvent, "case_events", "case_id", "event_id", index=(("event_id",),))
_table(r.CaseStep, "case_steps", "id", index=(("case_id", "created_at"),))
_table(r.AlertDone, "alerts_done", "alert_id")
_table(r.AlertChange, "alert_changes", "rule")
_table(r.Reveal, "reveals", "id", index=(("case_id",), ("state", "created_at"), ("asked_by", "created_at")))
_table(r.Erasure, "erasures", "account_id", index=(("state", "due_at"),))
_table(r.Exchange, "exchanges", "id", unique=(("client_id", "to_client_id"),))
_table(r.LogoutDelivery, "logout_deliveries", "id", index=(("state", "next_at"),))
_table(r.Message, "messages", "id", index=(("state", "next_at"), Partial(("account_id",))))
_table(
    r.Event,
    "events",
    "seq",
    # No other index: each costs every token a tenth of its commit. Searching the log has tables of its own.
    identity="seq",
    parted=True,
)
_table(r.EventFacet, "event_facets", "facet", "value", "seq", narrow=True)
_table(
    r.EventAddress,
    "event_addresses",
    "event_id",
    index=(("exact", "at"), ("near", "at"), ("wide", "at"), ("month", "owner")),
    narrow=True,
)
_table(r.SavedSearch, "saved_searches", "id", index=(("account_id",), ("role",)), refs=_OF_ACCOUNT)
_table(r.EventCount, "event_counts", "span", "client_id", "start", "kind", narrow=True)
_table(r.EventPending, "events_pending", "seq", narrow=True)
_table(r.TreeTile, "tree_tiles", "level", "n")
_table(r.TreeBundle, "tree_bundles", "n", index=(("min_seq",), ("max_seq",)))
_table(r.TreeHead, "tree_heads", "name")
_table(r.Generation, "generations", "kind", narrow=True)
_table(r.SigningKey, "signing_keys", "kid", unique=(("alg", "version"),))
_table(r.PurposeKey, "purpose_keys", "purpose", "version")

_table(r.KeyringEntry, "keyring", "account_id", unique=(("pseudonym",),), metadata=KEYRING)
