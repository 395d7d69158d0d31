"""Cases of security staff with their steps, reveals, acknowledged alerts, changed rules; staff are found by their roles."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def number(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def binary(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.LargeBinary(), nullable=nullable)


def known(name: str, table: str, *columns: str, unique: bool = False) -> None:
    """An index on the rows where its first column is known."""
    only = sa.text(f"{columns[0]} IS NOT NULL")
    op.create_index(name, table, list(columns), unique=unique, sqlite_where=only, postgresql_where=only)


def upgrade() -> None:
    op.create_index("ix_accounts_roles", "accounts", ["roles"])
    cases()
    op.create_table(
        "alerts_done",
        binary("alert_id"),
        text("outcome"),
        binary("by", nullable=True),
        binary("sealed", nullable=True),
        number("created_at"),
        sa.PrimaryKeyConstraint("alert_id"),
    )
    op.create_table(
        "alert_changes",
        text("rule"),
        number("live"),
        number("count", nullable=True),
        number("within", nullable=True),
        number("version"),
        number("changed_at"),
        sa.PrimaryKeyConstraint("rule"),
    )
    reveals()


def cases() -> None:
    op.create_table(
        "cases",
        binary("id"),
        text("origin"),
        binary("source", nullable=True),
        binary("person", nullable=True),
        text("state"),
        binary("assignee", nullable=True),
        text("outcome", nullable=True),
        number("version"),
        number("created_at"),
        number("closed_at", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    known("ux_cases_source", "cases", "source", unique=True)
    op.create_index("ix_cases_state_created_at", "cases", ["state", "created_at"])
    op.create_index("ix_cases_created_at", "cases", ["created_at"])
    known("ix_cases_assignee_state", "cases", "assignee", "state")
    op.create_table(
        "case_events",
        binary("case_id"),
        binary("event_id"),
        number("added_at"),
        sa.PrimaryKeyConstraint("case_id", "event_id"),
    )
    op.create_index("ix_case_events_event_id", "case_events", ["event_id"])
    op.create_table(
        "case_steps",
        binary("id"),
        binary("case_id"),
        text("kind"),
        binary("by"),
        binary("given_to", nullable=True),
        binary("sealed", nullable=True),
        binary("event_id"),
        number("created_at"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_case_steps_case_id_created_at", "case_steps", ["case_id", "created_at"])


def reveals() -> None:
    op.create_table(
        "reveals",
        binary("id"),
        binary("case_id"),
        binary("person"),
        text("fields"),
        text("reason"),
        binary("sealed"),
        text("state"),
        binary("asked_by"),
        binary("decided_by", nullable=True),
        number("created_at"),
        number("ends_at"),
        number("told_from", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_reveals_case_id", "reveals", ["case_id"])
    op.create_index("ix_reveals_state_created_at", "reveals", ["state", "created_at"])
    op.create_index("ix_reveals_asked_by_created_at", "reveals", ["asked_by", "created_at"])
