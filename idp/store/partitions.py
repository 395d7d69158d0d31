"""The log's table on PostgreSQL, parted by month: a month's events are numbered from ``yyyymm`` × 10¹² and up, each range is a partition.

The partition is made first, then the sequence leaps into it. Without a leap events go on where they went, so that none is ever refused for want
of a partition; and whoever looks an event up by its number looks into one partition alone.
"""

from typing import Final

import psycopg
from psycopg import sql

from idp.store.pool import Connection

SPAN: Final = 10**12
"""Numbers of a month."""
FIRST: Final = 200_001
"""What is numbered below this month's range is in ``events_before``."""
PATIENCE: Final = "200ms"
"""How long a new event may wait behind us, who wait for the commits under way."""
_LAST: Final = "SELECT last_value FROM events_seq_seq"


def part_off(connection: Connection, month: int) -> bool:
    """Let events that come from now on be those of ``month`` (yyyymm); whether that began now. Raises psycopg.Error: all stays as it was."""
    low, high = month * SPAN, _after(month) * SPAN
    if month < FIRST or _last(connection) >= low:
        return False
    connection.execute(f"SET lock_timeout = '{PATIENCE}'")
    if not _parted(connection, month):
        with connection.transaction():
            _make(connection, month, low, high)
    with connection.transaction():
        # A commit under way knows the partitions of when it began, and could be given a number of one that it does not know.
        connection.execute("LOCK TABLE events IN SHARE ROW EXCLUSIVE MODE")
        if _last(connection) >= low:
            return False
        connection.execute("SELECT setval('events_seq_seq', %s, false)", [low])
    return True


def _after(month: int) -> int:
    year, number = divmod(month, 100)
    return month + 1 if number < 12 else (year + 1) * 100 + 1


def _last(connection: Connection) -> int:
    row = connection.execute(_LAST).fetchone()
    assert row is not None
    return int(row[0])


def _parted(connection: Connection, month: int) -> bool:
    query = "SELECT 1 FROM pg_inherits WHERE inhparent = 'events'::regclass AND inhrelid = to_regclass(%s)"
    return connection.execute(query, [_name(month)]).fetchone() is not None


def _name(month: int) -> str:
    return f"events_{month // 100}_{month % 100:02}"


def _make(connection: psycopg.Connection[tuple[object, ...]], month: int, low: int, high: int) -> None:
    """Attaching lets others write into the table meanwhile; making a partition in place would not."""
    name = sql.Identifier(_name(month))
    connection.execute(sql.SQL("CREATE TABLE {} (LIKE events)").format(name))
    attach = "ALTER TABLE events ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})"
    connection.execute(sql.SQL(attach).format(name, sql.Literal(low), sql.Literal(high)))
