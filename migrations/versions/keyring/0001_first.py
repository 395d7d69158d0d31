"""The first keyring: one row per account."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def number(name: str, *parts: Any, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), *parts, nullable=nullable)


def binary(name: str, *parts: Any, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.LargeBinary(), *parts, nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "keyring",
        binary("account_id"),
        binary("wrapped"),
        binary("pseudonym"),
        number("created_at"),
        sa.PrimaryKeyConstraint("account_id"),
    )
    op.create_index("ux_keyring_pseudonym", "keyring", ["pseudonym"], unique=True)
