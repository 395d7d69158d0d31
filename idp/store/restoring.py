"""A store that a copy comes back into: marked before the copy is there, so that nobody serves it until everything in it is ended.

PostgreSQL holds the mark as a table beside the restored ones, and the pool looks for it on each new connection; connections from before are ended.
A SQLite file needs none: it gets its name last.
"""

import os
import subprocess
from pathlib import Path
from typing import Any

from psycopg import conninfo

from idp.store.schema import LOCK, connection
from idp.store.sql import MARK
from idp.store.sqlite_file import path_of

ENDS = ("", "-wal", "-shm", "-journal")
"""Files of one SQLite database: a write-ahead log that another left would be read into the next of that name."""
_OF_AN_EXTENSION = "EXISTS (SELECT FROM pg_depend d WHERE d.objid = o.oid AND d.deptype = 'e')"
_OURS = f"""
    SELECT format('DROP TABLE IF EXISTS %I.%I CASCADE', n.nspname, o.relname) FROM pg_class o JOIN pg_namespace n ON n.oid = o.relnamespace
    WHERE o.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT {_OF_AN_EXTENSION}
""".replace("%", "%%")  # noqa: S608  constants
_FUNCTIONS = f"""
    SELECT format('DROP FUNCTION IF EXISTS %s CASCADE', o.oid::regprocedure) FROM pg_proc o JOIN pg_namespace n ON n.oid = o.pronamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT {_OF_AN_EXTENSION}
""".replace("%", "%%")  # noqa: S608  constants
_OTHERS = f"""
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
    AND pid NOT IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND (classid::bigint << 32) + objid::bigint = {LOCK})
"""  # noqa: S608  constants
"""Who serves still, and a pg_restore whose parent was killed; not whoever holds the lock under which this runs."""


def vacant(url: str) -> bool:
    """Whether nothing is there yet: no file of a SQLite database, which is not made, no table in one of PostgreSQL. Raises Unavailable."""
    if _is_file(url):
        path = path_of(url)
        return not any(Path(f"{path}{end}").exists() for end in ENDS)
    with connection(url) as opened:
        return not opened.exec_driver_sql(_OURS).fetchall()


def clear(url: str) -> None:
    """Take away what is in a database that was :func:`vacant` before. Raises OSError, Unavailable."""
    if _is_file(url):
        for end in ENDS:
            Path(f"{path_of(url)}{end}").unlink(missing_ok=True)
        return
    _emptied(url)


def begin(url: str) -> None:
    """Take away what an unfinished restore left, mark the database, and end the connections of whoever still serves it.

    Raises OSError, Unavailable.
    """
    if _is_file(url):
        clear(url)
        return
    _run(url, _OTHERS)
    _emptied(url, f"CREATE TABLE {MARK} ()")
    _run(url, _OTHERS)


def finish(url: str) -> None:
    """Everything is ended: let the database be served. Raises Unavailable."""
    if not _is_file(url):
        _run(url, f"DROP TABLE IF EXISTS {MARK}")


def bring_in(url: str, copy: Path) -> bool:
    """Bring PostgreSQL's archive ``copy`` into the database, all of it or nothing; whether that was done.

    Raises FileNotFoundError without the program.
    """
    given: dict[str, Any] = conninfo.conninfo_to_dict(url)
    password = given.pop("password", None)  # not on the command line, which every process may read
    secret = {} if password is None else {"PGPASSWORD": str(password)}
    command = ["pg_restore", "--no-owner", "--exit-on-error", "--single-transaction", "--no-password"]
    command += [f"--dbname={conninfo.make_conninfo('', **given)}", str(copy)]
    done = subprocess.run(command, env=os.environ | secret, capture_output=True, check=False)  # noqa: S603  an operator's own PostgreSQL programs
    return done.returncode == 0


def _emptied(url: str, then: str = "") -> None:
    with connection(url) as opened:
        drops = [*opened.exec_driver_sql(_OURS), *opened.exec_driver_sql(_FUNCTIONS)]
        for (statement,) in [*drops, *([(then,)] if then else [])]:
            opened.exec_driver_sql(statement)
        opened.commit()


def _run(url: str, statement: str) -> None:
    with connection(url) as opened:
        opened.exec_driver_sql(statement)
        opened.commit()


def _is_file(url: str) -> bool:
    return url.startswith("sqlite:")
