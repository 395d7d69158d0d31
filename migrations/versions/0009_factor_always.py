"""An account says since when its owner wants the second factor at every sign-in. Who is here already did not choose it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("accounts", sa.Column("factor_always_since", sa.BigInteger(), nullable=True))
