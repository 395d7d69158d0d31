"""The first tables: departments, clients, accounts, sessions, grants, outboxes, events, keys."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# SQLite numbers rows by itself only for a column typed exactly INTEGER
SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def number(name: str, *parts: Any, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), *parts, nullable=nullable)


def text(name: str, *parts: Any, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), *parts, nullable=nullable)


def binary(name: str, *parts: Any, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.LargeBinary(), *parts, nullable=nullable)


def upgrade() -> None:
    departments_and_clients()
    accounts()
    sessions_and_grants()
    outboxes()
    events()
    keys()


def departments_and_clients() -> None:
    op.create_table(
        "departments",
        text("id"),
        text("name_zh"),
        text("name_en"),
        text("credit_code"),
        text("region"),
        text("level"),
        number("created_at"),
        sa.PrimaryKeyConstraint("id"),
    )

    op.create_table(
        "clients",
        text("client_id"),
        text("department_id", sa.ForeignKey("departments.id")),
        binary("sector_id"),
        text("status"),
        binary("document"),
        binary("secret_hash", nullable=True),
        binary("registration_token_hash", nullable=True),
        number("version"),
        number("created_at"),
        number("updated_at"),
        sa.PrimaryKeyConstraint("client_id"),
    )
    op.create_index("ix_clients_department_id", "clients", ["department_id"])

    op.create_table(
        "client_logos",
        text("client_id"),
        binary("png"),
        number("fetched_at"),
        sa.PrimaryKeyConstraint("client_id"),
    )

    op.create_table(
        "client_origins",
        text("origin"),
        text("client_id"),
        sa.PrimaryKeyConstraint("origin", "client_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_client_origins_client_id", "client_origins", ["client_id"])

    op.create_table(
        "client_refusals",
        binary("id"),
        text("client_id"),
        number("at"),
        text("code"),
        text("reason"),
        text("received"),
        text("registered"),
        text("reference"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_client_refusals_at", "client_refusals", ["at"])
    op.create_index("ix_client_refusals_client_id_at", "client_refusals", ["client_id", "at"])

    op.create_table(
        "initial_access_tokens",
        binary("hash"),
        text("department_id", sa.ForeignKey("departments.id")),
        binary("policy"),
        number("uses_left"),
        number("expires_at"),
        number("created_at"),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index("ix_initial_access_tokens_expires_at", "initial_access_tokens", ["expires_at"])


def accounts() -> None:
    op.create_table(
        "accounts",
        binary("id"),
        text("status"),
        text("roles"),
        number("pairwise_version"),
        text("locale", nullable=True),
        number("version"),
        number("created_at"),
        number("updated_at"),
        sa.PrimaryKeyConstraint("id"),
    )

    op.create_table(
        "identifiers",
        text("kind"),
        binary("index"),
        number("index_version"),
        binary("id"),
        binary("account_id", sa.ForeignKey("accounts.id")),
        binary("sealed"),
        number("verified_at", nullable=True),
        number("created_at"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_identifiers_account_id", "identifiers", ["account_id"])
    op.create_index("ux_identifiers_kind_index", "identifiers", ["kind", "index"], unique=True)

    op.create_table(
        "attributes",
        binary("account_id", sa.ForeignKey("accounts.id")),
        text("code"),
        binary("sealed"),
        number("row_version"),
        text("source"),
        number("updated_at"),
        sa.PrimaryKeyConstraint("account_id", "code"),
    )

    op.create_table(
        "passwords",
        binary("account_id", sa.ForeignKey("accounts.id")),
        binary("sealed"),
        number("row_version"),
        number("changed_at"),
        sa.PrimaryKeyConstraint("account_id"),
    )

    op.create_table(
        "totps",
        binary("account_id", sa.ForeignKey("accounts.id")),
        binary("sealed"),
        number("last_step"),
        number("confirmed_at", nullable=True),
        number("created_at"),
        sa.PrimaryKeyConstraint("account_id"),
    )

    op.create_table(
        "recovery_codes",
        binary("hash"),
        binary("account_id", sa.ForeignKey("accounts.id")),
        number("used_at", nullable=True),
        number("created_at"),
        sa.PrimaryKeyConstraint("hash"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_recovery_codes_account_id", "recovery_codes", ["account_id"])

    op.create_table(
        "one_times",
        binary("id"),
        binary("hash"),
        text("purpose"),
        binary("account_id", nullable=True),
        binary("browser_hash", nullable=True),
        binary("sealed"),
        number("tries_left"),
        text("state"),
        number("created_at"),
        number("expires_at"),
        sa.PrimaryKeyConstraint("id"),
    )
    known = sa.text("account_id IS NOT NULL")
    op.create_index("ix_one_times_account_id", "one_times", ["account_id"], sqlite_where=known, postgresql_where=known)
    op.create_index("ix_one_times_expires_at", "one_times", ["expires_at"])
    op.create_index("ux_one_times_hash", "one_times", ["hash"], unique=True)


def sessions_and_grants() -> None:
    op.create_table(
        "sessions",
        binary("id"),
        binary("token_hash"),
        binary("account_id"),
        text("amr"),
        text("acr"),
        number("auth_at"),
        number("last_seen_at"),
        number("expires_at"),
        binary("sealed"),
        number("created_at"),
        number("ended_at", nullable=True),
        text("ended_why", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_sessions_account_id", "sessions", ["account_id"])
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_index("ux_sessions_token_hash", "sessions", ["token_hash"], unique=True)

    op.create_table(
        "consents",
        binary("account_id"),
        text("client_id"),
        binary("document"),
        binary("digest"),
        number("created_at"),
        number("withdrawn_at", nullable=True),
        sa.PrimaryKeyConstraint("account_id", "client_id"),
    )
    op.create_index("ix_consents_client_id", "consents", ["client_id"])

    op.create_table(
        "grants",
        binary("id"),
        binary("account_id"),
        text("client_id"),
        binary("session_id"),
        binary("sector_id"),
        number("pairwise_version"),
        binary("code_hash"),
        text("state"),
        number("code_expires_at"),
        binary("origin"),
        text("redirect_uri"),
        text("code_challenge", nullable=True),
        text("nonce", nullable=True),
        text("scope"),
        binary("claims", nullable=True),
        text("acr"),
        text("amr"),
        number("auth_at"),
        number("auth_time_asked"),
        number("offline"),
        number("created_at"),
        number("expires_at"),
        number("ended_at", nullable=True),
        text("ended_why", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_grants_account_id_client_id", "grants", ["account_id", "client_id"])
    op.create_index("ix_grants_expires_at", "grants", ["expires_at"])
    op.create_index("ix_grants_session_id", "grants", ["session_id"])
    op.create_index("ux_grants_code_hash", "grants", ["code_hash"], unique=True)
    op.create_index("ux_grants_origin", "grants", ["origin"], unique=True)

    op.create_table(
        "refresh_tokens",
        binary("hash"),
        binary("grant_id"),
        text("state"),
        text("scope"),
        number("created_at"),
        number("expires_at"),
        number("used_at", nullable=True),
        sa.PrimaryKeyConstraint("hash"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_refresh_tokens_expires_at", "refresh_tokens", ["expires_at"])
    op.create_index("ix_refresh_tokens_grant_id", "refresh_tokens", ["grant_id"])

    op.create_table(
        "revoked_tokens",
        binary("hash"),
        number("expires_at"),
        sa.PrimaryKeyConstraint("hash"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_revoked_tokens_expires_at", "revoked_tokens", ["expires_at"])

    op.create_table(
        "used_assertions",
        binary("hash"),
        number("expires_at"),
        sa.PrimaryKeyConstraint("hash"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_used_assertions_expires_at", "used_assertions", ["expires_at"])


def outboxes() -> None:
    op.create_table(
        "logout_deliveries",
        binary("id"),
        text("client_id"),
        binary("account_id"),
        binary("session_id"),
        text("state"),
        number("attempts"),
        number("next_at"),
        number("created_at"),
        text("last_error", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_logout_deliveries_state_next_at", "logout_deliveries", ["state", "next_at"])

    op.create_table(
        "messages",
        binary("id"),
        text("kind"),
        binary("account_id", nullable=True),
        binary("sealed"),
        text("state"),
        number("attempts"),
        number("next_at"),
        number("created_at"),
        text("last_error", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_messages_state_next_at", "messages", ["state", "next_at"])


def events() -> None:
    op.create_table(
        "events",
        sa.Column("seq", SEQUENCE, sa.Identity(always=False), nullable=False),
        binary("id"),
        number("at"),
        text("kind"),
        text("client_id", nullable=True),
        binary("actor", nullable=True),
        binary("head"),
        binary("salt"),
        binary("fields", nullable=True),
        binary("entry"),
        sa.PrimaryKeyConstraint("seq"),
    )

    op.create_table(
        "generations",
        text("kind"),
        number("n"),
        sa.PrimaryKeyConstraint("kind"),
        sqlite_with_rowid=False,
    )


def keys() -> None:
    op.create_table(
        "signing_keys",
        text("kid"),
        text("alg"),
        text("state"),
        binary("wrapped"),
        binary("public_jwk"),
        number("created_at"),
        number("published_at"),
        number("activated_at", nullable=True),
        number("retiring_at", nullable=True),
        number("retired_at", nullable=True),
        number("version"),
        sa.PrimaryKeyConstraint("kid"),
    )
    op.create_index("ux_signing_keys_alg_version", "signing_keys", ["alg", "version"], unique=True)

    op.create_table(
        "purpose_keys",
        text("purpose"),
        number("version"),
        binary("wrapped"),
        number("created_at"),
        text("state"),
        sa.PrimaryKeyConstraint("purpose", "version"),
    )
