"""A batch of writes in one flight: every statement is handed to the PostgreSQL library first, sent in one piece, then all answers are read.

psycopg's own pipeline sends each statement by itself, so that the server wakes for each. Statements are prepared once for each connection, parameters
travel as the bytes of the column's type: int8, text, bytea, and arrays of these. The result of each statement says itself what failed.
"""

from collections.abc import Sequence
from typing import Any, Final

import psycopg
from psycopg import errors
from psycopg.abc import PQGen
from psycopg.generators import fetch, send
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from idp.store.pool import Connection
from idp.store.sql import Prepared

MOST_PREPARED: Final = 300
"""Statements that one connection keeps; what comes later is parsed each time."""
TEXT: Final = 0
BINARY: Final = 1
_INT8, _TEXT, _BYTEA = 20, 25, 17
_LEAST, _GREATEST = -(1 << 63), (1 << 63) - 1
_GOOD: Final = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)


def fly(connection: Connection, batch: Sequence[Prepared]) -> tuple[list[int], psycopg.Error | None]:
    """BEGIN and the writes; the rows that each touched, up to the first that failed, and its error. The transaction is left open.

    Raises psycopg.OperationalError when the connection is lost, psycopg.DataError and UnicodeEncodeError for what no column can hold.
    """
    written = [(text, *_parameters(params)) for text, params, _ in batch]
    return connection.wait(_flight(connection, written))


def end(connection: Connection, word: bytes) -> None:
    """``COMMIT`` or ``ROLLBACK``. Raises psycopg.Error."""
    connection.wait(_word(connection.pgconn, word))


def idle(connection: Connection) -> bool:
    """Whether the connection is between flights, so that a word can be said."""
    return not connection.closed and not connection.pgconn.pipeline_status


def _flight(
    connection: Connection, batch: Sequence[tuple[str, list[bytes | None], list[int]]]
) -> PQGen[tuple[list[int], psycopg.Error | None]]:
    pg, fresh = connection.pgconn, dict[str, bytes]()
    pg.enter_pipeline_mode()
    pg.send_query_params(b"BEGIN", None)
    first = [_ask(connection, fresh, *write) for write in batch]
    pg.pipeline_sync()
    yield from send(pg)
    counts: list[int] = []
    failed = _error((yield from _result(pg)))
    for (text, _, _), prepared in zip(batch, first, strict=True):
        if prepared:
            unready = _error((yield from _result(pg)))
            if unready is None:
                connection.known[text] = fresh[text]
            failed = failed or unready
        result = yield from _result(pg)
        failed = failed or _error(result)
        if failed is None:
            counts.append(result.command_tuples or 0)
    yield from fetch(pg)  # the answer to the sync
    if pg.status == ConnStatus.BAD:
        raise failed or _lost()
    pg.exit_pipeline_mode()
    return counts, failed


def _ask(
    connection: Connection, fresh: dict[str, bytes], text: str, values: list[bytes | None], formats: list[int]
) -> bool:
    """Queue a statement; whether it is prepared in this flight first, under its name in ``fresh``."""
    pg = connection.pgconn
    if (name := connection.known.get(text) or fresh.get(text)) is not None:
        pg.send_query_prepared(name, values, formats)
        return False
    if connection.named >= MOST_PREPARED:
        pg.send_query_params(_numbered(text), values, None, formats)
        return False
    connection.named += 1
    fresh[text] = name = b"flight_%d" % connection.named
    pg.send_prepare(name, _numbered(text))
    pg.send_query_prepared(name, values, formats)
    return True


def _word(pg: PGconn, word: bytes) -> PQGen[None]:
    pg.send_query(word)
    yield from send(pg)
    if (error := _error((yield from _result(pg)))) is not None:
        raise error


def _result(pg: PGconn) -> PQGen[PGresult]:
    """The one result of a statement."""
    found: PGresult | None = yield from fetch(pg)
    if found is None:
        raise _lost()
    yield from fetch(pg)  # nothing: the end of this statement
    return found


def _error(result: PGresult) -> psycopg.Error | None:
    return None if result.status in _GOOD else errors.error_from_result(result)


def _lost() -> psycopg.OperationalError:
    return psycopg.OperationalError("the connection is lost")


def _numbered(text: str) -> bytes:
    """``%s`` as ``$1``, ``$2`` …"""
    first, *rest = text.split("%s")
    return (first + "".join(f"${n}{part}" for n, part in enumerate(rest, 1))).encode()


def _parameters(params: Sequence[Any]) -> tuple[list[bytes | None], list[int]]:
    """Values and their formats. What nearly all are is written here, as each call is paid for in every commit."""
    values: list[bytes | None] = []
    for value in params:
        kind = value.__class__
        if kind is bytes or value is None:
            values.append(value)
        elif kind is str:
            values.append(value.encode())
        elif kind is int and _LEAST <= value <= _GREATEST:
            values.append(value.to_bytes(8, "big", signed=True))
        else:
            return [*map(_binary, params)], [*map(_format, params)]
    return values, [BINARY] * len(values)


def _binary(value: Any) -> bytes | None:
    """A parameter as the server takes it in binary form."""
    if value is None or value.__class__ is bytes:
        return value
    try:
        if value.__class__ is str:
            return value.encode()
        if isinstance(value, int):
            return value.to_bytes(8, "big", signed=True)
    except OverflowError:
        raise psycopg.DataError("a number beyond 64 bits") from None
    if isinstance(value, list):
        return _array(value)
    raise TypeError(f"a column holds int, str or bytes, not {type(value).__name__}")


def _format(value: Any) -> int:
    return TEXT if value.__class__ is list and not any(item is not None for item in value) else BINARY


def _array(values: list[Any]) -> bytes:
    """Of one kind; where nothing tells the kind, as text."""
    some = next((value for value in values if value is not None), None)
    if some is None:
        return b"{%s}" % b",".join([b"NULL"] * len(values))
    kind = _INT8 if isinstance(some, int) else _TEXT if isinstance(some, str) else _BYTEA
    parts = [b"".join(n.to_bytes(4, "big") for n in (1, int(None in values), kind, len(values), 1))]
    for value in values:
        item = _binary(value)
        if item is None:
            parts.append(b"\xff\xff\xff\xff")
        else:
            parts += (len(item).to_bytes(4, "big"), item)
    return b"".join(parts)
