"""Purpose-bound release: catalogues, dated consents, objections, erasure, exchanges."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def number(name: str, *parts: Any, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), *parts, nullable=nullable)


def text(name: str, *parts: Any, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), *parts, nullable=nullable)


def binary(name: str, *parts: Any, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.LargeBinary(), *parts, nullable=nullable)


def upgrade() -> None:
    op.add_column("consents", number("expires_at", nullable=True))
    op.add_column("grants", binary("plan", nullable=True))
    op.add_column("grants", number("token_revoked", nullable=True))
    catalogues()
    citizens()


def catalogues() -> None:
    op.create_table(
        "attribute_catalogue",
        text("code"),
        binary("document"),
        number("version"),
        number("updated_at"),
        sa.PrimaryKeyConstraint("code"),
    )
    op.create_table(
        "service_items",
        text("code"),
        number("version"),
        text("department_id"),
        text("state"),
        binary("document"),
        number("created_at"),
        number("decided_at", nullable=True),
        text("decided_by", nullable=True),
        sa.PrimaryKeyConstraint("code", "version"),
        sa.ForeignKeyConstraint(["department_id"], ["departments.id"]),
    )
    op.create_index("ix_service_items_department_id", "service_items", ["department_id"])
    op.create_index("ix_service_items_state", "service_items", ["state"])
    op.create_table(
        "client_keys_seen",
        text("client_id"),
        text("alg"),
        text("thumbprint"),
        number("first_seen_at"),
        number("held_until", nullable=True),
        sa.PrimaryKeyConstraint("client_id", "alg"),
    )
    op.create_table(
        "exchanges",
        binary("id"),
        text("client_id"),
        text("to_client_id"),
        binary("to_sector"),
        text("state"),
        text("purpose"),
        number("created_at"),
        number("decided_at", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ux_exchanges_client_id_to_client_id", "exchanges", ["client_id", "to_client_id"], unique=True)


def citizens() -> None:
    op.create_table(
        "objections",
        binary("id"),
        binary("account_id"),
        binary("event_id"),
        text("client_id"),
        text("kind"),
        text("state"),
        binary("sealed"),
        number("created_at"),
        number("closed_at", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ux_objections_account_id_event_id", "objections", ["account_id", "event_id"], unique=True)
    op.create_index("ix_objections_state_created_at", "objections", ["state", "created_at"])
    op.create_table(
        "erasures",
        binary("account_id"),
        text("state"),
        number("asked_at"),
        number("due_at"),
        number("ended_at", nullable=True),
        sa.PrimaryKeyConstraint("account_id"),
    )
    op.create_index("ix_erasures_state_due_at", "erasures", ["state", "due_at"])
    known = sa.text("account_id IS NOT NULL")
    op.create_index("ix_messages_account_id", "messages", ["account_id"], sqlite_where=known, postgresql_where=known)
