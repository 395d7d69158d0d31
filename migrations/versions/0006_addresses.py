"""Events found by network address, under a key of each month, and searches that staff keep. Older events are not found by address."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def number(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def binary(name: str, *parts: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.LargeBinary(), *parts, nullable=False)


def upgrade() -> None:
    op.create_table(
        "event_addresses",
        binary("event_id"),
        number("month"),
        number("at"),
        binary("owner"),
        binary("exact"),
        binary("near"),
        binary("wide"),
        sa.PrimaryKeyConstraint("event_id"),
        sqlite_with_rowid=False,
    )
    for column in ("exact", "near", "wide"):
        op.create_index(f"ix_event_addresses_{column}_at", "event_addresses", [column, "at"])
    op.create_index("ix_event_addresses_month_owner", "event_addresses", ["month", "owner"])
    op.create_table(
        "saved_searches",
        binary("id"),
        binary("account_id", sa.ForeignKey("accounts.id")),
        sa.Column("role", sa.Text(), nullable=False),
        binary("sealed"),
        number("created_at"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_saved_searches_account_id", "saved_searches", ["account_id"])
    op.create_index("ix_saved_searches_role", "saved_searches", ["role"])
