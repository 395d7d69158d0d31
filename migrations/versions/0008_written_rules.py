"""Alert rules that were written in the console stand where changed ones do, sealed."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alert_changes", sa.Column("sealed", sa.LargeBinary(), nullable=True))
