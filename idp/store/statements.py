"""Turns reads and writes into SQL text, once per shape and dialect.

A *shape* is everything but the values: the record, the column names, the operators. SQLAlchemy Core writes the text the first time; after
that a request costs one dictionary look-up and the driver's own call (PERFORMANCE: no ORM, no compilation on the hot path).
Parameters are positional, in the order values, where, limit.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import starmap
from typing import Any, TypeVar

import sqlalchemy as sa
from msgspec import Struct
from msgspec.structs import astuple
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql.compiler import SQLCompiler

from idp.ports import Add, Delete, Holds, Insert, InsertMany, Op, Update, Write
from idp.store.tables import TABLES

S = TypeVar("S", bound=Struct)
Make = Callable[[Iterable[Sequence[Any]]], list[S]]
Shape = tuple[Any, ...]

MAX_SHAPES = 2000
SIGNS = ("<", "<=", ">", ">=", "!=")


def split(where: Mapping[str, Any]) -> tuple[Shape, list[Any]]:
    """Shape and parameters of a ``where``. Raises ValueError for an unknown sign."""
    shape: list[Any] = []
    params: list[Any] = []
    for name, value in where.items():
        if value is None:
            shape.append((name, "null", 0))
        elif value.__class__ is Op:
            shape.append(_split_op(name, value, params))
        else:
            shape.append(name)
            params.append(value)
    return tuple(shape), params


def _split_op(name: str, op: Op, params: list[Any]) -> Shape:
    if op.sign == "in":
        values = tuple(op.value)
        width = 1 << (len(values) - 1).bit_length() if values else 0
        params.extend(values + values[-1:] * (width - len(values)))  # padded, so that few lengths make few shapes
        return (name, "in", width)
    if op.sign not in SIGNS:
        raise ValueError(f"unknown sign {op.sign!r}")
    if op.value is None:
        if op.sign != "!=":
            raise ValueError(f"{op.sign} None compares with nothing")
        return (name, "known", 0)
    params.append(op.value)
    return (name, op.sign, 1)


def split_values(values: Mapping[str, Any]) -> tuple[Shape, list[Any]]:
    """Shape and parameters of an Update's ``values``."""
    shape: list[Any] = []
    params: list[Any] = []
    for name, value in values.items():
        if value.__class__ is Add:
            shape.append((name, "+"))
            params.append(value.n)
        else:
            shape.append(name)
            params.append(value)
    return tuple(shape), params


def maker(kind: type[S]) -> Make[S]:
    """How rows become records: by position, or by name where the record takes names alone."""
    names = kind.__struct_fields__
    if any(p.kind is p.KEYWORD_ONLY for p in inspect.signature(kind).parameters.values()):
        return lambda rows: [kind(**dict(zip(names, row, strict=True))) for row in rows]
    return lambda rows: list(starmap(kind, rows))


