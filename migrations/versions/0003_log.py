"""The log's tree and its search index, made after the commit by the sequencer."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Runs in the event's own transaction: an event and its place in the line are there together or not at all.
_ENTER = """
CREATE FUNCTION enter_pending_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events_pending (seq) VALUES (NEW.seq);
    RETURN NULL;
END $$
"""
_TRIGGER = "CREATE TRIGGER pending AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION enter_pending_event()"


def number(name: str, *parts: Any, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), *parts, nullable=nullable)


def alone(name: str) -> sa.Column[Any]:
    """A number that is the whole key and that nobody counts up."""
    return sa.Column(name, sa.BigInteger(), nullable=False, autoincrement=False)


def text(name: str, *parts: Any, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), *parts, nullable=nullable)


def binary(name: str, *parts: Any, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.LargeBinary(), *parts, nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "event_facets",
        text("facet"),
        binary("value"),
        number("seq"),
        sa.PrimaryKeyConstraint("facet", "value", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event_counts",
        alone("span"),
        text("client_id"),
        alone("start"),
        text("kind"),
        number("n"),
        sa.PrimaryKeyConstraint("span", "client_id", "start", "kind"),
        sqlite_with_rowid=False,
    )
    op.create_table("events_pending", alone("seq"), sa.PrimaryKeyConstraint("seq"), sqlite_with_rowid=False)
    op.create_table("tree_tiles", number("level"), number("n"), binary("hashes"), sa.PrimaryKeyConstraint("level", "n"))
    op.create_table(
        "tree_bundles",
        alone("n"),
        binary("entries"),
        binary("seqs"),
        number("min_seq"),
        number("max_seq"),
        sa.PrimaryKeyConstraint("n"),
    )
    op.create_index("ix_tree_bundles_min_seq", "tree_bundles", ["min_seq"])
    op.create_index("ix_tree_bundles_max_seq", "tree_bundles", ["max_seq"])
    op.create_table(
        "tree_heads",
        text("name"),
        number("size"),
        binary("root"),
        number("last_seq"),
        binary("note"),
        number("at"),
        sa.PrimaryKeyConstraint("name"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("INSERT INTO events_pending (seq) SELECT seq FROM events")
        op.execute(_ENTER)
        op.execute(_TRIGGER)
