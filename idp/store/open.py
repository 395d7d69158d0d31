"""Picks the implementation of each storage port by the scheme of its URL; ``idp.app`` is the only caller.

Drivers are imported when chosen, so that the embedded mode loads neither psycopg nor redis.
"""

from idp.ports import Clock, Keyring, Store, Volatile

SQLITE = ("sqlite",)
POSTGRES = ("postgresql", "postgres")
REDIS = ("redis", "rediss", "unix")


def open_store(url: str, *, restoring: bool = False) -> Store:
    """The main store at ``sqlite:///path`` or ``postgresql://…``; nothing is connected yet. ``restoring``: although a restore into it has not ended.

    Raises ValueError for another scheme.
    """
    scheme = _scheme(url)
    if scheme in SQLITE:
        from idp.store.sqlite import SqliteStore

        return SqliteStore(url)
    if scheme in POSTGRES:
        from idp.store.postgres import PostgresStore

        return PostgresStore(url, restoring=restoring)
    raise ValueError(f"a database URL begins with sqlite:/// or postgresql://, not {scheme}:")


def open_keyring(url: str, *, restoring: bool = False) -> Keyring:
    """The keyring at ``sqlite:///path`` or ``postgresql://…``, as :func:`open_store`. Raises ValueError for another scheme."""
    scheme = _scheme(url)
    if scheme in SQLITE:
        from idp.store.sqlite import sqlite_keyring

        return sqlite_keyring(url)
    if scheme in POSTGRES:
        from idp.store.postgres import postgres_keyring

        return postgres_keyring(url, restoring=restoring)
    raise ValueError(f"a keyring URL begins with sqlite:/// or postgresql://, not {scheme}:")


def open_volatile(url: str, clock: Clock) -> Volatile:
    """The volatile store at ``sqlite:///path``, ``redis://``, ``rediss://`` or ``unix://``.

    Raises ValueError for another scheme; Unavailable when the SQLite file can't be made.
    """
    scheme = _scheme(url)
    if scheme in SQLITE:
        from idp.store.volatile_sqlite import SqliteVolatile

        return SqliteVolatile(url, clock)
    if scheme in REDIS:
        from idp.store.volatile_redis import RedisVolatile

        return RedisVolatile(url, clock)
    raise ValueError(f"a volatile URL begins with sqlite:///, redis://, rediss:// or unix://, not {scheme}:")


def _scheme(url: str) -> str:
    return url.partition(":")[0]