class Statements:
    """SQL text of one dialect, remembered by shape (at most ``MAX_SHAPES``; thread-safe: a race compiles twice)."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        # appended by hand: Core's SQLite dialect would add an OFFSET parameter to every LIMIT
        self._limit = " LIMIT " + ("?" if dialect.paramstyle == "qmark" else "%s")
        self._sql: dict[Shape, str] = {}
        self._makers: dict[type[Struct], Make[Any]] = {}

    def make(self, kind: type[S]) -> Make[S]:
        """The records' constructor from rows."""
        found = self._makers.get(kind)
        if found is None:
            found = self._makers[kind] = maker(kind)
        return found

    def select(
        self, kind: type[Struct], where: Mapping[str, Any], order: tuple[str, ...], limit: int
    ) -> tuple[str, list[Any]]:
        """Text and parameters that read whole rows."""
        shape, params = split(where)
        params.append(limit)
        key = ("select", kind, shape, order)
        sql = self._sql.get(key) or self._remember(key, lambda: _select(TABLES[kind], shape, order), self._limit)
        return sql, params

    def select_pair(
        self, kind: type[Struct], other: type[Struct], via: str, where: Mapping[str, Any]
    ) -> tuple[str, list[Any]]:
        """Text and parameters that read whole rows of ``kind``, each followed by the row of ``other`` whose key its column ``via`` holds."""
        shape, params = split(where)
        params.append(2)
        key = ("pair", kind, other, via, shape)
        sql = self._sql.get(key) or self._remember(
            key, lambda: _pair(TABLES[kind], TABLES[other], via, shape), self._limit
        )
        return sql, params

    def count(self, kind: type[Struct], where: Mapping[str, Any]) -> tuple[str, list[Any]]:
        """Text and parameters that count rows."""
        shape, params = split(where)
        key = ("count", kind, shape)
        return self._sql.get(key) or self._remember(key, lambda: _count(TABLES[kind], shape)), params

    def write(self, write: Write) -> tuple[str, Sequence[Any], int | None]:
        """Text, parameters and the row count that a write must have (None: any)."""
        if write.__class__ is Insert:
            return self._insert(write)
        if isinstance(write, Update):
            values, given = split_values(write.values)
            shape, params = split(write.where)
            key = ("update", write.kind, values, shape)
            kind = write.kind
            sql = self._sql.get(key) or self._remember(key, lambda: _update(TABLES[kind], values, shape))
            return sql, given + params, write.rows
        if isinstance(write, Delete):
            shape, params = split(write.where)
            gone, doomed = ("delete", write.kind, shape), write.kind
            sql = self._sql.get(gone) or self._remember(gone, lambda: _delete(TABLES[doomed], shape))
            return sql, params, write.rows
        if isinstance(write, Holds):
            shape, params = split(write.where)
            held, rested = ("holds", write.kind, shape), write.kind
            lock = "" if self._dialect.name == "sqlite" else " FOR SHARE"  # SQLite has one writer at a time
            sql = self._sql.get(held) or self._remember(held, lambda: _holds(TABLES[rested], shape), lock)
            return sql, params, 1
        if isinstance(write, InsertMany):
            return self._insert_many(write)
        raise TypeError(f"not a write: {type(write).__name__}")

    def _insert_many(self, write: InsertMany) -> tuple[str, Sequence[Any], int | None]:
        kind, count = type(write.records[0]), len(write.records)
        rows, table, add = map(astuple, write.records), TABLES[kind], write.add
        if (
            self._dialect.name == "postgresql"
        ):  # one text for every length, and few parameters: an array for each column
            many = ("many", kind, add)
            sql = self._sql.get(many) or self._remember(many, lambda: _insert_arrays(table, add))
            return sql, [list(column) for column in zip(*rows, strict=True)], None
        key = ("many", kind, count, add)
        sql = self._sql.get(key) or self._remember(key, lambda: _insert_many(table, count, add))
        return sql, [value for row in rows for value in row], None

    def _insert(self, write: Insert) -> tuple[str, Sequence[Any], int | None]:
        kind = type(write.record)
        table, params = TABLES[kind], astuple(write.record)
        numbered = table.info["identity"] is not None and not params[0]
        key = ("insert", kind, write.on_conflict, numbered)
        sql = self._sql.get(key) or self._remember(
            key, lambda: _insert(self._dialect.name, table, write.on_conflict, numbered)
        )
        return sql, params[1:] if numbered else params, None if write.on_conflict == "ignore" else 1

    def _remember(self, key: Shape, build: Callable[[], sa.ClauseElement], tail: str = "") -> str:
        if len(self._sql) >= MAX_SHAPES:
            self._sql.clear()
        compiled = build().compile(dialect=self._dialect)
        assert isinstance(compiled, SQLCompiler)
        names = list(compiled.positiontup or ())
        assert names == [f"p{i}" for i in range(len(names))], "parameters must stand in the order given"
        self._sql[key] = compiled.string + tail
        return compiled.string + tail


class _Params:
    """Numbers the parameters of one statement."""

    def __init__(self) -> None:
        self._n = 0

    def next(self, kind: sa.types.TypeEngine[Any]) -> sa.BindParameter[Any]:
        self._n += 1
        return sa.bindparam(f"p{self._n - 1}", type_=kind)


_COMPARE: dict[str, Callable[[Any, Any], sa.ColumnElement[bool]]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "!=": lambda a, b: a != b,
}


