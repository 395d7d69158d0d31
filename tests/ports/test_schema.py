"""Tables follow the records, migrations lead to the tables, and no database of another version is served."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from msgspec import Struct

from idp import records
from idp.errors import Unavailable
from idp.records import KeyringEntry, Record
from idp.store import schema
from idp.store.open import open_keyring, open_store
from idp.store.sql import SchemaUnknown
from idp.store.tables import KEYRING, MAIN, TABLES, column_type

FIXTURES = Path(__file__).parent / "migrations" / "fixtures"
LINEAGES = [schema.MAIN_LINEAGE, schema.KEYRING_LINEAGE]
NAMES = ["main", "keyring"]


def test_every_record_has_its_table() -> None:
    declared = {v for v in vars(records).values() if isinstance(v, type) and issubclass(v, Struct) and v is not Record}
    assert set(TABLES) == declared
    assert {t.name for t in TABLES.values()} == set(MAIN.tables) | set(KEYRING.tables)
    assert TABLES[KeyringEntry].metadata is KEYRING
    assert set(MAIN.tables).isdisjoint(KEYRING.tables)


@pytest.mark.parametrize("kind", TABLES, ids=lambda kind: kind.__name__)
def test_columns_are_the_fields_in_their_order(kind: type[Struct]) -> None:
    assert tuple(c.name for c in TABLES[kind].columns) == kind.__struct_fields__


@pytest.mark.parametrize("annotation", [bool, float, list[str], dict])
def test_a_type_that_databases_read_differently_is_refused(annotation: Any) -> None:
    with pytest.raises(TypeError):
        column_type(annotation)


@pytest.mark.parametrize("lineage", LINEAGES, ids=NAMES)
def test_the_newest_migration_is_the_one_that_the_program_names(lineage: schema.Lineage) -> None:
    scripts = ScriptDirectory.from_config(schema._config(lineage))
    assert scripts.get_heads() == [lineage.head]
    assert [len(s.nextrev) for s in scripts.walk_revisions()][1:] == [1] * (len(list(scripts.walk_revisions())) - 1)


def _sqlite_picture(connection: sa.Connection) -> list[str]:
    rows = connection.exec_driver_sql(
        "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE '%schema_version%'"
    )
    return sorted(" ".join(row[0].replace('"', "").split()) for row in rows)


_PARTS = "SELECT relname FROM pg_class WHERE relispartition"
_COLUMNS = (
    "SELECT table_name, ordinal_position, column_name, data_type, is_nullable, identity_generation, column_default"
    f" FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT IN ({_PARTS})"
)
_POSTGRES = (
    _COLUMNS,
    f"SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename NOT IN ({_PARTS})",
    (
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid <> 0"
        f" AND conrelid::regclass::text NOT IN ({_PARTS})"
    ),
    "SELECT relname, pg_get_partkeydef(oid) FROM pg_class WHERE relkind = 'p'",
)


def _postgres_picture(connection: sa.Connection) -> list[str]:
    rows = [tuple(row) for query in _POSTGRES for row in connection.exec_driver_sql(query)]
    return sorted(str(row) for row in rows if "schema_version" not in str(row))


@pytest.mark.parametrize("lineage", LINEAGES, ids=NAMES)
def test_migrated_and_declared_schemas_are_the_same(
    request: pytest.FixtureRequest, backend: str, tmp_path: Path, lineage: schema.Lineage
) -> None:
    if backend == "sqlite":
        urls, picture = [f"sqlite:///{tmp_path}/{n}.db" for n in "ab"], _sqlite_picture
    else:
        make, picture = request.getfixturevalue("postgres_database"), _postgres_picture
        urls = [make(), make()]
    schema.upgrade(urls[0], lineage=lineage)
    with schema.connection(urls[1]) as connection:
        lineage.metadata.create_all(connection)
        connection.commit()
    pictures: list[list[str]] = []
    for url in urls:
        with schema.connection(url) as connection:
            pictures.append(picture(connection))
    assert pictures[0] == pictures[1]
    assert len(pictures[0]) >= len(lineage.metadata.tables)


@pytest.mark.parametrize("lineage", LINEAGES, ids=NAMES)
def test_a_store_serves_its_own_version_alone(empty_url: str, lineage: schema.Lineage) -> None:
    open_ = open_store if lineage is schema.MAIN_LINEAGE else open_keyring
    assert schema.current(empty_url, lineage=lineage) is None
    store = open_(empty_url)
    for check in (store.check, lambda: schema.check(empty_url, lineage=lineage)):
        with pytest.raises(SchemaUnknown, match="idp db upgrade"):
            check()
    schema.upgrade(empty_url, lineage=lineage)
    assert schema.current(empty_url, lineage=lineage) == schema.head(lineage=lineage)
    store.check()
    schema.check(empty_url, lineage=lineage)
    for version, remedy in (("0000", "idp db upgrade"), ("9999", "newer")):
        _pretend(empty_url, lineage, version)
        for check in (store.check, lambda: schema.check(empty_url, lineage=lineage)):
            with pytest.raises(SchemaUnknown, match=remedy):
                check()
    with pytest.raises(SchemaUnknown, match="newer"):
        schema.upgrade(empty_url, lineage=lineage)
    store.close()


def _pretend(url: str, lineage: schema.Lineage, version: str) -> None:
    with schema.connection(url) as connection:
        connection.exec_driver_sql(f"UPDATE {lineage.version_table} SET version_num = '{version}'")
        connection.commit()


def test_a_store_of_the_other_lineage_is_refused(store_url: str) -> None:
    keyring = open_keyring(store_url)
    with pytest.raises(SchemaUnknown):
        keyring.check()
    keyring.close()


def test_upgrade_reports_each_version_and_repeats_harmlessly(empty_url: str) -> None:
    said: list[str] = []
    schema.upgrade(empty_url, said.append)
    assert said[0].startswith("0001 ")
    assert said[-1] == f"at version {schema.head()}"
    schema.upgrade(empty_url, said.append)
    assert said.count(said[0]) == 1


def test_an_unreachable_database_is_unavailable(tmp_path: Path) -> None:
    for url in (f"postgresql://nobody@/none?host={tmp_path}", f"sqlite:///{tmp_path}"):
        with pytest.raises(Unavailable):
            schema.check(url)


def _fixtures(name: str) -> list[Path]:
    return sorted(FIXTURES.glob(f"*_{name}.json"))


def _decoded(row: dict[str, Any]) -> dict[str, Any]:
    return {k: bytes.fromhex(v["hex"]) if isinstance(v, dict) else v for k, v in row.items()}


def _rows(connection: sa.Connection, table: str) -> list[dict[str, Any]]:
    rows = connection.execute(sa.text(f'SELECT * FROM "{table}"')).mappings()
    found = [{k: bytes(v) if isinstance(v, memoryview) else v for k, v in row.items()} for row in rows]
    return sorted(found, key=repr)


def _insert(connection: sa.Connection, table: str, row: dict[str, Any]) -> None:
    columns, marks = ", ".join(f'"{k}"' for k in row), ", ".join(f":{k}" for k in row)
    connection.execute(sa.text(f'INSERT INTO "{table}" ({columns}) VALUES ({marks})'), row)


Rows = dict[str, list[dict[str, Any]]]


@pytest.mark.attack("F32")
@pytest.mark.parametrize(("lineage", "name"), list(zip(LINEAGES, NAMES, strict=True)), ids=NAMES)
def test_rows_of_every_version_live_through_every_later_migration(
    empty_url: str, lineage: schema.Lineage, name: str
) -> None:
    """Upgrade from every released schema: each version's rows, as written then, read as its fixture says after each later one (DESIGN §3)."""
    files = _fixtures(name)
    assert [f.name.partition("_")[0] for f in files] == _versions(lineage)
    for file in files:
        fixture: dict[str, Rows] = json.loads(file.read_text())
        schema.upgrade(empty_url, lineage=lineage, to=file.name.partition("_")[0])
        with schema.connection(empty_url) as connection:
            for table, rows in fixture["before"].items():
                assert _rows(connection, table) == sorted(map(_decoded, rows), key=repr), table
            for table, rows in fixture["after"].items():
                for row in rows:
                    _insert(connection, table, _decoded(row))
            connection.commit()
    _every_table_reads(empty_url, lineage, open_store if name == "main" else open_keyring)


def _versions(lineage: schema.Lineage) -> list[str]:
    return sorted(s.revision for s in ScriptDirectory.from_config(schema._config(lineage)).walk_revisions())


def _every_table_reads(url: str, lineage: schema.Lineage, open_: Callable[[str], Any]) -> None:
    """At the newest version every table holds a row and today's records read it."""
    store = open_(url)
    for kind, table in TABLES.items():
        if table.metadata is lineage.metadata:
            found = store.all() if open_ is open_keyring else store.find(kind)
            assert found, f"no fixture row of {table.name}"
            assert all(isinstance(row, kind) for row in found)
    store.close()