def _condition(table: sa.Table, part: Any, params: _Params) -> sa.ColumnElement[bool]:
    name, sign, width = part if isinstance(part, tuple) else (part, "=", 1)
    column = table.c[name]
    if sign == "=":
        return column == params.next(column.type)
    if sign == "null":
        return column.is_(None)
    if sign == "known":
        return column.is_not(None)
    if sign == "in":
        options = [params.next(column.type) for _ in range(width)]
        return column.in_(options) if options else sa.false()
    return _COMPARE[sign](column, params.next(column.type))


def _where(table: sa.Table, shape: Shape, params: _Params) -> list[sa.ColumnElement[bool]]:
    return [_condition(table, part, params) for part in shape]


def _select(table: sa.Table, shape: Shape, order: tuple[str, ...]) -> sa.Select[Any]:
    params = _Params()
    columns = [table.c[o[1:]].desc() if o[0] == "-" else table.c[o].asc() for o in order]
    return sa.select(*table.c).where(*_where(table, shape, params)).order_by(*columns)


def _pair(table: sa.Table, other: sa.Table, via: str, shape: Shape) -> sa.Select[Any]:
    (key,) = other.primary_key.columns
    joined = table.outerjoin(other, key == table.c[via])
    return sa.select(*table.c, *other.c).select_from(joined).where(*_where(table, shape, _Params()))


def _count(table: sa.Table, shape: Shape) -> sa.Select[Any]:
    return sa.select(sa.func.count()).select_from(table).where(*_where(table, shape, _Params()))


def _update(table: sa.Table, values: Shape, shape: Shape) -> sa.Update:
    params, new = _Params(), dict[str, Any]()
    for part in values:
        name, add = (part[0], True) if isinstance(part, tuple) else (part, False)
        value = params.next(table.c[name].type)
        new[name] = table.c[name] + value if add else value
    ordered = [(table.c[name], value) for name, value in new.items()]
    return sa.update(table).ordered_values(*ordered).where(*_where(table, shape, params))


def _delete(table: sa.Table, shape: Shape) -> sa.Delete:
    return sa.delete(table).where(*_where(table, shape, _Params()))


def _holds(table: sa.Table, shape: Shape) -> sa.Select[Any]:
    return sa.select(sa.literal_column("1")).select_from(table).where(*_where(table, shape, _Params()))


def _insert_many(table: sa.Table, count: int, add: str) -> sa.Insert:
    params = _Params()
    rows = [{c.name: params.next(c.type) for c in table.c} for _ in range(count)]
    insert = sqlite.insert(table).values(rows)
    if not add:
        return insert.on_conflict_do_nothing().inline()
    total = {add: table.c[add] + insert.excluded[add]}
    return insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=total).inline()


def _insert_arrays(table: sa.Table, add: str) -> sa.Insert:
    params = _Params()
    arrays = [sa.cast(params.next(postgresql.ARRAY(c.type)), postgresql.ARRAY(c.type)) for c in table.c]
    rows = sa.select(sa.text("*")).select_from(sa.func.unnest(*arrays).alias("rows"))
    insert = postgresql.insert(table).from_select([c.name for c in table.c], rows)
    if not add:
        return insert.on_conflict_do_nothing().inline()
    total = {add: table.c[add] + insert.excluded[add]}
    return insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=total).inline()


def _insert(dialect: str, table: sa.Table, on_conflict: str, numbered: bool) -> sa.Insert:
    params = _Params()
    given = [c for c in table.c if not (numbered and c.name == table.info["identity"])]
    insert = (sqlite.insert if dialect == "sqlite" else postgresql.insert)(table)
    insert = insert.values({c.name: params.next(c.type) for c in given})
    if on_conflict == "fail":
        return insert.inline()
    if on_conflict == "ignore":
        return insert.on_conflict_do_nothing().inline()
    if on_conflict == "replace":
        key = list(table.primary_key.columns)
        kept = {c.name for c in key} | {"created_at"}
        fresh = {c.name: insert.excluded[c.name] for c in table.c if c.name not in kept}
        return insert.on_conflict_do_update(index_elements=key, set_=fresh).inline()
    raise ValueError(f"unknown on_conflict {on_conflict!r}")
